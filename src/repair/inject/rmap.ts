/** Defects of the rmapbt. */

import { canonicalRmaps } from '../../fs/space/canonical.ts';
import { FLAG_ATTR, FLAG_BMBT } from '../../fs/space/columns.ts';
import type { AgObservation } from '../observation.ts';
import { type RmapRow, rmapColumns, rmapRows } from './columnedit.ts';
import type { InjectKind } from './kind.ts';
import type { Site } from './site.ts';
import { someFreeRun } from './spot.ts';

/** Spoils one record of a file's data whose start no other record has, so that order survives any change of it. */
function spoilRecord(
  site: Site,
  fits: (row: RmapRow, next: RmapRow | undefined) => boolean,
  spoil: (row: RmapRow) => RmapRow[],
  tell: string,
): string {
  return site.inSomeAg((ag) => {
    const rows = rmapRows(ag.rmapbt!.records);
    const candidates = rows.filter(
      (row, i) =>
        row.owner >= 0 &&
        (row.flags & (FLAG_ATTR | FLAG_BMBT)) === 0 &&
        rows[i - 1]?.start !== row.start &&
        rows[i + 1]?.start !== row.start &&
        fits(row, rows[i + 1]),
    );
    const target = site.pick(candidates);
    if (!target) return undefined;
    tamperRecord(site, ag, target, spoil);
    return `AG ${ag.agno} rmapbt: record of blocks ${target.start}+${target.count}, inode ${target.owner} offset ${target.offset}, ${tell}`;
  }, 'no file has a data extent of its own in this image');
}

/** The record may have merged or moved in the list that is about to be written, but its blocks are the same. */
function tamperRecord(
  site: Site,
  ag: AgObservation,
  target: RmapRow,
  spoil: (row: RmapRow) => RmapRow[],
): void {
  site.rewriteAg(ag, {
    tamper: (records) => {
      records.rmapbt = rmapColumns(
        rmapRows(records.rmapbt).flatMap((row) =>
          row.start === target.start && row.owner === target.owner ? spoil({ ...row }) : [row],
        ),
      );
    },
  });
}

/** Some inode number of an existing chunk. */
function someInode(site: Site): number {
  const chunked = site.check.observation.ags.filter((ag) => ag.chunks.length > 0);
  const ag = site.pick(chunked)!;
  const chunk = site.random(ag.chunks.length);
  return site.geometry.ino(ag.agno, ag.chunks.startino[chunk]! + site.random(4));
}

export const RMAP_KINDS: readonly InjectKind[] = [
  {
    name: 'surplus-rmap',
    summary: 'an rmap record over free blocks (xfs_repair -n calls it clean)',
    needs: 'rmapbt',
    finds: 'RMAP_SURPLUS',
    plant: (site) =>
      site.inSomeAg((ag) => {
        const run = someFreeRun(site, ag, 8);
        if (!run) return undefined;
        const owner = someInode(site);
        const row: RmapRow = { ...run, owner, offset: site.random(1000), flags: 0 };
        site.rewriteAg(ag, {
          tamper: (records) => {
            records.rmapbt = canonicalRmaps(rmapColumns([...rmapRows(records.rmapbt), row]));
          },
        });
        return `AG ${ag.agno} rmapbt: record of free blocks ${run.start}+${run.count}, inode ${owner} offset ${row.offset}`;
      }, 'no AG has a free extent of 10 blocks'),
  },
  {
    name: 'missing-rmap',
    summary: 'a file extent without its rmap record',
    needs: 'rmapbt',
    finds: 'RMAP_MISSING',
    plant: (site) =>
      spoilRecord(
        site,
        () => true,
        () => [],
        'removed',
      ),
  },
  {
    name: 'wrong-owner-rmap',
    summary: 'an rmap record that names another inode',
    needs: 'rmapbt',
    finds: 'RMAP_WRONG',
    plant: (site) =>
      spoilRecord(
        site,
        () => true,
        (row) => [{ ...row, owner: row.owner + 1 }],
        'now names the next inode',
      ),
  },
  {
    name: 'wrong-offset-rmap',
    summary: 'an rmap record with another file offset',
    needs: 'rmapbt',
    finds: 'RMAP_WRONG',
    plant: (site) =>
      spoilRecord(
        site,
        () => true,
        (row) => [{ ...row, offset: row.offset + 7 }],
        'its offset moved by 7 blocks',
      ),
  },
  {
    name: 'short-rmap',
    summary: 'an rmap record one block too short',
    needs: 'rmapbt',
    finds: 'RMAP_WRONG',
    plant: (site) =>
      spoilRecord(
        site,
        (row) => row.count > 1,
        (row) => [{ ...row, count: row.count - 1 }],
        'one block shorter',
      ),
  },
  {
    name: 'unmerged-rmap',
    summary: 'one rmap record cut in two',
    needs: 'rmapbt',
    finds: 'RMAP_UNMERGED',
    plant: (site) =>
      spoilRecord(
        site,
        // The second piece starts one block further: another record there could sort before it.
        (row, next) => row.count > 1 && next?.start !== row.start + 1,
        (row) => [
          { ...row, count: 1 },
          { ...row, start: row.start + 1, count: row.count - 1, offset: row.offset + 1 },
        ],
        'cut in two',
      ),
  },
];
