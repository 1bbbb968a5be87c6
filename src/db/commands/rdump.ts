/** `rdump`: copies files out of the image. */
import { realpathSync } from 'node:fs';
import { S_IFDIR } from '../../format/inode.ts';
import { type Inode, inodeFacts } from '../../fs/read/inode.ts';
import { lookupPath } from '../../fs/read/path.ts';
import { Folder, isPlainName } from '../copy/folder.ts';
import { TreeCopy } from '../copy/tree.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';

interface Wanted {
  readonly path: string;
  readonly inode: Inode;
}

function rdump({ cursor }: Session, args: readonly string[]): Output {
  const usage = () => new DbError('rdump arguments: [-s] [path]... directory');
  const { options, rest } = parseOptions(args, 's', usage);
  const target = rest.at(-1);
  if (target === undefined || target === '') throw new DbError('Must supply destination directory.');
  const { filesystem } = cursor;
  const wanted: Wanted[] = [];
  const missing: string[] = [];
  for (const path of rest.length === 1 ? ['/'] : rest.slice(0, -1)) {
    const found = lookupPath(filesystem, path);
    if ('inode' in found) wanted.push({ path, inode: found.inode });
    else missing.push(found.missing);
  }
  const strict = options.length > 0;
  if (wanted.length === 0 || (strict && missing.length > 0)) {
    const text = missing.map((line) => `${line}\n`).join('');
    return { text, json: { notCopied: missing.length, messages: missing }, failed: true, exitCode: 1 };
  }
  const folder = Folder.top(target);
  const copy = new TreeCopy(filesystem, filesystem.realtime, { folder, path: realpathSync(target) }, strict);
  for (const text of missing) copy.report.tell(text);
  try {
    for (const each of wanted) copyOne(copy, each, wanted.length === 1 && rest.length <= 2);
  } finally {
    copy.finish();
    folder.close();
  }
  const { report } = copy;
  const lines = report.lines(target);
  const { files, directories, bytes, count } = report;
  return {
    text: lines.map((line) => `${line}\n`).join(''),
    json: { files, directories, bytes, notCopied: count, messages: report.messages, lost: report.lost },
    failed: count > 0,
    exitCode: missing.length > 0 ? 1 : 0,
  };
}

/** A single directory is copied without itself. */
function copyOne(copy: TreeCopy, { path, inode }: Wanted, isSole: boolean): void {
  const name = Buffer.from(
    path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .at(-1) ?? '',
  );
  const isDirectory = inodeFacts(inode).type === S_IFDIR;
  if (isDirectory && (isSole || name.length === 0)) copy.copyInside(inode);
  else if (isPlainName(name)) copy.copyAs(inode, name);
  else throw new DbError(`${path}: no name to copy it to`);
}

export const RDUMP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'rdump',
    args: '[-s] [path]... directory',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    completes: 'file',
    summary: 'recover files out of a filesystem',
    help: [
      'Copies the files and trees at the paths, or all, into a directory outside of the image (made when missing).',
      'A single directory is copied without itself. Holes stay holes; hard links, symlinks, owners, modes, times',
      'and extended attributes (by setfattr) are copied, devices when run as root. Nothing is overwritten.',
      '-s  the first thing that cannot be copied ends it; otherwise as much as possible is copied',
    ],
    run: rdump,
  },
];
