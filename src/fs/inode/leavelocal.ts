/**
 * Moving the target of a symlink out of its inode, into a block, when an attribute fork takes the room it had.
 */
import { SYMLINK_HEADER, SYMLINK_MAGIC } from '../../format/symlink.ts';
import { blockType } from '../buffer.ts';
import { noSpace } from '../nospace.ts';
import { mapNewBlocks } from './allocation.ts';
import type { Inode } from './inode.ts';

const TYPE = blockType('symlink');

export function moveTargetOut(inode: Inode): void {
  const { tr, data } = inode;
  const { geometry } = tr.fs;
  const target = data.local.slice();
  data.becomeExtents();
  const extent = mapNewBlocks(inode, 'data', { fileoff: 0, count: 1, contiguous: true, total: 1 });
  if (!extent) noSpace(`a block for the target of symlink ${inode.ino}`);
  const agno = geometry.fsbnoAgno(extent.fsbno);
  const agbno = geometry.fsbnoAgbno(extent.fsbno);
  const buffer = tr.createBlock(TYPE, agno, agbno, inode.ino);
  const header = SYMLINK_HEADER.over(buffer.bytes);
  header.magic = SYMLINK_MAGIC;
  header.bytes = target.length;
  header.uuid = geometry.metaUuid;
  header.owner = inode.ino;
  header.bno = BigInt(geometry.agbnoDaddr(agno, agbno));
  buffer.bytes.set(target, SYMLINK_HEADER.size);
}
