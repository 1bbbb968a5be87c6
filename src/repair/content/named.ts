/** What the superblock names beside the root directory: the realtime section's two inodes and the quota inodes. */
import { checkQuota, type QuotaSetup } from './quota.ts';
import type { QuotaUsage } from './quotausage.ts';
import { checkRealtime, type RealtimeQuestion } from './realtime.ts';

export interface NamedQuestion extends RealtimeQuestion {
  readonly quota: QuotaSetup;
  /** As the scan counted it; undefined when nothing is compared with it. */
  readonly usage: QuotaUsage | undefined;
}

export function checkNamedInodes(from: NamedQuestion): void {
  checkRealtime(from);
  from.usage?.settleRealtime(from.extents);
  // An inode that could not be read is missing from the counts, and explains what they lack.
  checkQuota(from, from.quota, from.complete ? from.usage : undefined);
}
