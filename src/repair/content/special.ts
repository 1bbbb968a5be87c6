/**
 * Inodes that the superblock names: quota, realtime bitmap and summary. No directory leads to them, so nothing else
 * shows whether the right inode is named; each must be a plain file in use, with one link and without attributes,
 * and no two names may lead to the same.
 */

import type { FindingCode } from '../../format/findings.ts';
import { DIFLAG, DIFLAG2, DINODE, FORK } from '../../format/inode.ts';
import type { Context } from '../observe/context.ts';
import { count64 } from '../observe/extent.ts';
import { CONTENT, type ForkExtents } from '../observe/forkextents.ts';
import { type InodeTable, KIND, NO_ROW } from '../observe/inodetable.ts';

const AT = { ...DINODE.offset };
/** No fork of that inode was kept. */
export const NO_FORK = -1;

/** What the checks of such inodes share. */
export interface NamedInodes {
  readonly context: Context;
  readonly forks: ForkExtents;
  readonly inodes: InodeTable;
}

export interface NamedInode {
  readonly ino: number;
  /** For messages: `user quota inode`. */
  readonly what: string;
  /** The superblock's field. */
  readonly field: string;
  readonly code: FindingCode;
}

/** The number of the kept data fork of `ino`; a scan, since there are five such inodes at most. */
export function findFork(forks: ForkExtents, ino: number): number {
  for (let i = 0; i < forks.length; i++) {
    if (forks.ino.at(i) === ino && forks.content.at(i) === CONTENT.SPECIAL) return i;
  }
  return NO_FORK;
}

/**
 * Judges what is named as such. Returns the inode's bytes when it is a file whose blocks may be looked into;
 * undefined when it is not, or could not be read and was reported by whoever tried.
 */
export function readNamedInode(from: NamedInodes, named: NamedInode): Uint8Array | undefined {
  const { context, inodes } = from;
  const { geometry } = context;
  const { ino, what, field } = named;
  const row = context.isIno(ino) ? inodes.find(ino) : NO_ROW;
  const kind = row === NO_ROW ? KIND.FREE : inodes.kind[row]!;
  if (kind === KIND.LOST) return undefined;
  if (kind !== KIND.FILE) {
    const text = kind === KIND.FREE ? 'is not in use' : 'is not a regular file';
    const where = { agno: 0, structure: 'sb', field, ...(row === NO_ROW ? {} : { ino }) };
    context.sink.add(named.code, where, `superblock: ${field} ${ino}: the ${what} ${text}`, { found: ino });
    return undefined;
  }
  const bytes = new Uint8Array(geometry.inodesize);
  if (!context.read(geometry.inoByte(ino), bytes, what, geometry.inoAgno(ino))) return undefined;
  const view = new DataView(bytes.buffer);
  judge(context, named, view);
  return isRealtime(view) ? undefined : bytes;
}

function isRealtime(view: DataView): boolean {
  return (view.getUint16(AT.flags) & (1 << DIFLAG.REALTIME)) !== 0;
}

function judge(context: Context, named: NamedInode, view: DataView): void {
  if (isRealtime(view)) reportNamed(context, named, 'core.realtime', 1, 0);
  const attributes =
    view.getUint8(AT.forkoff) !== 0 &&
    (view.getUint8(AT.aformat) !== FORK.EXTENTS || attributeExtents(view) !== 0);
  if (attributes) reportNamed(context, named, 'core.forkoff', view.getUint8(AT.forkoff), 'no attributes');
}

function attributeExtents(view: DataView): number {
  const wide = (view.getUint32(AT.flags2 + 4) & (1 << DIFLAG2.NREXT64)) !== 0;
  return wide ? view.getUint32(AT.nextents) : view.getUint16(AT.anextents);
}

/** A field of such an inode is not what its use demands. */
export function reportNamed(
  context: Context,
  { ino, what, code }: NamedInode,
  field: string,
  found: number | string,
  expected: number | string,
): void {
  const where = { agno: context.geometry.inoAgno(ino), ino, structure: 'inode', field };
  context.sink.add(code, where, `${what} ${ino}: ${field} ${found}, expected ${expected}`, {
    found,
    expected,
  });
}

export function sizeOf(inode: Uint8Array): number {
  return count64(new DataView(inode.buffer, inode.byteOffset), AT.size);
}
