/** What AGs keep that no record tells: `agresv`, and `dump_iunlinked` (of later versions). */
import { NULL_AGINO } from '../../format/geometry.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { DbError } from '../error.ts';
import { leadingInt, parseOptions } from '../options.ts';
import { reserveOf } from '../scan/reserve.ts';
import { readUnlinked, unlinkedHeads } from '../scan/unlinked.ts';
import { mountedState } from '../scan/verdict.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

const readerOf = ({ cursor }: Session) =>
  new ScanReader(cursor.filesystem.device, cursor.filesystem.geometry);

function agresv(session: Session, args: readonly string[]): Output {
  const reader = readerOf(session);
  const { agcount } = reader.geometry;
  // xfs_db has the header that it refused when it opened the image, and takes it as it is from then on.
  const { refusedAgno } = mountedState(reader, session.cursor.filesystem.superblock.rootino);
  let stderr = '';
  let text = '';
  const json: Json[] = [];
  const show = (agno: number) => {
    const reserve = reserveOf(reader, agno, agno === refusedAgno);
    if (!reserve) {
      stderr += `AG ${agno}: its headers cannot be read\n`;
      return;
    }
    const { length, free, reserved, used } = reserve;
    const short = (reserved - used) >>> 0 > free;
    text += `AG ${agno}: length: ${length} free: ${free} reserved: ${reserved} used: ${used}`;
    text += short ? ' <not enough space>\n' : '\n';
    json.push({ ...reserve, enough: !short });
  };
  if (args.length === 0) for (let agno = 0; agno < agcount; agno++) show(agno);
  for (const word of args) {
    const number = /^[+-]?(0[xX][0-9a-fA-F]+|\d+)/.exec(word);
    const agno = number ? Number(number[0]) : Number.NaN;
    if (Number.isNaN(agno)) stderr += `${word}: Numerical result out of range\n`;
    else if (agno < 0 || agno >= agcount) stderr += `${agno}: Not a AG.\n`;
    else show(agno);
  }
  return { text, json, ...(stderr === '' ? {} : { stderr, failed: true }) };
}

interface Unlinked {
  readonly quiet: boolean;
  readonly verbose: boolean;
  text: string;
  readonly json: Json[];
}

function dumpIunlinked(session: Session, args: readonly string[]): Output {
  const reader = readerOf(session);
  const { agcount } = reader.geometry;
  const bad = () => new DbError('Bad option for dump_iunlinked command.');
  const { options } = parseOptions(args, 'a:b:qv', bad);
  const last = (letter: string) => options.findLast(([given]) => given === letter)?.[1];
  const has = (letter: string) => options.some(([given]) => given === letter);
  const agno = last('a') === undefined ? undefined : leadingInt(last('a')!) >>> 0;
  const bucket = last('b') === undefined ? undefined : leadingInt(last('b')!) >>> 0;
  if (agno !== undefined && agno >= agcount) throw new DbError(`Unknown AG ${agno}, agcount is ${agcount}.`);
  if (bucket !== undefined && bucket > 63) throw new DbError(`Unknown bucket ${bucket}, max is 63.`);
  const out: Unlinked = { quiet: has('q'), verbose: has('v'), text: '', json: [] };
  for (let i = agno ?? 0; i < (agno === undefined ? agcount : agno + 1); i++) dumpAg(reader, i, bucket, out);
  return { text: out.text, json: out.json };
}

function dumpAg(reader: ScanReader, agno: number, only: number | undefined, out: Unlinked): void {
  const heads = unlinkedHeads(reader, agno);
  if (heads === 'refused') {
    out.text += `AGI ${agno}: Structure needs cleaning\n`;
    return;
  }
  heads.forEach((head, bucket) => {
    if (only !== undefined && bucket !== only) return;
    if (head === NULL_AGINO) {
      if (!out.quiet) out.text += `AG ${agno} bucket ${bucket} agino NULL\n`;
      return;
    }
    dumpList(reader, { agno, bucket, head }, out);
  });
}

function dumpList(
  reader: ScanReader,
  { agno, bucket, head }: { agno: number; bucket: number; head: number },
  out: Unlinked,
): void {
  const list = readUnlinked(reader, agno, head);
  list.forEach(({ agino, blocks }, i) => {
    out.text += i === 0 ? `AG ${agno} bucket ${bucket} agino ${agino}` : `    [${i - 1}] agino ${agino}`;
    if (blocks === undefined) {
      out.text += `AG ${agno} agino ${agino}: Structure needs cleaning\n`;
      return;
    }
    out.text += out.verbose ? ` blocks ${blocks} rtblocks 0\n` : '\n';
  });
  if (!out.quiet) out.text += `    [${list.length - 1}] agino NULL\n`;
  out.json.push({
    agno,
    bucket,
    inodes: list.map(({ agino, blocks }) => ({
      agino,
      ino: reader.geometry.ino(agno, agino),
      blocks: blocks ?? null,
    })),
  });
}

export const AG_COMMANDS: readonly CommandRow[] = [
  {
    name: 'agresv',
    args: '[agno]...',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'print AG reservation stats',
    run: agresv,
  },
  {
    name: 'dump_iunlinked',
    args: '[-a agno] [-b bucket] [-q] [-v]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'dump chain of unlinked inode buckets',
    run: dumpIunlinked,
  },
];
