/**
 * What in a metadata block holds nothing live, and is cleared in a dump: btree space behind records, keys and
 * pointers, index space of directories and attributes, gaps in directory data, unused AGFL slots. Blocks may be
 * damaged: counts that do not fit leave the block as it is.
 */
import { AGFL_HEADER, agflSlots } from '../../format/agfl.ts';
import { attrNameBytes } from '../../format/attr.ts';
import { BTREE, type BtreeFamily, maxRecords, pointerOffset } from '../../format/btree.ts';
import {
  DA_NODE_MAGIC,
  DIR_DATA_START,
  DIR_FREE_HEADER,
  DIR_FREE_MAGIC,
  DIR_FREE_TAG,
  DIR_LEAF_ENTRY,
  DIR_LEAF_HEADER,
  DIR_LEAF_TAIL,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR_NODE_ENTRY,
  DIR_NODE_HEADER,
  dirAreaBytes,
} from '../../format/dir.ts';
import type { Geometry } from '../../format/geometry.ts';
import { blockDataEnd } from '../../fs/read/dir.ts';
import type { Scrub } from './scrub.ts';

/** Trees whose blocks the reference tool clears; those of rmapbt and refcountbt go out whole. */
const CLEARED: ReadonlySet<BtreeFamily> = new Set<BtreeFamily>([
  BTREE.bnobt,
  BTREE.cntbt,
  BTREE.inobt,
  BTREE.finobt,
  BTREE.bmapbt,
]);

const da16 = (block: Scrub, at: number): number => block.view.getUint16(at);
const DA_MAGIC_AT = 8;

export function clearBtreeBlock(block: Scrub, family: BtreeFamily): void {
  if (!CLEARED.has(family)) return;
  const size = block.bytes.length;
  const level = block.view.getUint16(4);
  const count = block.view.getUint16(6);
  if (count > maxRecords(family, level, size)) return;
  if (level === 0) {
    block.clear(family.headerBytes + count * family.recordBytes, size);
    return;
  }
  block.clear(family.headerBytes + count * family.keyBytes, pointerOffset(family, 0, size));
  block.clear(pointerOffset(family, count, size), size);
}

/** Slots that are not live become null; without a sensible window of live ones nothing does. */
export function clearAgfl(agfl: Scrub, geometry: Geometry, first: number, last: number): void {
  const slots = agflSlots(geometry.sectsize);
  if (first >= slots || last >= slots) return;
  for (let i = (last + 1) % slots; i !== first; i = (i + 1) % slots) {
    const at = AGFL_HEADER.size + i * 4;
    if (agfl.view.getUint32(at) === 0xffffffff) continue;
    agfl.touch();
    agfl.view.setUint32(at, 0xffffffff);
  }
}

/** Interior node of a directory or of attributes; other blocks stay as they are. */
export function clearDaNode(block: Scrub): void {
  if (da16(block, DA_MAGIC_AT) !== DA_NODE_MAGIC) return;
  const count = da16(block, DIR_NODE_HEADER.offset.count);
  block.clear(DIR_NODE_HEADER.size + count * DIR_NODE_ENTRY.size, block.bytes.length);
}

export function clearDirLeaf(block: Scrub): void {
  const magic = da16(block, DA_MAGIC_AT);
  if (magic !== DIR_LEAF1_MAGIC && magic !== DIR_LEAFN_MAGIC) return;
  const size = block.bytes.length;
  const from = DIR_LEAF_HEADER.size + da16(block, DIR_LEAF_HEADER.offset.count) * DIR_LEAF_ENTRY.size;
  const tail = size - DIR_LEAF_TAIL.size;
  const to = magic === DIR_LEAFN_MAGIC ? size : tail - block.view.getUint32(tail) * 2;
  block.clear(from, to);
}

export function clearDirFree(block: Scrub): void {
  if (block.view.getUint32(0) !== DIR_FREE_MAGIC) return;
  const count = block.view.getInt32(DIR_FREE_HEADER.offset.nvalid);
  if (count >= 0) block.clear(DIR_FREE_HEADER.size + count * 2, block.bytes.length);
}

/** An entry of a directory data block: its inode number and where its name is. */
export interface DataEntry {
  readonly ino: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Goes over the areas of a directory data block, as far as their lengths and tags make sense: `visit` gets each
 * entry, then (with `clears`) what lies between its name and its tag, and inside free areas, is cleared. Returns
 * what stopped it.
 */
export function walkDirData(
  block: Scrub,
  geometry: Geometry,
  how: { readonly isBlockForm: boolean; readonly clears: boolean },
  visit: (entry: DataEntry) => void,
): string | undefined {
  const { view, bytes } = block;
  const { ftype } = geometry.features;
  const end = how.isBlockForm ? blockDataEnd(view) : bytes.length;
  for (let at = DIR_DATA_START; at < end; ) {
    const length = dirAreaBytes(view, at, end, ftype);
    const isFree = view.getUint16(at) === DIR_FREE_TAG;
    if (length < 8 || length % 8 !== 0 || at + length > end) {
      return `invalid length for dir ${isFree ? 'free space' : 'entry name'}`;
    }
    if (view.getUint16(at + length - 2) !== at) return `invalid tag at byte ${at} of a dir block`;
    if (isFree) {
      if (how.clears) block.clear(at + 4, at + length - 2);
    } else {
      const start = at + 9;
      const stop = start + view.getUint8(at + 8);
      const ino = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
      visit({ ino, start, end: stop });
      if (how.clears) block.clear(stop + (ftype ? 1 : 0), at + length - 2);
    }
    at += length;
  }
  return undefined;
}

/** The gap that rounding leaves behind a name (and value) in an attribute leaf. */
export function clearAttrGap(
  block: Scrub,
  at: number,
  entry: { readonly local: boolean; readonly namelen: number; readonly valuelen: number },
): void {
  const { local, namelen, valuelen } = entry;
  const used = local ? 3 + namelen + valuelen : 9 + namelen;
  block.clear(at + used, Math.min(block.bytes.length, at + attrNameBytes(local, namelen, valuelen)));
}
