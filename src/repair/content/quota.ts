/**
 * Quota: the flags and inodes that the superblock names, every record of every block of those inodes, and, where
 * the superblock says that use was counted, the counts against those of the inodes.
 *
 * Cost without quota: nothing. With it, three look-ups an inode, and memory by the ids in use.
 */
import { QFLAG, QFLAGS_KNOWN, QUOTA_INODE_FIELD, QUOTA_TYPES, type QuotaType } from '../../format/dquot.ts';
import { hex } from '../../format/problem.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import type { LogObservation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';
import { QuotaFile } from './quotafile.ts';
import { QuotaUsage } from './quotausage.ts';
import type { NamedInodes } from './special.ts';

/** Feature bit in versionnum. */
const QUOTA_BIT = 0x40;

/** What the superblock says of quota. Inode numbers: undefined when there is none (0 and all ones mean that). */
export interface QuotaSetup {
  readonly enabled: boolean;
  readonly qflags: number;
  readonly inodes: Readonly<Record<QuotaType, number | undefined>>;
  /** Types whose counts are to be compared. */
  readonly counted: ReadonlySet<QuotaType>;
  /** Inodes that serve something else, and the fields that name them. */
  readonly others: ReadonlyMap<number, string>;
}

/**
 * `log`: counts of a filesystem that waits for its log are behind, and nothing is held against them; nor, with
 * `behind`, when they are known to be for another reason.
 */
export function readQuotaSetup(superblock: Uint8Array, log: LogObservation, behind = false): QuotaSetup {
  const sb = SUPERBLOCK.over(superblock);
  const named = (ino: number): number | undefined => (ino > 0 ? ino : undefined);
  const inodes = { user: named(sb.uquotino), group: named(sb.gquotino), project: named(sb.pquotino) };
  const enabled = (sb.versionnum & QUOTA_BIT) !== 0;
  const settled = !behind && log.state !== 'dirty' && log.state !== 'unreadable';
  const counted = QUOTA_TYPES.filter(
    (type) => enabled && settled && inodes[type] !== undefined && (sb.qflags & QFLAG[type].chkd) !== 0,
  );
  const others = new Map([
    [sb.rootino, 'rootino'],
    [sb.rbmino, 'rbmino'],
    [sb.rsumino, 'rsumino'],
  ]);
  return { enabled, qflags: sb.qflags, inodes, counted: new Set(counted), others };
}

/** The counters that the scan of inodes is to fill; undefined when nothing is compared with them. */
export function quotaUsageFor({ counted, inodes }: QuotaSetup): QuotaUsage | undefined {
  if (counted.size === 0) return undefined;
  const exempt = QUOTA_TYPES.map((type) => inodes[type]).filter((ino) => ino !== undefined);
  return new QuotaUsage(counted, new Set(exempt));
}

/**
 * Checks all of it. `usage`: as counted, with realtime blocks settled; undefined when nothing was counted, or some
 * inode could not be.
 */
export function checkQuota(from: NamedInodes, setup: QuotaSetup, usage: QuotaUsage | undefined): void {
  const { sink } = from.context;
  let whole = checkFlags(setup, sink);
  const taken = new Map(setup.others);
  const files: QuotaFile[] = [];
  for (const type of QUOTA_TYPES) {
    const ino = setup.inodes[type];
    if (ino === undefined) continue;
    const field = QUOTA_INODE_FIELD[type];
    const other = taken.get(ino);
    if (other !== undefined) {
      const where = { agno: 0, ino, structure: 'sb', field };
      sink.add('QUOTA_INODE', where, `superblock: ${field} ${ino} is ${other} already`, { found: ino });
    }
    taken.set(ino, field);
    const file = new QuotaFile(from, type, ino);
    if (other === undefined && file.checkInode()) files.push(file);
    else whole = false;
  }
  // What the true quota inode uses counts for nobody, so without it the other types' counts are off as well.
  for (const file of files) file.checkRecords(whole ? usage : undefined);
}

/** Flags against each other, the feature bit and the inodes; false when an inode must be missing. */
function checkFlags({ enabled, qflags, inodes }: QuotaSetup, sink: FindingSink): boolean {
  const report = (field: string, text: string): void =>
    sink.add('QUOTA_FLAGS', { agno: 0, structure: 'sb', field }, `superblock: ${text}`);
  const named = QUOTA_TYPES.filter((type) => inodes[type] !== undefined);
  if (enabled && named.length === 0) {
    report('versionnum', 'the QUOTA feature bit is set, and no quota inode is named');
    return true;
  }
  if (!enabled) {
    for (const type of named) {
      const field = QUOTA_INODE_FIELD[type];
      report(field, `${field} ${inodes[type]} without the QUOTA feature bit`);
    }
    if (qflags !== 0) report('qflags', `qflags ${hex(qflags)} without the QUOTA feature bit`);
    return true;
  }
  // The two bits of older versions are reported by the superblock's own rules.
  const unknown = qflags & ~QFLAGS_KNOWN & ~0x30;
  if (unknown !== 0)
    report('qflags', `qflags ${hex(qflags)}: no bits beyond ${hex(QFLAGS_KNOWN)} have a meaning`);
  let whole = true;
  for (const type of QUOTA_TYPES) {
    const { acct, enfd, chkd } = QFLAG[type];
    if ((qflags & acct) === 0 && (qflags & (enfd | chkd)) !== 0) {
      report('qflags', `qflags ${hex(qflags)}: ${type} quota enforced or counted, but not accounted`);
    } else if ((qflags & acct) !== 0 && inodes[type] === undefined) {
      whole = false;
      report(
        'qflags',
        `qflags ${hex(qflags)}: ${type} quota accounted, but ${QUOTA_INODE_FIELD[type]} names no inode`,
      );
    }
  }
  return whole;
}
