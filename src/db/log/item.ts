/**
 * Items of the log in db's names: their heads by the rows of their shapes; inode cores, extents and quota records
 * likewise; and the parts of buffers that were logged, by the rows of what the buffer holds, on top of what is on disk.
 */
import { BMBT_RECORD } from '../../format/btree.ts';
import { DQBLK } from '../../format/dquot.ts';
import { BASIC_BLOCK } from '../../format/log.ts';
import { LOG_DINODE, logItem } from '../../format/logitem.ts';
import { BLOCK_TYPES, type BlockType } from '../../format/registry.ts';
import { layout, row, type Scope, type Shape, scopeOf, viewOf } from '../../format/struct.ts';
import type { LoggedItem } from '../../fs/log/assembly.ts';
import { LogError } from '../../fs/log/record.ts';
import { parseBuffer } from '../../fs/log/replay/bufferitem.ts';
import { itemName } from '../../fs/log/survey.ts';
import { type FieldNode, listAll } from '../field.ts';
import type { Filesystem } from '../filesystem.ts';

/** Which items are taken apart. */
export interface ItemDetail {
  readonly inodes: boolean;
  readonly buffers: boolean;
  readonly quotas: boolean;
}

/** A part of an item: fields, or bytes that no row tells. */
export interface ItemPart {
  readonly title: string;
  readonly nodes: readonly FieldNode[];
  readonly bytes?: Uint8Array;
}

export interface ItemView {
  readonly name: string;
  /** Of its first region. */
  readonly nodes: readonly FieldNode[];
  readonly parts: readonly ItemPart[];
}

const ITEM = { INODE: 0x123b, BUF: 0x123c, DQUOT: 0x123d } as const;
const FORKS = [
  { name: 'data fork', local: 0x2, extents: 0x4, root: 0x8 },
  { name: 'attribute fork', local: 0x40, extents: 0x80, root: 0x100 },
] as const;
const EXTENTS = layout('log_fork_extents', 'Extents of a fork', [
  row('bmx', BMBT_RECORD, 'extents', { count: (s: Scope) => Math.floor(s.bits / 128), shown: 'tuple' }),
]);

/** The head of an item alone. */
export function headView(filesystem: Filesystem, type: number, head: Uint8Array): ItemView {
  const shape = logItem(type, head.length)?.shape;
  return { name: itemName(type), nodes: shape ? nodesOf(filesystem, shape, head) : [], parts: [] };
}

export function itemView(filesystem: Filesystem, item: LoggedItem, detail: ItemDetail): ItemView {
  const view = headView(filesystem, item.type, item.regions[0]!);
  if (item.type === ITEM.INODE && detail.inodes)
    return { ...view, parts: inodeParts(filesystem, item.regions) };
  if (item.type === ITEM.DQUOT && detail.quotas && item.regions[1]) {
    return { ...view, parts: [{ title: 'record', nodes: nodesOf(filesystem, DQBLK, item.regions[1]) }] };
  }
  if (item.type === ITEM.BUF && detail.buffers) return { ...view, parts: bufferParts(filesystem, item) };
  return view;
}

/** Fields of a shape; of arrays no more than there are bytes for. */
function nodesOf({ geometry }: Filesystem, shape: Shape, bytes: Uint8Array): FieldNode[] {
  return clipped(listAll(shape, scopeOf(bytes, geometry)), () => true);
}

/** Nodes whose bytes are all there and `isWanted`; arrays by element. */
function clipped(nodes: readonly FieldNode[], isWanted: (bit: number, bits: number) => boolean): FieldNode[] {
  return nodes.flatMap((node): FieldNode[] => {
    const { placed, low } = node;
    if (node.children.length > 0) {
      const children = clipped(node.children, isWanted);
      return children.length > 0 ? [{ ...node, children }] : [];
    }
    if (placed.row.count === undefined) return isWanted(placed.bit, placed.bits) ? [node] : [];
    const high = Math.min(node.high, placed.count - 1);
    const kept: FieldNode[] = [];
    for (let i = low; i <= high; i++) {
      if (!isWanted(placed.elementBit(i), placed.elementBits(i))) continue;
      const last = kept.at(-1);
      if (last && last.high === i - 1) kept[kept.length - 1] = { ...last, high: i };
      else kept.push({ ...node, low: i, high: i });
    }
    return kept;
  });
}

function inodeParts(filesystem: Filesystem, regions: LoggedItem['regions']): ItemPart[] {
  const [head, core] = regions;
  const parts: ItemPart[] = [];
  if (core) parts.push({ title: 'core', nodes: nodesOf(filesystem, LOG_DINODE, core) });
  const fields = head!.length >= 8 ? viewOf(head!).getUint32(4, true) : 0;
  let at = 2;
  for (const { name, local, extents, root } of FORKS) {
    if ((fields & (local | extents | root)) === 0) continue;
    const bytes = regions[at++];
    if (!bytes) continue;
    if (fields & extents)
      parts.push({ title: `${name}, extents`, nodes: nodesOf(filesystem, EXTENTS, bytes) });
    else parts.push({ title: `${name}, ${fields & local ? 'local' : 'root in memory'}`, nodes: [], bytes });
  }
  return parts;
}

/** Fields that the logged pieces cover; where the buffer holds nothing that is known, the pieces. */
function bufferParts(filesystem: Filesystem, item: LoggedItem): ItemPart[] {
  let change: ReturnType<typeof parseBuffer>;
  try {
    change = parseBuffer(item);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return [{ title: error.message.replace(/^log: /, ''), nodes: [] }];
  }
  const { daddr, count, pieces } = change;
  const bytes = onDisk(filesystem, daddr, count * BASIC_BLOCK);
  const covered = new Uint8Array(bytes.length);
  for (const piece of pieces) {
    bytes.set(piece.bytes, piece.at);
    covered.fill(1, piece.at, piece.at + piece.bytes.length);
  }
  const parts: ItemPart[] = [];
  const first = typeAt(bytes);
  const step = first ? Math.max(1, Math.min(bytes.length, first.bytes(filesystem.geometry))) : bytes.length;
  for (let at = 0; first && at + step <= bytes.length; at += step) {
    const object = bytes.subarray(at, at + step);
    const shape = typeAt(object)?.shape;
    if (!shape) continue;
    const isLogged = (bit: number, bits: number): boolean => {
      const end = at + Math.ceil((bit + bits) / 8);
      for (let byte = at + (bit >>> 3); byte < end; byte++) if (covered[byte] !== 1) return false;
      return bits > 0;
    };
    const nodes = clipped(listAll(shape, scopeOf(object, filesystem.geometry)), isLogged);
    const title = `${`${first.name} ${first.form}`.trim()} at daddr ${daddr + Math.floor(at / BASIC_BLOCK)}`;
    if (nodes.length > 0)
      parts.push({ title: at % BASIC_BLOCK === 0 ? title : `${title} + ${at % BASIC_BLOCK}`, nodes });
  }
  if (parts.length > 0 || pieces.length === 0) return parts;
  return pieces.map((piece) => ({ title: `bytes from ${piece.at} on`, nodes: [], bytes: piece.bytes }));
}

/** What is on disk; zeros where that cannot be read. */
function onDisk({ device }: Filesystem, daddr: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const at = daddr * BASIC_BLOCK;
  if (at >= 0 && at + length <= device.size) device.read(at, bytes);
  return bytes;
}

function typeAt(bytes: Uint8Array): BlockType | undefined {
  const view = viewOf(bytes);
  return BLOCK_TYPES.find(({ magic, shape }) => {
    if (!magic || !shape || magic.at + magic.bytes > bytes.length) return false;
    return (magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at)) === magic.value;
  });
}
