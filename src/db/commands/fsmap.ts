/** `fsmap`: the reverse mappings, all or those of a range of blocks. */
import { RMAP_RECORD } from '../../format/btree.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { AsciiWriter } from '../ascii.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import { parseNumber } from '../path.ts';
import { type RmapList, readRmaps } from '../scan/rmap.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import { integerJson, type Json } from '../value.ts';

const ALL_ONES = 0xffffffff;
const LINES_AT_ONCE = 4096;

function fsmap({ cursor }: Session, args: readonly string[]): Output {
  const { filesystem } = cursor;
  const { geometry } = filesystem;
  if (!geometry.features.rmapbt) throw new DbError('Filesystem does not support reverse mapping btree.');
  const { rest } = parseOptions(args, '', () => new DbError('Bad option for fsmap command.'));
  const from = rest[0] === undefined ? 0n : parseNumber(rest[0]);
  if (from === undefined || from >= BigInt(geometry.dblocks)) {
    throw new DbError(`Bad fsmap start_fsb ${rest[0]}.`);
  }
  const to = rest[1] === undefined ? 2n ** 64n - 1n : parseNumber(rest[1]);
  if (to === undefined) throw new DbError(`Bad fsmap end_fsb ${rest[1]}.`);
  const lastBlock = geometry.dblocks - 1;
  const end = geometry.fsbno(Math.floor(lastBlock / geometry.agblocks), lastBlock % geometry.agblocks);
  const isPast = to > BigInt(end) || geometry.fsbnoByte(Number(to)) >= geometry.dblocks * geometry.blocksize;
  const reader = new ScanReader(filesystem.device, geometry);
  const list = readRmaps(
    reader,
    { from: Number(from), to: isPast ? end : Number(to) },
    filesystem.superblock.rootino,
  );
  const fault = list.fault && `Error ${list.fault.errno} while ${list.fault.where}.`;
  return {
    get text() {
      return [...listText(list, fault)].join('');
    },
    chunks: () => listText(list, fault),
    bytes: true,
    rows: () => listRows(list, fault),
  };
}

function* listText(list: RmapList, fault: string | undefined): Generator<string> {
  const out = new AsciiWriter();
  const { view } = list;
  let i = 0;
  for (const { agno, end } of list.ends) {
    const middle = `: ${agno}/`;
    for (; i < end; i++) {
      const at = i * RMAP_RECORD.size;
      const high = view.getUint32(at + 16);
      out.number(i);
      out.text(middle);
      out.number(view.getUint32(at));
      out.text(' len ');
      out.number(view.getUint32(at + 4));
      out.text(' owner ');
      writeOwner(out, view, at + 8);
      out.text(' offset ');
      writeOffset(out, high & 0x3fffff, view.getUint32(at + 20));
      out.text(high & 0x40000000 ? ' bmbt 1' : ' bmbt 0');
      out.text(high & 0x80000000 ? ' attrfork 1' : ' attrfork 0');
      out.text(high & 0x20000000 ? ' extflag 1\n' : ' extflag 0\n');
      if (i % LINES_AT_ONCE === 0) yield* out.take();
    }
  }
  yield out.toString() + (fault === undefined ? '' : `${fault}\n`);
}

/** Owners are signed: inodes, or small negative numbers. */
function writeOwner(out: AsciiWriter, view: DataView, at: number): void {
  const high = view.getUint32(at);
  if (high === 0) out.number(view.getUint32(at + 4));
  else if (high === ALL_ONES) out.text(String(view.getUint32(at + 4) - 2 ** 32));
  else out.text(view.getBigInt64(at).toString());
}

function writeOffset(out: AsciiWriter, high: number, low: number): void {
  if (high === 0) out.number(low);
  else out.text(((BigInt(high) << 32n) | BigInt(low)).toString());
}

function* listRows(list: RmapList, fault: string | undefined): Generator<Json> {
  const { view } = list;
  let i = 0;
  for (const { agno, end } of list.ends) {
    for (; i < end; i++) {
      const at = i * RMAP_RECORD.size;
      const record = RMAP_RECORD.at(view, at);
      const owner = view.getBigInt64(at + 8);
      yield {
        agno,
        agbno: record.startblock,
        blocks: record.blockcount,
        owner: integerJson(owner),
        offset: record.offset,
        bmbt: record.bmbtblock === 1,
        attrfork: record.attrfork === 1,
        unwritten: record.extentflag === 1,
      };
    }
  }
  if (fault !== undefined) yield { error: fault };
}

export const FSMAP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'fsmap',
    args: '[start_fsb] [end_fsb]',
    least: 0,
    most: 2,
    summary: 'display reverse mapping(s)',
    run: fsmap,
  },
];
