/**
 * The superblock. The primary is what the check read in its place: its own fields where nothing speaks against them,
 * those of most copies where they contradict it, and what follows from other fields. Copies are set right from others
 * that are right, or, where there are none, from the primary.
 */
import { readBytes } from '../../device/device.ts';
import { sealCrc } from '../../format/checksum.ts';
import type { Finding } from '../../format/findings.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../format/superblock.ts';
import { verifySuperblock } from '../../format/verify.ts';
import { sumOfHeaders } from '../compare/counter.ts';
import type { Observation } from '../observation.ts';
import { agreed, COPIED, endOfFields, type SuperblockFields } from '../observe/secondary.ts';
import { type Change, type Fixes, type FixSite, groupBy, type Left, nothingOf } from './change.ts';

/** With so few fields that contradict the copies, a primary that cannot be used is damaged and not another one. */
const FEW = 4;
const COUNTERS = ['icount', 'ifree', 'fdblocks'] as const;
const NEEDSREPAIR = 0x10;

export function fixPrimary(site: FixSite, findings: readonly Finding[]): Fixes {
  const { observation, findings: all } = site.check;
  const sector = likely(observation);
  const sb = SUPERBLOCK.over(sector);
  if (findings.some(({ code }) => code === 'SB_LOG_FEATURES')) sb.features_log_incompat = 0;
  const known = new Set(findings);
  // The mark goes last, when nothing else is left.
  const last = all.every((finding) => finding.severity === 'note' || known.has(finding));
  const marked = findings.filter(({ code }) => code === 'SB_NEEDSREPAIR');
  if (last) sb.features_incompat &= ~NEEDSREPAIR;
  const mine = last ? findings : findings.filter(({ code }) => code !== 'SB_NEEDSREPAIR');
  const left = last ? [] : nothingOf(marked, 'other damage is left').left;
  if (mine.length === 0) return { changes: [], left };
  derive(sector, observation);
  sealCrc(sector, SB_CRC_OFFSET);
  const problem = verifySuperblock(sector)[0];
  if (problem) return nothingOf(findings, `what it should be is not known: ${problem.message}`);
  const change: Change = {
    action: describe(observation, sector),
    findings: mine,
    pieces: [{ offset: 0, bytes: sector }],
  };
  return { changes: [change], left };
}

/** The primary as far as it can be used, and where it cannot, what copies say. */
function likely({ superblock, superblockOnDisk, superblockLost }: Observation): Uint8Array {
  if (!superblockLost) return superblock.slice();
  const standIn = SUPERBLOCK.over(superblock);
  const sector = superblockOnDisk.slice();
  const sb = SUPERBLOCK.over(sector);
  const fields = COPIED.filter((field) => agreed(sb, field) !== agreed(standIn, field));
  if (fields.length > FEW || sb.uuid !== standIn.uuid) return superblock.slice();
  for (const field of [...fields, 'magicnum', 'rootino'] as const) copyField(standIn, sb, field);
  return sector;
}

function copyField(from: SuperblockFields, to: SuperblockFields, field: string): void {
  (to as unknown as Record<string, unknown>)[field] = (from as unknown as Record<string, unknown>)[field];
}

/** Fields that follow from others, or that have one value only. */
function derive(sector: Uint8Array, observation: Observation): void {
  const { geometry, ags } = observation;
  const sb = SUPERBLOCK.over(sector);
  sb.inprogress = 0;
  sb.flags = 0;
  sb.shared_vn = 0;
  sb.bad_features2 = sb.features2;
  sb.qflags &= ~0x30;
  if (!geometry.features.metadir) {
    sb.rbmino = sb.rootino + 1;
    sb.rsumino = sb.rootino + 2;
  }
  if (sb.rblocks === 0) {
    sb.rextents = 0;
    sb.rbmblocks = 0;
    sb.rextslog = 0;
    sb.frextents = 0n;
  }
  sector.fill(0, endOfFields(geometry));
  deriveCounters(sb, ags, geometry.agcount);
}

/** Counters that cannot be are counted again, or made possible: what is wrong then is found by the next check. */
function deriveCounters(sb: SuperblockFields, ags: Observation['ags'], agcount: number): void {
  const most = { icount: BigInt(sb.dblocks) * BigInt(sb.inopblock), fdblocks: BigInt(sb.dblocks) };
  const possible = sb.icount <= most.icount && sb.ifree <= sb.icount && sb.fdblocks <= most.fdblocks;
  if (possible) return;
  const sound = ags.length === agcount && ags.every((ag) => ag.agfSound && ag.agiSound);
  const sums = sound ? sumOfHeaders(ags) : undefined;
  for (const field of COUNTERS) sb[field] = sums ? sums[field] : 0n;
}

function describe({ superblockOnDisk, superblockLost }: Observation, sector: Uint8Array): string {
  const before = SUPERBLOCK.over(superblockOnDisk) as unknown as Record<string, unknown>;
  const after = SUPERBLOCK.over(sector) as unknown as Record<string, unknown>;
  const names = Object.keys(SUPERBLOCK.offset).filter(
    (name) => name !== 'crc' && String(before[name]) !== String(after[name]),
  );
  if (superblockLost)
    return `superblock: restored, with ${names.length} fields from its copies and what they lead to`;
  return names.length === 0 ? 'superblock: reseal' : `superblock: set right ${names.join(', ')}`;
}

/** Copies of other AGs. */
export function fixCopies(site: FixSite, findings: readonly Finding[]): Fixes {
  const { observation } = site.check;
  const { geometry } = site;
  const changes: Change[] = [];
  const left: Left[] = [];
  const groups = groupBy(findings, (finding) => finding.where.agno);
  const good = soundCopy(site, new Set(groups.keys()));
  for (const [agno, mine] of groups) {
    if (agno === undefined || agno < 1 || agno >= geometry.agcount) {
      left.push(...nothingOf(mine, 'its place is not known').left);
      continue;
    }
    const sector = (good ?? observation.superblock).slice();
    const sb = SUPERBLOCK.over(sector);
    sb.rootino = geometry.rootino;
    sb.features_incompat &= ~NEEDSREPAIR;
    if (!good) sb.features_log_incompat = 0;
    sector.fill(0, endOfFields(geometry));
    sealCrc(sector, SB_CRC_OFFSET);
    const fields = [...new Set(mine.map(({ where }) => where.field))].join(', ');
    const action = `AG ${agno}: superblock copy written anew (${fields})`;
    changes.push({
      action,
      findings: mine,
      pieces: [{ offset: geometry.headerByte(agno, 0), bytes: sector }],
    });
  }
  return { changes, left };
}

/** A copy that nothing speaks against. */
function soundCopy(
  { check, device, geometry }: FixSite,
  bad: ReadonlySet<number | undefined>,
): Uint8Array | undefined {
  for (let agno = 1; agno < check.observation.ags.length; agno++) {
    if (bad.has(agno)) continue;
    const sector = readBytes(device, geometry.headerByte(agno, 0), geometry.sectsize);
    if (verifySuperblock(sector, undefined, { secondary: true }).length === 0) return sector;
  }
  return undefined;
}
