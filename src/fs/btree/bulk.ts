/**
 * Bottom-up btree loader: given sorted records and the blocks to use, writes every block of a tree. mkfs, repair and
 * inject build all six AG btrees with it.
 *
 * Records are spread evenly over the blocks of a level, so that every block but the root is at least half full,
 * which is what the kernel demands. Nodes take the low key of each child's first record; the rmapbt also takes the
 * highest key found below the child.
 */
import { BTREE, type BtreeFamily, maxRecords, pointerOffset, SHORT_HEADER } from '../../format/btree.ts';
import { sealCrc } from '../../format/checksum.ts';
import type { Geometry } from '../../format/geometry.ts';
import { parseUuid } from '../../format/kinds.ts';
import type { RecordSource } from './records.ts';

/** `loose` leaves room for growth in every block (three quarters full); `full` is for an AG without space. */
export type Fill = 'loose' | 'full';

/** Blocks on each level of a tree of `records` records, leaves first. Always at least one leaf. */
export function levelBlocks(
  family: BtreeFamily,
  records: number,
  blockBytes: number,
  fill: Fill,
): readonly number[] {
  const levels: number[] = [];
  let entries = records;
  for (;;) {
    const most = maxRecords(family, levels.length, blockBytes);
    const perBlock = fill === 'loose' ? Math.max(most - (most >> 2), 2) : most;
    // A tree that fits one block is one block, however full.
    const blocks = entries <= most ? 1 : Math.ceil(entries / perBlock);
    levels.push(blocks);
    if (blocks === 1) return levels;
    entries = blocks;
  }
}

export function totalBlocks(levels: readonly number[]): number {
  return levels.reduce((sum, n) => sum + n, 0);
}

export interface LoadedTree {
  readonly root: number;
  /** Levels of the tree; 1 = the root is a leaf. */
  readonly levels: number;
  readonly blocks: readonly { readonly agbno: number; readonly bytes: Uint8Array }[];
}

interface Child {
  readonly agbno: number;
  readonly firstRecord: number;
  readonly highRecord: number;
}

/** Writes the tree into `agbnos` (exactly as many as `levels` adds up to; leaves first, left to right). */
export function loadBtree(
  geometry: Geometry,
  agno: number,
  source: RecordSource,
  levels: readonly number[],
  agbnos: readonly number[],
): LoadedTree {
  const family = BTREE[source.tree];
  const blocks: { agbno: number; bytes: Uint8Array }[] = [];
  const uuid = parseUuid(geometry.metaUuid);
  let children: Child[] = [];
  let used = 0;
  for (let level = 0; level < levels.length; level++) {
    const here = levels[level]!;
    const entries = level === 0 ? source.length : children.length;
    const next: Child[] = [];
    let entry = 0;
    for (let b = 0; b < here; b++) {
      const agbno = agbnos[used + b]!;
      const count = Math.floor(entries / here) + (b < entries % here ? 1 : 0);
      const bytes = new Uint8Array(geometry.blocksize);
      writeHeader(bytes, geometry, agno, family, uuid, {
        level,
        count,
        agbno,
        left: b > 0 ? agbnos[used + b - 1]! : 0xffffffff,
        right: b + 1 < here ? agbnos[used + b + 1]! : 0xffffffff,
      });
      const view = new DataView(bytes.buffer);
      next.push(
        level === 0
          ? fillLeaf(view, family, source, entry, count, agbno)
          : fillNode(view, family, source, children, entry, count, agbno),
      );
      sealCrc(bytes, SHORT_HEADER.offset.crc);
      blocks.push({ agbno, bytes });
      entry += count;
    }
    used += here;
    children = next;
  }
  return { root: children[0]!.agbno, levels: levels.length, blocks };
}

interface Place {
  readonly level: number;
  readonly count: number;
  readonly agbno: number;
  readonly left: number;
  readonly right: number;
}

function writeHeader(
  bytes: Uint8Array,
  geometry: Geometry,
  agno: number,
  family: BtreeFamily,
  uuid: Uint8Array,
  place: Place,
): void {
  const header = SHORT_HEADER.over(bytes);
  header.magic = family.magic;
  header.level = place.level;
  header.numrecs = place.count;
  header.leftsib = place.left;
  header.rightsib = place.right;
  header.bno = BigInt(geometry.agbnoDaddr(agno, place.agbno));
  bytes.set(uuid, SHORT_HEADER.offset.uuid);
  header.owner = agno;
}

function fillLeaf(
  view: DataView,
  family: BtreeFamily,
  source: RecordSource,
  first: number,
  count: number,
  agbno: number,
): Child {
  let high = first;
  for (let i = 0; i < count; i++) {
    source.writeRecord(first + i, view, family.headerBytes + i * family.recordBytes);
    if (source.higher) high = source.higher(high, first + i);
  }
  return { agbno, firstRecord: first, highRecord: high };
}

function fillNode(
  view: DataView,
  family: BtreeFamily,
  source: RecordSource,
  children: readonly Child[],
  first: number,
  count: number,
  agbno: number,
): Child {
  let high = children[first]!.highRecord;
  for (let i = 0; i < count; i++) {
    const child = children[first + i]!;
    const key = family.headerBytes + i * family.keyBytes;
    source.writeLowKey(child.firstRecord, view, key);
    if (source.writeHighKey && source.higher) {
      source.writeHighKey(child.highRecord, view, key + family.keyBytes / 2);
      high = source.higher(high, child.highRecord);
    }
    view.setUint32(pointerOffset(family, i, view.byteLength), child.agbno);
  }
  return { agbno, firstRecord: children[first]!.firstRecord, highRecord: high };
}
