/** `frag`: extents that files have against those that would do. */
import { DbError } from '../error.ts';
import { fixed } from '../number.ts';
import { parseOptions } from '../options.ts';
import { Fragmentation, type FragmentationKinds } from '../scan/fragmentation.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

/** Letters that choose what counts; without any of them all does. */
const KINDS: Readonly<Record<string, keyof FragmentationKinds>> = {
  a: 'attributes',
  d: 'directories',
  f: 'files',
  l: 'symlinks',
  q: 'quota',
  R: 'realtimeControl',
  r: 'realtimeFiles',
};

function frag({ cursor }: Session, args: readonly string[]): Output {
  const bad = () => new DbError('bad option for frag command');
  const given = new Set(parseOptions(args, 'adflqRrv', bad).options.map(([letter]) => letter));
  const verbose = given.delete('v');
  const kinds = Object.fromEntries(
    Object.entries(KINDS).map(([letter, kind]) => [kind, given.size === 0 || given.has(letter)]),
  ) as unknown as FragmentationKinds;
  const lines: string[] = [];
  const inodes: Json[] = [];
  const messages: string[] = [];
  const scan = new Fragmentation(cursor.filesystem, kinds, {
    message(text) {
      lines.push(text);
      messages.push(text.trimEnd());
    },
    ...(verbose
      ? {
          inode(ino: number, actual: number, ideal: number) {
            lines.push(`inode ${ino} actual ${actual} ideal ${ideal}\n`);
            inodes.push({ ino, actual, ideal });
          },
        }
      : {}),
  });
  scan.scan();
  const { actual, ideal } = scan;
  const factor = actual === 0 ? 0 : ((actual - ideal) * 100) / actual;
  return {
    text:
      `${lines.join('')}actual ${actual}, ideal ${ideal}, fragmentation factor ${fixed(factor, 2)}%\n` +
      'Note, this number is largely meaningless.\n' +
      `Files on this filesystem average ${fixed(actual / ideal, 2)} extents per file\n`,
    json: {
      actual,
      ideal,
      factor,
      ...(verbose ? { inodes } : {}),
      ...(messages.length > 0 ? { messages } : {}),
    },
  };
}

export const FRAG_COMMANDS: readonly CommandRow[] = [
  {
    name: 'frag',
    args: '[-a] [-d] [-f] [-l] [-q] [-R] [-r] [-v]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'get file fragmentation data',
    run: frag,
  },
];
