/** Defects of the free-space btrees. */
import { byLength } from '../../fs/space/build.ts';
import { type RunRow, runColumns, runRows } from './columnedit.ts';
import type { InjectKind } from './kind.ts';
import type { Site } from './site.ts';
import { somePrivateRun } from './spot.ts';

/** Changes one free extent in the trees named; the others keep it. */
function spoilFree(
  site: Site,
  trees: readonly ('bnobt' | 'cntbt')[],
  spoil: (row: RunRow) => RunRow[],
  tell: string,
): string {
  return site.inSomeAg((ag) => {
    if (ag.bnobt.records.length < 2) return undefined;
    const chosen = site.random(ag.bnobt.records.length);
    let told: RunRow | undefined;
    site.rewriteAg(ag, {
      tamper: (records) => {
        const rows = runRows(records.bnobt);
        const target = rows[Math.min(chosen, rows.length - 1)]!;
        told = { ...target };
        const spoiled = runColumns(rows.flatMap((row) => (row === target ? spoil({ ...row }) : [row])));
        if (trees.includes('bnobt')) records.bnobt = spoiled;
        if (trees.includes('cntbt')) records.cntbt = byLength(spoiled);
      },
    });
    return `AG ${ag.agno} ${trees.join(' and ')}: free extent ${told!.start}+${told!.count} ${tell}`;
  }, 'no AG has two free extents');
}

export const FREESPACE_KINDS: readonly InjectKind[] = [
  {
    name: 'bnobt-cntbt-mismatch',
    summary: 'a free extent in the bnobt that the cntbt does not list',
    finds: 'CNTBT_MISSING',
    plant: (site) => spoilFree(site, ['cntbt'], () => [], 'removed'),
  },
  {
    name: 'short-bnobt-record',
    summary: 'a bnobt record one block too short',
    finds: 'BNOBT_MISSING',
    plant: (site) =>
      spoilFree(
        site,
        ['bnobt'],
        (row) => (row.count > 1 ? [{ ...row, count: row.count - 1 }] : []),
        'one block shorter',
      ),
  },
  {
    name: 'leaked-space',
    summary: 'free blocks that neither free-space btree lists',
    finds: 'BNOBT_MISSING',
    plant: (site) => spoilFree(site, ['bnobt', 'cntbt'], () => [], 'removed from both'),
  },
  {
    name: 'used-block-free',
    summary: 'blocks of a file that both free-space btrees list as free',
    finds: 'BNOBT_SURPLUS',
    plant: (site) =>
      site.inSomeAg((ag) => {
        const free = runRows(ag.bnobt.records);
        // Next to free space the two would have to be one record, which is another defect.
        const touches = (run: RunRow): boolean =>
          free.some((row) => row.start <= run.start + run.count && run.start <= row.start + row.count);
        let run = somePrivateRun(site, ag);
        for (let tries = 0; tries < 20 && run && touches(run); tries++) run = somePrivateRun(site, ag);
        if (!run || touches(run)) return undefined;
        const used = run;
        site.rewriteAg(ag, {
          tamper: (records) => {
            const rows = [...runRows(records.bnobt), used].sort((a, b) => a.start - b.start);
            records.bnobt = runColumns(rows);
            records.cntbt = byLength(records.bnobt);
          },
        });
        return `AG ${ag.agno} bnobt and cntbt: blocks ${run.start}+${run.count} of a file listed free`;
      }, 'no file has a data extent of its own away from free space'),
  },
];
