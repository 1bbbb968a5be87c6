/**
 * Unlinked lists: 64 a AG, from the AGI through the next_unlinked of inodes. Bounded by the number of inodes an AG
 * can have, as a list may run in a circle.
 */
import { AGI } from '../../format/agi.ts';
import { CHUNK_INODES, NULL_AGINO } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { readHeader } from '../../fs/scan/agheader.ts';
import type { ScanReader } from '../../fs/scan/reader.ts';
import { agiFault } from './verdict.ts';

export interface UnlinkedInode {
  readonly agino: number;
  /** Blocks that it has; undefined when it cannot be read as an inode. */
  readonly blocks: number | undefined;
}

/** Inodes of one list. */
export function readUnlinked(reader: ScanReader, agno: number, head: number): UnlinkedInode[] {
  const { geometry } = reader;
  const list: UnlinkedInode[] = [];
  const seen = new Set<number>();
  const most = geometry.agLength(agno) * Math.max(geometry.inopblock, CHUNK_INODES);
  const bytes = new Uint8Array(geometry.inodesize);
  const view = new DataView(bytes.buffer);
  for (let agino = head; agino !== NULL_AGINO && list.length < most && !seen.has(agino); ) {
    seen.add(agino);
    const ino = geometry.ino(agno, agino);
    const readable =
      geometry.isAgbno(agno, geometry.aginoAgbno(agino)) && reader.read(geometry.inoByte(ino), bytes);
    if (!readable || view.getUint16(0) !== INODE_MAGIC) {
      list.push({ agino, blocks: undefined });
      return list;
    }
    list.push({ agino, blocks: readCount64(view, DINODE.offset.nblocks) });
    agino = view.getUint32(DINODE.offset.next_unlinked);
  }
  return list;
}

/** Heads of the lists of an AG, unless the kernel would refuse its header. */
export function unlinkedHeads(reader: ScanReader, agno: number): readonly number[] | 'refused' {
  const sector = readHeader(reader, agno, 'agi');
  if (!sector || agiFault(sector, reader.geometry, agno) !== 0) return 'refused';
  const { view } = AGI.over(sector);
  return Array.from({ length: 64 }, (_, i) => view.getUint32(AGI.offset.unlinked + 4 * i));
}
