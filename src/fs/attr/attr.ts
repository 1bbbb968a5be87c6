/**
 * Extended attributes of an inode: get, list, set, remove. Each of the functions that take a filesystem is a
 * transaction of its own; those that take an inode are for use within one.
 */
import { ATTR_INCOMPLETE } from '../../format/attr.ts';
import { UsageError, XfskitError } from '../../format/errors.ts';
import { FEATURES } from '../../format/features.ts';
import { FORK, S_IFDIR } from '../../format/inode.ts';
import { newInodeRoot } from '../btree/insert.ts';
import { leaveInode } from '../dir/block.ts';
import { Directory } from '../dir/context.ts';
import type { FileSystem } from '../filesystem.ts';
import { mostTreeLevels } from '../inode/allocation.ts';
import { BmapCursor } from '../inode/bmbt.ts';
import { RECORD_BYTES } from '../inode/extent.ts';
import { type Inode, readInode } from '../inode/inode.ts';
import { moveTargetOut } from '../inode/leavelocal.ts';
import { growIntoTree } from '../inode/mapping.ts';
import { transact } from '../transaction.ts';
import { ATTR_CHANGE, addStep, isShort, removeStep } from './change.ts';
import {
  type AttrEntry,
  type AttrNamespace,
  attrEntry,
  isLocalValue,
  LONGEST_NAME,
  LONGEST_VALUE,
  leafBytes,
  NAMESPACE_FLAG,
  remoteBlocks,
  shortBytes,
} from './entry.ts';
import { type AttrLeaf, NAMESPACES } from './leaf.ts';
import { AttrOperation } from './operation.ts';
import { readRemote } from './remote.ts';
import {
  defaultAttrOffset,
  EMPTY_SHORT_BYTES,
  findShort,
  fittingForkoff,
  rootFits,
  shortEntries,
} from './short.ts';

export type { AttrNamespace } from './entry.ts';

export interface AttrName {
  readonly namespace: AttrNamespace;
  /** Without prefix; text is UTF-8. */
  readonly name: string | Uint8Array;
}

export interface AttrValue extends AttrName {
  readonly value: Uint8Array;
  /** `create` fails when it is there, `replace` when it is not. Default: either. */
  readonly mode?: 'create' | 'replace';
}

export interface ListedAttr {
  readonly namespace: AttrNamespace | 'parent';
  readonly name: Uint8Array;
  /** Bytes. */
  readonly valueBytes: number;
}

/** The attribute exists, or does not, against what was asked. */
export class AttrError extends XfskitError {
  constructor(code: 'EXISTS' | 'NOATTR', message: string) {
    super(code, message);
  }
}

/** Sets an attribute. Throws AttrError, NoSpaceError, CorruptionError or UsageError; nothing is kept then. */
export function setAttr(fs: FileSystem, ino: number, attr: AttrValue): void {
  transact(fs, (tr) => setAttrIn(readInode(tr, ino), attr));
}

/** Removes an attribute. Throws AttrError when it is not there. */
export function removeAttr(fs: FileSystem, ino: number, name: AttrName): void {
  transact(fs, (tr) => removeAttrIn(readInode(tr, ino), name));
}

/** Value of an attribute; undefined when it is not there. */
export function getAttr(fs: FileSystem, ino: number, name: AttrName): Uint8Array | undefined {
  return transact(fs, (tr) => getAttrIn(readInode(tr, ino), name));
}

export function listAttrs(fs: FileSystem, ino: number): readonly ListedAttr[] {
  return transact(fs, (tr) => listAttrsIn(readInode(tr, ino)));
}

function entryOf({ namespace, name }: AttrName, value?: Uint8Array): AttrEntry {
  const bytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
  if (bytes.length === 0 || bytes.length > LONGEST_NAME) {
    throw new UsageError(`an attribute's name has 1 to ${LONGEST_NAME} bytes, not ${bytes.length}`);
  }
  if (value && value.length > LONGEST_VALUE) {
    throw new UsageError(`an attribute's value has at most ${LONGEST_VALUE} bytes, not ${value.length}`);
  }
  return attrEntry(bytes, NAMESPACE_FLAG[namespace], value);
}

function label(inode: Inode, { name }: AttrEntry): string {
  return `inode ${inode.ino}: attribute ${JSON.stringify(new TextDecoder().decode(name))}`;
}

export function setAttrIn(inode: Inode, attr: AttrValue): void {
  const entry = entryOf(attr, attr.value);
  const exists = locate(inode, entry) !== undefined;
  if (exists && attr.mode === 'create') throw new AttrError('EXISTS', `${label(inode, entry)} exists`);
  if (!exists && attr.mode === 'replace')
    throw new AttrError('NOATTR', `${label(inode, entry)} does not exist`);
  putEntry(inode, entry, exists);
}

/** Adds an entry, in place of the old one if there is one. `untimed`: the times of the inode stay as they are. */
export function putEntry(inode: Inode, entry: AttrEntry, replace: boolean, untimed = false): void {
  const { tr } = inode;
  if (inode.core.forkoff === 0) {
    // The reference counts the length in one byte here.
    addAttrFork(inode, EMPTY_SHORT_BYTES + shortBytes(entry.name.length, entry.value.length & 0xff));
    tr.finish();
    tr.roll();
  }
  const op = new AttrOperation(inode, entry, addStep(inode));
  op.replace = replace;
  op.untimed = untimed;
  op.fork.total = blocksNeeded(inode, entry);
  if (!untimed) inode.touch();
  tr.defer(ATTR_CHANGE, op);
  tr.finish();
}

export function removeAttrIn(inode: Inode, name: AttrName): void {
  const entry = entryOf(name);
  if (!locate(inode, entry)) throw new AttrError('NOATTR', `${label(inode, entry)} does not exist`);
  inode.touch();
  inode.tr.defer(ATTR_CHANGE, new AttrOperation(inode, entry, removeStep(inode)));
  inode.tr.finish();
}

export function getAttrIn(inode: Inode, name: AttrName): Uint8Array | undefined {
  return locate(inode, entryOf(name))?.();
}

/** How to read the value of an attribute that is there. */
function locate(inode: Inode, entry: AttrEntry): (() => Uint8Array) | undefined {
  if (inode.core.forkoff === 0) return undefined;
  if (isShort(inode)) {
    const place = inode.core.aformat === FORK.LOCAL ? findShort(inode, entry) : undefined;
    return place && (() => place.entry.value.slice());
  }
  const op = new AttrOperation(inode, entry, '');
  const state = op.walk();
  if (!state.lookup()) return undefined;
  const leaf = op.view(state.path.at(-1)!.buffer);
  const { index, remote } = op;
  if (leaf.isLocal(index)) return () => leaf.localValue(index).slice();
  return () => readRemote(inode, remote.block, remote.bytes);
}

export function listAttrsIn(inode: Inode): readonly ListedAttr[] {
  if (inode.core.forkoff === 0) return [];
  if (isShort(inode)) {
    if (inode.core.aformat !== FORK.LOCAL) return [];
    return shortEntries(inode).map(({ entry: { name, value, flags } }) => listed(flags, name, value.length));
  }
  const op = new AttrOperation(inode, attrEntry(new Uint8Array(0), 0), '');
  const state = op.walk();
  state.lookup();
  const list: ListedAttr[] = [];
  const most = inode.core.nblocks;
  let leaves = 0;
  do {
    if (++leaves > most) state.bad(0, 'more leaves than blocks');
    listLeaf(op.view(state.path.at(-1)!.buffer), list);
  } while (state.shift(state.path, true));
  return list;
}

function listLeaf(leaf: AttrLeaf, list: ListedAttr[]): void {
  for (let i = 0; i < leaf.count; i++) {
    const flags = leaf.flags(i);
    if (flags & ATTR_INCOMPLETE) continue;
    const bytes = leaf.isLocal(i) ? leaf.localValue(i).length : leaf.remote(i).bytes;
    list.push(listed(flags, leaf.name(i).slice(), bytes));
  }
}

function listed(flags: number, name: Uint8Array, valueBytes: number): ListedAttr {
  const names: Readonly<Record<number, ListedAttr['namespace']>> = {
    0: 'user',
    2: 'trusted',
    4: 'secure',
    8: 'parent',
  };
  return { namespace: names[flags & NAMESPACES] ?? 'user', name, valueBytes };
}

/** Gives an inode an attribute fork, in which shortform attributes of `bytes` should find room. */
export function addAttrFork(inode: Inode, bytes: number): void {
  const { tr } = inode;
  const data = inode.data;
  const forkoff =
    data.format === FORK.DEV ? 1 : fittingForkoff(inode, bytes) || defaultAttrOffset(inode) >>> 3;
  const room = forkoff * 8;
  if (data.format === FORK.BTREE && !rootFits(data.root!.numrecs, room)) {
    const cursor = new BmapCursor(data);
    cursor.find(data.extents.at(0)!);
    newInodeRoot(cursor);
    data.changed();
  }
  inode.addAttrFork(forkoff);
  if (data.format === FORK.BTREE) data.resized();
  if (data.format === FORK.BTREE) data.changed();
  if (data.format === FORK.EXTENTS && data.extents.length * RECORD_BYTES > room) growIntoTree(inode, data);
  if (data.format === FORK.LOCAL && data.local.length > room) leaveLocal(inode);
  const bit = FEATURES.find(({ name }) => name === 'ATTR')!.bit;
  if ((tr.sb.versionnum & bit) === 0) tr.changeSuperblock().versionnum |= bit;
}

/** A directory or symlink that filled the whole inode moves into a block. */
function leaveLocal(inode: Inode): void {
  if (inode.type === S_IFDIR) leaveInode(new Directory(inode));
  else moveTargetOut(inode);
}

/** Blocks that setting an attribute may take, as the allocator is told. */
function blocksNeeded(inode: Inode, entry: AttrEntry): number {
  const { blocksize } = inode.tr.fs.geometry;
  const perExtent = mostTreeLevels(blocksize, 'attr', inode.largeCounts) - 1;
  const depth = 5;
  let blocks = depth + depth * perExtent;
  if (isLocalValue(entry, blocksize)) {
    return leafBytes(entry, blocksize) > blocksize / 2 ? blocks * 2 : blocks;
  }
  const values = remoteBlocks(entry.value.length, blocksize);
  blocks += values;
  return blocks + Math.ceil(values / contiguous(blocksize)) * perExtent;
}

/** Extents that one new bmbt block can take in. */
function contiguous(blocksize: number): number {
  return Math.max(1, Math.floor((blocksize - 72) / RECORD_BYTES) - 2);
}
