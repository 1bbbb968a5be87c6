/** All two-way cases, and how one is planted. */
import type { Device } from '../../../src/device/device.ts';
import type { Where } from '../../../src/format/findings.ts';
import type { CheckResult } from '../../../src/repair/check.ts';
import { Site } from '../../../src/repair/inject/site.ts';
import { FREE_CASES } from './free.ts';
import { INODE_CASES } from './inode.ts';
import { REFCOUNT_CASES } from './refcount.ts';
import { RMAP_CASES } from './rmap.ts';
import type { Spot, TwoWayCase } from './row.ts';

export type { TwoWayCase } from './row.ts';

export const TWO_WAY_CASES: readonly TwoWayCase[] = [
  ...FREE_CASES,
  ...RMAP_CASES,
  ...REFCOUNT_CASES,
  ...INODE_CASES,
];

/** Plants a case on `device`, whose check (clean) is given; where the finding must be, undefined: no place for it. */
export function plant(device: Device, check: CheckResult, row: TwoWayCase): Where | undefined {
  const site = new Site(device, check, 1);
  const ag = check.observation.ags[row.agno]!;
  const scene = { geometry: check.observation.geometry, ag };
  let spot: Spot | undefined;
  const owners = row.owners?.(scene);
  site.rewriteAg(ag, {
    ...(owners ? { owners } : {}),
    tamper: (records) => {
      spot = row.spoil(records, scene);
    },
  });
  return spot && { agno: row.agno, ...spot };
}
