/** XMI: ranges of two forks were being exchanged; what the intent names is what was still to be done. */
import { LOG_XMI } from '../../../format/logitem.ts';
import { type Exchange, exchangeRanges } from '../../inode/exchange.ts';
import { type Inode, readInode } from '../../inode/inode.ts';
import type { Transaction } from '../../transaction.ts';
import { LogError } from '../record.ts';
import type { OpenIntent } from '../replay/replay.ts';

const FLAG = { ATTR: 1, SIZES: 2, ONLY_WRITTEN: 4, CLEAR_REFLINK_1: 8, CLEAR_REFLINK_2: 16 } as const;
const KNOWN = 31n;
/** File offsets end here, blocks. */
const MOST_BLOCKS = 2n ** 54n;

export function exchangeFiles(tr: Transaction, { regions }: OpenIntent, files: Set<number>): void {
  const head = regions[0]!;
  if (head.length < LOG_XMI.size) throw fault(`a head of ${head.length} bytes`);
  if (!tr.fs.geometry.features.exchrange) throw fault('the filesystem has none');
  const xmi = LOG_XMI.over(head);
  if ((xmi.flags & ~KNOWN) !== 0n) throw fault(`flags 0x${xmi.flags.toString(16)}`);
  const flags = Number(xmi.flags);
  for (const start of [xmi.startoff1, xmi.startoff2]) {
    if (start + xmi.blockcount > MOST_BLOCKS) throw fault(`blocks ${start} + ${xmi.blockcount} of a file`);
  }
  const side = (ino: bigint, gen: number, start: bigint, size: bigint, clear: number): Exchange['first'] => {
    const inode = fileOf(tr, Number(ino), gen);
    files.add(inode.ino);
    const newSize = BigInt.asIntN(64, size);
    const clearReflink = (flags & clear) !== 0;
    return { inode, fileoff: Number(start), clearReflink, ...(newSize >= 0n ? { newSize } : {}) };
  };
  exchangeRanges({
    name: flags & FLAG.ATTR ? 'attr' : 'data',
    count: Number(xmi.blockcount),
    first: side(xmi.inode1, xmi.igen1, xmi.startoff1, xmi.isize1, FLAG.CLEAR_REFLINK_1),
    second: side(xmi.inode2, xmi.igen2, xmi.startoff2, xmi.isize2, FLAG.CLEAR_REFLINK_2),
    setSizes: (flags & FLAG.SIZES) !== 0,
    onlyWritten: (flags & FLAG.ONLY_WRITTEN) !== 0,
  });
  tr.finish();
}

function fileOf(tr: Transaction, ino: number, gen: number): Inode {
  const inode = readInode(tr, ino);
  if (inode.core.gen !== gen) throw fault(`generation ${gen} of inode ${ino}, which has ${inode.core.gen}`);
  return inode;
}

function fault(why: string): LogError {
  return new LogError('LOG_CORRUPT', `exchange intent: ${why}`);
}
