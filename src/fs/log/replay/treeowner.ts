/**
 * The owner in every block of an extent btree. Two inodes that exchanged their forks log it as one bit of the inode
 * item, instead of every block of the tree. The blocks keep their LSN: nothing else is said about them.
 */
import { LONG_HEADER, maxRecords } from '../../../format/btree.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { blockType } from '../../buffer.ts';
import { FAMILY, readRoot } from '../../inode/bmbt.ts';
import { LogError } from '../record.ts';
import type { ReplayContext } from './bufferitem.ts';
import type { ReplayBuffer } from './buffers.ts';

const AT = LONG_HEADER.offset;

/** Makes `ino` the owner of all blocks below the root in `fork`; true when one had another. Throws LogError. */
export function changeTreeOwner(
  context: ReplayContext,
  ino: number,
  name: 'bmapbtd' | 'bmapbta',
  fork: Uint8Array,
): boolean {
  const root = readRoot(fork);
  if (!root) throw fault(ino, 'a root with level or count out of range');
  const { geometry, buffers } = context;
  const type = blockType(name);
  // More blocks than the filesystem has: they go in a circle.
  let left = geometry.dblocks;
  let changed = false;
  let first = root.child(1);
  for (let level = root.level - 1; level >= 0; level--) {
    let below = -1;
    for (let pointer = first; pointer !== -1; ) {
      if (--left < 0) throw fault(ino, 'blocks that go in a circle');
      const buffer = treeBlock(context, ino, pointer, level);
      if (below < 0 && level > 0) below = firstChild(context, buffer);
      if (Number(buffer.view.getBigUint64(AT.owner)) !== ino) {
        buffer.view.setBigUint64(AT.owner, BigInt(ino));
        buffers.changeUnstamped(buffer, type);
        changed = true;
      }
      const next = buffer.view.getBigUint64(AT.rightsib);
      pointer = next === NONE ? -1 : Number(next);
    }
    first = below;
  }
  return changed;
}

const NONE = 2n ** 64n - 1n;

function treeBlock(context: ReplayContext, ino: number, fsbno: number, level: number): ReplayBuffer {
  const { geometry, buffers } = context;
  if (!geometry.isFsbnoRange(fsbno, 1)) throw fault(ino, `a pointer to fsbno ${fsbno}`);
  const daddr = geometry.agbnoDaddr(geometry.fsbnoAgno(fsbno), geometry.fsbnoAgbno(fsbno));
  const buffer = buffers.read(daddr, geometry.blocksize / BASIC_BLOCK);
  const isTree = buffer.view.getUint32(AT.magic) === FAMILY.magic;
  if (!isTree || buffer.view.getUint16(AT.level) !== level)
    throw fault(ino, `no block of level ${level} at fsbno ${fsbno}`);
  return buffer;
}

function firstChild({ geometry }: ReplayContext, { view }: ReplayBuffer): number {
  const most = maxRecords(FAMILY, 1, geometry.blocksize);
  return Number(view.getBigUint64(FAMILY.headerBytes + most * FAMILY.keyBytes));
}

function fault(ino: number, why: string): LogError {
  return new LogError('LOG_CORRUPT', `inode item of ${ino}: its extent btree has ${why}`);
}
