/**
 * What the reference's write verifiers of directory and attribute blocks refuse. Which of them a block gets is
 * decided by its magic when it is read; a magic that is changed afterwards is therefore refused.
 */
import {
  ATTR_INCOMPLETE,
  ATTR_LEAF_HEADER,
  ATTR_LEAF_MAGIC,
  ATTR_LOCAL,
  ATTR_REMOTE_HEADER,
  ATTR_REMOTE_MAGIC,
  attrEntryByte,
  attrNameBytes,
} from '../format/attr.ts';
import { hashName, hashNameIgnoringCase } from '../format/dahash.ts';
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_DATA_HEADER,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_MAGIC,
  DIR_FREE_TAG,
  DIR_LEAF_ENTRY,
  DIR_LEAF_HEADER,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR_NODE_HEADER,
  dirEntryBytes,
} from '../format/dir.ts';
import { DADDR_BYTES, type Geometry } from '../format/geometry.ts';
import { readCount64 } from '../format/kinds.ts';
import { type Candidate, type Gate, isIno } from './gate.ts';

const DA_OFFSET = { magic: 8, bno: 16, uuid: 32 } as const;
const MOST_LEVELS = 5;
const MOST_VALUE = 65536;

const pieces = { attrLeaf: ATTR_LEAF_HEADER.size, dirLeaf: DIR_LEAF_HEADER.size, node: DIR_NODE_HEADER.size };

function hasIdentity({ view, geometry, daddr }: Candidate, at: { uuid: number; bno: number }): boolean {
  return geometry.isMetaUuid(view, at.uuid) && readCount64(view, at.bno) === daddr;
}

const isDa = (candidate: Candidate, magic: number) =>
  candidate.view.getUint16(DA_OFFSET.magic) === magic && hasIdentity(candidate, DA_OFFSET);

const isWide = (candidate: Candidate, magic: number) =>
  candidate.view.getUint32(0) === magic && hasIdentity(candidate, DIR_BLOCK_HEADER.offset);

const node: Gate = (candidate) => {
  const { view, geometry } = candidate;
  const level = view.getUint16(DIR_NODE_HEADER.offset.level);
  const count = view.getUint16(DIR_NODE_HEADER.offset.count);
  const most = Math.floor((geometry.dirblocksize - pieces.node) / 8);
  return isDa(candidate, DA_NODE_MAGIC) && level >= 1 && level <= MOST_LEVELS && count >= 1 && count <= most;
};

const attrLeaf: Gate = (candidate) => {
  const { bytes, view, geometry } = candidate;
  if (!isDa(candidate, ATTR_LEAF_MAGIC)) return false;
  const leaf = ATTR_LEAF_HEADER.over(bytes);
  const { blocksize } = geometry;
  // Zero stands for 64 KiB, which 16 bits cannot hold.
  const firstused = leaf.firstused === 0 && blocksize === 65536 ? 65536 : leaf.firstused;
  if (firstused > blocksize || firstused < pieces.attrLeaf) return false;
  if (attrEntryByte(leaf.count) > firstused) return false;
  let last = 0;
  for (let i = 0; i < leaf.count; i++) {
    const hash = view.getUint32(attrEntryByte(i));
    if (hash < last || !attrEntryFits(view, i, firstused, blocksize)) return false;
    last = hash;
  }
  return leaf.freemap.every(({ base, size }) => base % 4 === 0 && size % 4 === 0 && base + size <= blocksize);
};

function attrEntryFits(view: DataView, i: number, firstused: number, blocksize: number): boolean {
  const at = attrEntryByte(i);
  const nameidx = view.getUint16(at + 4);
  const flags = view.getUint8(at + 6);
  if (nameidx < firstused || nameidx >= blocksize) return false;
  const byte = (offset: number) => (nameidx + offset < blocksize ? view.getUint8(nameidx + offset) : 0);
  const isLocal = (flags & ATTR_LOCAL) !== 0;
  const namelen = byte(isLocal ? 2 : 8);
  const valuelen = isLocal ? byte(0) * 256 + byte(1) : 0;
  const isMissing = !isLocal && (flags & ATTR_INCOMPLETE) === 0 && [0, 1, 2, 3].every((b) => byte(b) === 0);
  return namelen !== 0 && !isMissing && nameidx + attrNameBytes(isLocal, namelen, valuelen) <= blocksize;
}

/** Each block of a remote value carries its own header. */
const attrRemote: Gate = ({ bytes, view, geometry, daddr }) => {
  const { blocksize } = geometry;
  if (bytes.length % blocksize !== 0) return false;
  for (let start = 0; start < bytes.length; start += blocksize) {
    const f = ATTR_REMOTE_HEADER.at(view, start);
    const fits =
      f.magic === ATTR_REMOTE_MAGIC &&
      geometry.isMetaUuid(view, start + ATTR_REMOTE_HEADER.offset.uuid) &&
      f.bno === BigInt(daddr + start / DADDR_BYTES) &&
      f.bytes <= blocksize - ATTR_REMOTE_HEADER.size &&
      (f.offset + f.bytes) >>> 0 <= MOST_VALUE &&
      f.owner !== 0 &&
      f.lsn === 0xffffffffffffffffn;
    if (!fits) return false;
  }
  return true;
};

const free: Gate = (candidate) => isWide(candidate, DIR_FREE_MAGIC);

/** A leaf of either kind: order, stale entries, and in a single leaf that entries and bests leave each other room. */
function dirLeaf(magic: number): Gate {
  return (candidate) => {
    const { view, geometry } = candidate;
    if (!isDa(candidate, magic)) return false;
    const size = geometry.dirblocksize;
    const count = view.getUint16(DIR_LEAF_HEADER.offset.count);
    if (count > Math.floor((size - pieces.dirLeaf) / 8)) return false;
    const bests = view.getUint32(size - 4);
    const isSingle = magic === DIR_LEAF1_MAGIC;
    if (isSingle && pieces.dirLeaf + 8 * count > size - 4 - 2 * bests) return false;
    // A byte offset in the data space is an address times 8.
    const blockOf = (address: number) => Math.floor((address * 8) / size);
    let stale = 0;
    let last = 0;
    for (let i = 0; i < count; i++) {
      const hash = view.getUint32(pieces.dirLeaf + 8 * i);
      if (hash < last) return false;
      last = hash;
      const address = view.getUint32(pieces.dirLeaf + 8 * i + 4);
      if (address === 0) stale++;
      if (isSingle && blockOf(address) >= bests) return false;
    }
    return stale === view.getUint16(DIR_LEAF_HEADER.offset.stale);
  };
}

interface Area {
  readonly offset: number;
  readonly length: number;
}

/** The three longest free areas as the header lists them; undefined when the list contradicts itself. */
function bestFree(view: DataView): readonly Area[] | undefined {
  const areas = [0, 1, 2].map((i) => {
    const at = DIR_DATA_HEADER.offset.bestfree + 4 * i;
    return { offset: view.getUint16(at), length: view.getUint16(at + 2) };
  });
  if (areas.some(({ offset, length }) => length === 0 && offset !== 0)) return undefined;
  const [a, b, c] = areas as [Area, Area, Area];
  return a.length >= b.length && b.length >= c.length ? areas : undefined;
}

/** Whether a free area and the list of the longest agree: exact where it is listed, no overlap, no longer one left out. */
function freeAreaFits(bests: readonly Area[], offset: number, length: number): boolean {
  let isListed = false;
  let seenZero = false;
  for (const best of bests) {
    if (best.offset === 0) {
      if (best.length !== 0) return false;
      seenZero = true;
      continue;
    }
    if (seenZero) return false;
    if (best.offset === offset) {
      isListed = true;
      if (best.length !== length) return false;
    } else if (best.offset > offset) {
      if (offset + length > best.offset) return false;
    } else if (best.offset + best.length > offset) return false;
    if (!isListed && best.length < length) return false;
  }
  return true;
}

/** Which entry of the list an area is; -1 for none. */
function listedAs(bests: readonly Area[], offset: number, length: number): number {
  if (length < bests[2]!.length) return -1;
  for (const [i, best] of bests.entries()) {
    if (best.offset === 0) return -1;
    if (best.offset === offset) return i;
  }
  return -1;
}

interface Leaf {
  readonly start: number;
  readonly count: number;
  readonly stale: number;
}

function data(magic: number): Gate {
  return (candidate) => {
    const { view, geometry } = candidate;
    if (!isWide(candidate, magic)) return false;
    const size = geometry.dirblocksize;
    if (magic === DIR_DATA_MAGIC) return areasFit(candidate, size, undefined);
    const tail = size - DIR_BLOCK_TAIL.size;
    const count = view.getUint32(tail);
    const most = Math.floor((size - DIR_BLOCK_TAIL.size - DIR_DATA_START) / DIR_LEAF_ENTRY.size);
    if (count >= most) return false;
    const leaf = { start: tail - 8 * count, count, stale: view.getUint32(tail + 4) };
    return areasFit(candidate, leaf.start, leaf) && leafOrderFits(view, leaf);
  };
}

/** Walks entries and free areas up to `end`. */
function areasFit(candidate: Candidate, end: number, leaf: Leaf | undefined): boolean {
  const { view, geometry } = candidate;
  const bests = bestFree(view);
  if (!bests) return false;
  const seen = bests.map(({ length }) => length === 0);
  const listed = leaf && leafAddresses(view, leaf);
  let entries = 0;
  let wasFree = false;
  for (let at = DIR_DATA_START; at < end; ) {
    if (view.getUint16(at) === DIR_FREE_TAG) {
      const length = view.getUint16(at + 2);
      const isWhole = length >= 8 && at + length <= end && view.getUint16(at + length - 2) === at;
      if (wasFree || !isWhole || !freeAreaFits(bests, at, length)) return false;
      const i = listedAs(bests, at, length);
      if (i < 0 ? length > bests[2]!.length : seen[i]) return false;
      if (i >= 0) seen[i] = true;
      wasFree = true;
      at += length;
      continue;
    }
    const length = entryLength(candidate, at, end);
    if (length === 0 || (listed && !listed.has(entryKey(view, geometry, at)))) return false;
    entries++;
    wasFree = false;
    at += length;
  }
  return seen.every(Boolean) && (!leaf || entries === leaf.count - leaf.stale);
}

/** Bytes of a sound entry; 0 for any other. Unknown file types pass, they count as unknown. */
function entryLength({ view, geometry, internal }: Candidate, at: number, end: number): number {
  if (at + 16 > end) return 0;
  const { ftype } = geometry.features;
  const namelen = view.getUint8(at + 8);
  const length = dirEntryBytes(namelen, ftype);
  if (namelen === 0 || at + length > end) return 0;
  const isTagged = view.getUint16(at + length - 2) === at;
  const ino = readCount64(view, at);
  const fits = isTagged && isIno(geometry, ino) && !internal.has(ino);
  return fits ? length : 0;
}

/** Hash and address of an entry in one key, as its leaf entry has them. */
function entryKey(view: DataView, geometry: Geometry, at: number): number {
  const name = new Uint8Array(view.buffer, view.byteOffset + at + 9, view.getUint8(at + 8));
  const hash = geometry.features.asciiCi ? hashNameIgnoringCase(name) : hashName(name);
  return hash * 2 ** 16 + at / 8;
}

function leafAddresses(view: DataView, leaf: Leaf): Set<number> {
  const keys = new Set<number>();
  for (let i = 0; i < leaf.count; i++) {
    const address = view.getUint32(leaf.start + 8 * i + 4);
    if (address < 2 ** 16) keys.add(view.getUint32(leaf.start + 8 * i) * 2 ** 16 + address);
  }
  return keys;
}

function leafOrderFits(view: DataView, leaf: Leaf): boolean {
  let stale = 0;
  let last = 0;
  for (let i = 0; i < leaf.count; i++) {
    const hash = view.getUint32(leaf.start + 8 * i);
    if (hash < last) return false;
    last = hash;
    if (view.getUint32(leaf.start + 8 * i + 4) === 0) stale++;
  }
  return stale === leaf.stale;
}

/** A form of dir3 or attr3 blocks: how it is known, where its CRC is, and its gate. */
export interface DaForm {
  readonly crc: number;
  readonly gate: Gate;
}

const DA_CRC = 12;
const NODE: DaForm = { crc: DA_CRC, gate: node };

const DIR_FORMS: ReadonlyMap<number, DaForm> = new Map([
  [DIR_BLOCK_MAGIC, { crc: DIR_BLOCK_HEADER.offset.crc, gate: data(DIR_BLOCK_MAGIC) }],
  [DIR_DATA_MAGIC, { crc: DIR_BLOCK_HEADER.offset.crc, gate: data(DIR_DATA_MAGIC) }],
  [DIR_FREE_MAGIC, { crc: DIR_BLOCK_HEADER.offset.crc, gate: free }],
]);
const DIR_DA_FORMS: ReadonlyMap<number, DaForm> = new Map([
  [DIR_LEAF1_MAGIC, { crc: DA_CRC, gate: dirLeaf(DIR_LEAF1_MAGIC) }],
  [DIR_LEAFN_MAGIC, { crc: DA_CRC, gate: dirLeaf(DIR_LEAFN_MAGIC) }],
  [DA_NODE_MAGIC, NODE],
]);
const ATTR_DA_FORMS: ReadonlyMap<number, DaForm> = new Map([
  [ATTR_LEAF_MAGIC, { crc: DA_CRC, gate: attrLeaf }],
  [DA_NODE_MAGIC, NODE],
]);
const REMOTE: DaForm = { crc: ATTR_REMOTE_HEADER.offset.crc, gate: attrRemote };

/** Form of a block of type dir3; undefined for none of the known magics. */
export function dirForm(view: DataView): DaForm | undefined {
  return DIR_FORMS.get(view.getUint32(0)) ?? DIR_DA_FORMS.get(view.getUint16(DA_OFFSET.magic));
}

/** Form of a block of type attr3. */
export function attrForm(view: DataView): DaForm | undefined {
  const form = ATTR_DA_FORMS.get(view.getUint16(DA_OFFSET.magic));
  return form ?? (view.getUint32(0) === ATTR_REMOTE_MAGIC ? REMOTE : undefined);
}
