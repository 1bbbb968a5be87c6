/** Defects of inobt and finobt. */
import type { ChunkColumns } from '../../fs/space/columns.ts';
import { editChunks } from './columnedit.ts';
import type { InjectKind } from './kind.ts';
import type { Site } from './site.ts';

function spoilChunks(
  site: Site,
  tree: 'inobt' | 'finobt',
  least: number,
  spoil: (chunks: ChunkColumns, row: number) => ChunkColumns,
  tell: string,
): string {
  return site.inSomeAg(
    (ag) => {
      const observed = ag[tree]?.records;
      if (!observed || observed.length < least) return undefined;
      const row = site.random(observed.length);
      const agino = observed.startino[row]!;
      site.rewriteAg(ag, {
        tamper: (records) => {
          records[tree] = spoil(records[tree], row);
        },
      });
      return `AG ${ag.agno} ${tree}: chunk at agino ${agino} ${tell}`;
    },
    `no AG has ${least} ${tree} record${least === 1 ? '' : 's'}`,
  );
}

/** A free inode called used; the AGI's count stays right. */
function markUsed(copy: ChunkColumns, row: number): void {
  for (let bit = 63; bit >= 0; bit--) {
    if ((copy.holemask[row]! >> (bit >> 2)) & 1) continue;
    const mask = (1 << (bit & 31)) >>> 0;
    const word = bit > 31 ? copy.freeHigh : copy.freeLow;
    if (!((word[row]! & mask) >>> 0)) continue;
    word[row] = (word[row]! & ~mask) >>> 0;
    copy.freecount[row]!--;
    return;
  }
  // A chunk without free inodes: call its last inode free instead.
  copy.freeHigh[row] = 0x80000000;
  copy.freecount[row] = 1;
}

/** A used inode called free. */
function markFree(copy: ChunkColumns, row: number): void {
  for (let bit = 63; bit >= 0; bit--) {
    if ((copy.holemask[row]! >> (bit >> 2)) & 1) continue;
    const mask = (1 << (bit & 31)) >>> 0;
    const word = bit > 31 ? copy.freeHigh : copy.freeLow;
    if ((word[row]! & mask) >>> 0) continue;
    word[row] = (word[row]! | mask) >>> 0;
    copy.freecount[row]!++;
    return;
  }
}

export const INODETREE_KINDS: readonly InjectKind[] = [
  {
    name: 'wrong-inobt-free',
    summary: 'an inobt record whose free mask is wrong by one inode',
    finds: 'INOBT_WRONG',
    plant: (site) =>
      spoilChunks(
        site,
        'inobt',
        1,
        (chunks, row) => editChunks(chunks, -1, row, markUsed),
        'one free bit wrong',
      ),
  },
  {
    name: 'missing-inobt',
    summary: 'an inode chunk that the inobt does not list',
    finds: 'INOBT_MISSING',
    plant: (site) => spoilChunks(site, 'inobt', 1, (chunks, row) => editChunks(chunks, row), 'removed'),
  },
  {
    name: 'missing-finobt',
    summary: 'a chunk with free inodes that the finobt does not list',
    needs: 'finobt',
    finds: 'FINOBT_MISSING',
    plant: (site) => spoilChunks(site, 'finobt', 1, (chunks, row) => editChunks(chunks, row), 'removed'),
  },
  {
    name: 'wrong-finobt-free',
    summary: 'a finobt record whose free mask is wrong by one inode',
    needs: 'finobt',
    finds: 'FINOBT_WRONG',
    plant: (site) =>
      spoilChunks(
        site,
        'finobt',
        1,
        (chunks, row) =>
          editChunks(chunks, -1, row, (copy, at) => {
            if (copy.freecount[at]! > 1) markUsed(copy, at);
            else markFree(copy, at);
          }),
        'one free bit wrong',
      ),
  },
];
