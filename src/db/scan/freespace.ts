/**
 * Free space as the bnobt or cntbt of each AG tells it, and its free list; summed up in a histogram of extent
 * lengths. Records are taken as they stand: nothing is verified but what bounds the walk.
 */
import { BTREE, maxRecords, SHORT_HEADER } from '../../format/btree.ts';
import { readAgf, readFreeList } from '../../fs/scan/agheader.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { TreeWalk } from '../../fs/scan/tree.ts';
import type { Filesystem } from '../filesystem.ts';

/** A range of lengths and what falls into it. */
export interface Bucket {
  readonly low: number;
  high: number;
  extents: number;
  blocks: number;
}

/** Lengths at which ranges begin: equal steps, powers, or given ones. At most `MOST_BUCKETS`. */
export type BucketRule =
  | { readonly step: number }
  | { readonly factor: number }
  | { readonly starts: readonly number[] };

const MOST_BUCKETS = 1 << 20;

/** Makes the ranges up to `longest`; undefined when the rule gives no end of them. */
export function makeBuckets(rule: BucketRule, longest: number): Bucket[] | undefined {
  const lows: number[] = [];
  if ('starts' in rule) lows.push(...[...rule.starts].sort((a, b) => a - b));
  else {
    const isStep = 'step' in rule;
    if (isStep ? rule.step < 1 : rule.factor < 2) return undefined;
    for (let low = 1; low < longest; low = isStep ? low + rule.step : low * rule.factor) {
      if (lows.length === MOST_BUCKETS) return undefined;
      lows.push(low);
    }
  }
  return lows.map((low, i) => ({
    low,
    high: i + 1 < lows.length ? lows[i + 1]! - 1 : longest,
    extents: 0,
    blocks: 0,
  }));
}

export interface FreeScan {
  readonly bySize: boolean;
  /** Only extents whose fsbno is a multiple of this; 0: all. */
  readonly alignment: number;
  extent(agno: number, agbno: number, length: number): void;
  message(text: string): void;
}

/** Tells every free extent of the AGs `wanted` lists: the free list first, then the tree, in its order. */
export function scanFreeSpace(
  filesystem: Filesystem,
  wanted: (agno: number) => boolean,
  scan: FreeScan,
): void {
  const reader = new ScanReader(filesystem.device, filesystem.geometry);
  const walk = new TreeWalk(reader);
  for (let agno = 0; agno < filesystem.geometry.agcount; agno++)
    if (wanted(agno)) scanAg(reader, walk, agno, scan);
}

function scanAg(reader: ScanReader, walk: TreeWalk, agno: number, scan: FreeScan): void {
  const { geometry } = reader;
  const agf = readAgf(reader, agno);
  if (!agf) return;
  // The AGF says which AG it is of, and is believed.
  const { seqno } = agf;
  const tell = (agbno: number, length: number) => {
    if (scan.alignment !== 0 && !isAligned(geometry.fsbno(seqno, agbno), scan.alignment)) return;
    scan.extent(seqno, agbno, length);
  };
  const list = readFreeList(reader, seqno, agf);
  if (list === 'bad') scan.message(`agf ${seqno | 0} freelist blocks bad, skipping freelist scan\n`);
  else if (list !== 'unreadable') for (const agbno of list) tell(agbno, 1);
  const family = scan.bySize ? BTREE.cntbt : BTREE.bnobt;
  const root = {
    family,
    agno: seqno,
    agbno: scan.bySize ? agf.cntroot : agf.bnoroot,
    levels: scan.bySize ? agf.cntlevel : agf.bnolevel,
  };
  walk.short(root, {
    block(view, level) {
      if (view.getUint32(0) !== family.magic) return 0;
      const count = view.getUint16(SHORT_HEADER.offset.numrecs);
      if (level > 0) return count;
      const end = SHORT_HEADER.size + 8 * Math.min(count, maxRecords(family, 0, geometry.blocksize));
      for (let at = SHORT_HEADER.size; at < end; at += 8) tell(view.getUint32(at), view.getUint32(at + 4));
      return 0;
    },
    lost: (lostAgno, agbno) => scan.message(`can't read btree block ${lostAgno}/${agbno}\n`),
  });
}

function isAligned(fsbno: number, alignment: number): boolean {
  return fsbno % Math.abs(alignment) === 0;
}
