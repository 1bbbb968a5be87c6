/** Owners as messages name them. */
import { OWNER } from '../../format/btree.ts';
import { FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../../fs/space/columns.ts';

const NAMES: Readonly<Record<number, string>> = {
  [OWNER.NULL]: 'null owner',
  [OWNER.UNKNOWN]: 'unknown owner',
  [OWNER.FS]: 'AG headers',
  [OWNER.LOG]: 'log',
  [OWNER.AG]: 'AG btrees and free list',
  [OWNER.INOBT]: 'inode btrees',
  [OWNER.INODES]: 'inode chunks',
  [OWNER.REFC]: 'refcount btree',
  [OWNER.COW]: 'CoW staging',
};

export function ownerName(owner: number): string {
  return owner >= 0 ? `inode ${owner}` : (NAMES[owner] ?? `owner ${owner}`);
}

/** `inode 131 data offset 12`, `inode 131 bmbt of the attribute fork`, `log`. */
export function claimName(owner: number, offset: number, flags: number): string {
  if (owner < 0) return ownerName(owner);
  const fork = flags & FLAG_ATTR ? 'attribute fork' : 'data fork';
  if (flags & FLAG_BMBT) return `${ownerName(owner)} bmbt of the ${fork}`;
  return `${ownerName(owner)} ${fork} offset ${offset}${flags & FLAG_UNWRITTEN ? ' unwritten' : ''}`;
}
