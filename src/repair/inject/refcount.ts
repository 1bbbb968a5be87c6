/** Defects of the refcount btree and of CoW staging. */
import { OWNER } from '../../format/btree.ts';
import { ExtentColumns } from '../../fs/space/columns.ts';
import { type RefcountRow, refcountColumns, refcountRows } from './columnedit.ts';
import type { InjectKind } from './kind.ts';
import type { Site } from './site.ts';
import { someFreeRun, somePrivateRun } from './spot.ts';

const NO_SHARING = 'no file shares blocks in this image';

/** Replaces the refcount records of an AG that has a fitting shared record. */
function spoilShared(
  site: Site,
  fits: (row: RefcountRow) => boolean,
  spoil: (row: RefcountRow) => RefcountRow[],
  tell: (row: RefcountRow) => string,
): string {
  return site.inSomeAg((ag) => {
    const rows = refcountRows(ag.refcntbt!.records);
    const target = site.pick(rows.filter((row) => !row.cow && fits(row)));
    if (!target) return undefined;
    const spoiled = rows.flatMap((row) => (row === target ? spoil({ ...row }) : [row]));
    site.rewriteAg(ag, { tamper: (records) => void (records.refcntbt = refcountColumns(spoiled)) });
    return `AG ${ag.agno} refcntbt: blocks ${target.start}+${target.count} (refcount ${target.refcount}) ${tell(target)}`;
  }, NO_SHARING);
}

export const REFCOUNT_KINDS: readonly InjectKind[] = [
  {
    name: 'leaked-cow',
    summary: 'CoW staging extents that nothing will ever free',
    needs: 'reflink',
    finds: 'LEAKED_COW',
    plant: (site) =>
      site.inSomeAg((ag) => {
        const owners = new ExtentColumns();
        const told: string[] = [];
        const taken = new Set<number>();
        for (let k = 0; k < 3; k++) {
          const run = someFreeRun(site, ag, 32);
          if (!run || [...taken].some((start) => Math.abs(start - run.start) < 64)) continue;
          taken.add(run.start);
          owners.push(run.start, run.count, OWNER.COW, 0, 0);
          told.push(`${run.start}+${run.count}`);
        }
        if (told.length === 0) return undefined;
        site.rewriteAg(ag, { owners });
        return `AG ${ag.agno}: CoW staging extents at blocks ${told.join(', ')}`;
      }, 'no AG has a free extent of 10 blocks'),
  },
  {
    name: 'surplus-refcount',
    summary: 'a refcount record over blocks that nobody shares (xfs_repair -n calls it clean)',
    needs: 'reflink',
    finds: 'REFCOUNT_SURPLUS',
    plant: (site) =>
      site.inSomeAg((ag) => {
        const run =
          site.random(2) === 0
            ? (somePrivateRun(site, ag) ?? someFreeRun(site, ag, 8))
            : someFreeRun(site, ag, 8);
        if (!run) return undefined;
        const rows = [...refcountRows(ag.refcntbt!.records), { ...run, refcount: 2, cow: 0 }];
        site.rewriteAg(ag, { tamper: (records) => void (records.refcntbt = refcountColumns(rows)) });
        return `AG ${ag.agno} refcntbt: record of blocks ${run.start}+${run.count}, refcount 2`;
      }, 'no AG has a place for a surplus record'),
  },
  {
    name: 'missing-refcount',
    summary: 'shared blocks without a refcount record',
    needs: 'reflink',
    finds: 'REFCOUNT_MISSING',
    plant: (site) =>
      spoilShared(
        site,
        () => true,
        () => [],
        () => 'removed',
      ),
  },
  {
    name: 'wrong-refcount',
    summary: 'a refcount that is one too high',
    needs: 'reflink',
    finds: 'REFCOUNT_WRONG',
    plant: (site) =>
      spoilShared(
        site,
        () => true,
        (row) => [{ ...row, refcount: row.refcount + 1 }],
        (row) => `now says ${row.refcount + 1}`,
      ),
  },
  {
    name: 'unmerged-refcount',
    summary: 'one refcount record cut in two',
    needs: 'reflink',
    finds: 'REFCOUNT_UNMERGED',
    plant: (site) =>
      spoilShared(
        site,
        (row) => row.count > 1,
        (row) => [
          { ...row, count: 1 },
          { ...row, start: row.start + 1, count: row.count - 1 },
        ],
        () => 'cut in two',
      ),
  },
];
