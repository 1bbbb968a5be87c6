/**
 * The unlinked lists of an AG: inodes without a name that are not free yet, in 64 chains by number, each from a head in
 * the AGI through di_next_unlinked. Insertion is at the head.
 */
import { AGI, AGI_UNLINKED_BUCKETS } from '../../format/agi.ts';
import { NULL_AGINO } from '../../format/geometry.ts';
import { corrupt } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';
import { type Inode, readAnyInode } from './inode.ts';

function head(tr: Transaction, agno: number, bucket: number): number {
  const { agi } = tr.perag(agno);
  return agi.view.getUint32(agi.byte + AGI.offset.unlinked + 4 * bucket);
}

function setHead(tr: Transaction, agno: number, bucket: number, agino: number): void {
  const agi = tr.perag(agno).changeAgi();
  agi.view.setUint32(agi.byte + AGI.offset.unlinked + 4 * bucket, agino);
}

/** What a list begins with must be an inode in use that has no links. */
function needUnlinked(tr: Transaction, agno: number, agino: number): void {
  const ino = tr.fs.geometry.ino(agno, agino);
  const { core } = (tr.inodes.get(ino) as Inode | undefined) ?? readAnyInode(tr, ino);
  if (core.mode === 0 || core.nlink !== 0) bad(agno, ino, 'is on an unlinked list, but free or linked');
}

/** Puts an inode on its list. Throws CorruptionError when it is on one, or the list begins with what cannot be. */
export function insertUnlinked(inode: Inode): void {
  const { tr, ino, core } = inode;
  const { geometry } = tr.fs;
  const agno = geometry.inoAgno(ino);
  const agino = geometry.inoAgino(ino);
  const bucket = agino % AGI_UNLINKED_BUCKETS;
  const first = head(tr, agno, bucket);
  if (first === agino || core.next_unlinked !== NULL_AGINO) bad(agno, ino, 'is on an unlinked list already');
  if (first !== NULL_AGINO) needUnlinked(tr, agno, first);
  inode.changed();
  core.next_unlinked = first;
  setHead(tr, agno, bucket, agino);
}

/** Takes an inode off its list. Throws CorruptionError when it is not there. */
export function removeUnlinked(inode: Inode): void {
  const { tr, ino, core } = inode;
  const { geometry } = tr.fs;
  const agno = geometry.inoAgno(ino);
  const agino = geometry.inoAgino(ino);
  const bucket = agino % AGI_UNLINKED_BUCKETS;
  const next = core.next_unlinked;
  let at = head(tr, agno, bucket);
  if (at === agino) setHead(tr, agno, bucket, next);
  else {
    for (const before of unlinkedInodes(tr, agno, bucket)) {
      at = before.core.next_unlinked;
      if (at !== agino) continue;
      before.changed();
      before.core.next_unlinked = next;
      before.flush(false);
      break;
    }
    if (at !== agino) bad(agno, ino, 'is not on its unlinked list');
  }
  inode.changed();
  core.next_unlinked = NULL_AGINO;
}

/** The inodes of a list, from its head. Throws CorruptionError for a list that does not end. */
export function* unlinkedInodes(tr: Transaction, agno: number, bucket: number): Generator<Inode> {
  const { geometry } = tr.fs;
  const most = tr.perag(agno).agi.count;
  let length = 0;
  for (let agino = head(tr, agno, bucket); agino !== NULL_AGINO; ) {
    const ino = geometry.ino(agno, agino);
    if (++length > most) bad(agno, ino, 'comes up again in its unlinked list');
    const inode = (tr.inodes.get(ino) as Inode | undefined) ?? readAnyInode(tr, ino);
    const next = inode.core.next_unlinked;
    yield inode;
    agino = next;
  }
}

function bad(agno: number, ino: number, what: string): never {
  corrupt('UNLINKED_LIST', { agno, ino }, `AG ${agno}: inode ${ino} ${what}`);
}
