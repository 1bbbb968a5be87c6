/**
 * Inodes without a name: deleted while they were open, and left when the filesystem stopped. They are emptied and
 * freed as log recovery does it, in transactions on the overlay. That relies on every index, so it comes last, when
 * nothing else is wrong; and on knowing all names, for an inode whose name could not be read is not a deleted one.
 */

import { DeviceError } from '../../device/device.ts';
import type { OverlayDevice } from '../../device/overlay.ts';
import { QFLAG, QUOTA_TYPES } from '../../format/dquot.ts';
import { XfskitError } from '../../format/errors.ts';
import type { Finding } from '../../format/findings.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import { type FileSystem, openFileSystem } from '../../fs/filesystem.ts';
import { readInode } from '../../fs/inode/inode.ts';
import { freeInode, freeUnlinkedInode } from '../../fs/inode/release.ts';
import { transact } from '../../fs/transaction.ts';
import type { CheckResult } from '../check.ts';
import type { Left } from './change.ts';

export interface FreedInodes {
  readonly actions: readonly string[];
  readonly fixes: readonly Finding[];
  readonly left: readonly Left[];
}

/** Records of use are counted again at the next mount. */
const COUNTED = QUOTA_TYPES.reduce((bits, type) => bits | QFLAG[type].chkd, 0);

export function stageUnlinked(
  check: CheckResult,
  overlay: OverlayDevice,
  findings: readonly Finding[],
): FreedInodes {
  const refuse = (some: readonly Finding[], reason: string): FreedInodes => ({
    actions: [],
    fixes: [],
    left: some.map((finding) => ({ finding, reason })),
  });
  const mine = new Set(findings);
  const other = check.findings.some((finding) => finding.severity !== 'note' && !mine.has(finding));
  if (other) return refuse(findings, 'other damage must be mended first');
  if (check.observation.inodes.namesLost || !check.observation.filesComplete)
    return refuse(findings, 'not all names are known');
  const special = specialInodes(check);
  if (findings.some(({ where }) => special.has(where.ino ?? -1)))
    return refuse(findings, 'the superblock names one of them');
  const actions: string[] = [];
  const fixes: Finding[] = [];
  try {
    const fs = openFileSystem(overlay);
    for (const finding of findings) {
      const { ino } = finding.where;
      if (ino === undefined) continue;
      free(fs, ino, finding.code === 'UNLINKED_INODE');
      actions.push(`inode ${ino}: freed, with its blocks; it has no name`);
      fixes.push(finding);
    }
    if (fixes.length > 0) forgetCounts(fs);
  } catch (error) {
    if (!(error instanceof XfskitError || error instanceof DeviceError)) throw error;
    const done = new Set(fixes);
    const rest = findings.filter((finding) => !done.has(finding));
    return { actions, fixes, left: refuse(rest, `it cannot be freed: ${error.message}`).left };
  }
  return { actions, fixes, left: [] };
}

/** Inodes that no directory names. */
function specialInodes({ observation }: CheckResult): ReadonlySet<number> {
  const sb = SUPERBLOCK.over(observation.superblock);
  return new Set(
    [sb.rootino, sb.rbmino, sb.rsumino, sb.uquotino, sb.gquotino, sb.pquotino].filter((n) => n > 0),
  );
}

function free(fs: FileSystem, ino: number, listed: boolean): void {
  transact(fs, (tr) => {
    const inode = readInode(tr, ino);
    if (listed) freeUnlinkedInode(inode);
    else freeInode(inode);
  });
}

function forgetCounts(fs: FileSystem): void {
  transact(fs, (tr) => {
    if ((tr.sb.qflags & COUNTED) !== 0) tr.changeSuperblock().qflags &= ~COUNTED;
  });
}
