/**
 * Unlinked lists: 64 per AG, headed in the AGI, chained through next_unlinked of inodes that lost their last
 * name while open. On a clean filesystem all are empty; log recovery frees what is on them.
 */
import { AGI, AGI_UNLINKED_BUCKETS } from '../../format/agi.ts';
import { NULL_AGINO } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import type { UnlinkedInode } from '../observation.ts';
import type { Context } from './context.ts';

/** Follows the lists of one AG. Each inode is met once, so a circle ends the list. */
export function readUnlinked(
  context: Context,
  agno: number,
  agi: Uint8Array | undefined,
  chunks: ChunkColumns,
  seen: Set<number>,
): UnlinkedInode[] {
  const out: UnlinkedInode[] = [];
  if (!agi) return out;
  const heads = new DataView(agi.buffer, agi.byteOffset);
  const inode = new Uint8Array(context.geometry.inodesize);
  const view = new DataView(inode.buffer);
  for (let bucket = 0; bucket < AGI_UNLINKED_BUCKETS; bucket++) {
    let agino = heads.getUint32(AGI.offset.unlinked + 4 * bucket);
    while (agino !== NULL_AGINO) {
      const ino = context.geometry.ino(agno, agino);
      const wrong = memberFault(context, agno, bucket, agino, chunks, seen, inode, view);
      if (wrong !== undefined) {
        const where = { agno, ino, structure: 'agi', field: `unlinked[${bucket}]` };
        context.sink.add('UNLINKED_LIST', where, `AG ${agno} unlinked list ${bucket}: inode ${ino} ${wrong}`);
        break;
      }
      seen.add(ino);
      out.push({ agno, bucket, ino });
      const where = { agno, ino, structure: 'agi', field: `unlinked[${bucket}]` };
      context.sink.add(
        'UNLINKED_INODE',
        where,
        `AG ${agno} unlinked list ${bucket}: inode ${ino} waits to be freed`,
      );
      agino = view.getUint32(DINODE.offset.next_unlinked);
    }
  }
  return out;
}

/** Why an inode cannot be on this list; reads it into `inode`. */
function memberFault(
  context: Context,
  agno: number,
  bucket: number,
  agino: number,
  chunks: ChunkColumns,
  seen: Set<number>,
  inode: Uint8Array,
  view: DataView,
): string | undefined {
  const ino = context.geometry.ino(agno, agino);
  if (!context.isAgino(agno, agino)) return 'is outside the AG';
  if (seen.has(ino)) return 'is on a list already';
  if (agino % AGI_UNLINKED_BUCKETS !== bucket) return `belongs to list ${agino % AGI_UNLINKED_BUCKETS}`;
  if (!isAllocated(chunks, agino)) return 'is not allocated';
  if (!context.read(context.geometry.inoByte(ino), inode, `inode ${ino}`, agno)) return 'cannot be read';
  if (view.getUint16(DINODE.offset.magic) !== INODE_MAGIC) return 'is no inode';
  const nlink = view.getUint32(DINODE.offset.nlink);
  return nlink === 0 ? undefined : `is in use, nlink ${nlink}`;
}

/** Whether `agino` is in a chunk, exists there, and is not free. */
function isAllocated(chunks: ChunkColumns, agino: number): boolean {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunks.startino[middle]! <= agino) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return false;
  const j = agino - chunks.startino[low - 1]!;
  if (j >= 64 || ((chunks.holemask[low - 1]! >>> (j >> 2)) & 1) !== 0) return false;
  const word = j < 32 ? chunks.freeLow[low - 1]! >>> j : chunks.freeHigh[low - 1]! >>> (j - 32);
  return (word & 1) === 0;
}
