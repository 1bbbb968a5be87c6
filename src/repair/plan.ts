/**
 * Plan: findings -> the least that mends them, staged on an overlay. Nothing here touches the device.
 *
 * What can be done about a finding:
 *  - rebuild: the AG's btrees, free list and headers are built anew from what was observed. Only when every owner of
 *    blocks is known and no two exclude each other: else blocks in use could be called free.
 *  - flag: one bit of one inode.
 *  - count: the superblock's counters from the AG headers.
 *  - all else is in fix/, a file for each sort of object; FIXERS says in which order.
 *
 * A superblock is mended by itself: what comes after it is planned from the next check.
 */
import { type Device, readBytes } from '../device/device.ts';
import type { OverlayDevice } from '../device/overlay.ts';
import { AGI, AGI_UNLINKED_BUCKETS } from '../format/agi.ts';
import { sealCrc } from '../format/checksum.ts';
import { XfskitError } from '../format/errors.ts';
import type { Remedy } from '../format/findingrow.ts';
import { FINDINGS, type Finding, type FindingRow } from '../format/findings.ts';
import { CHUNK_INODES, type Geometry, NULL_AGINO } from '../format/geometry.ts';
import { DIFLAG2, DINODE, INODE_CRC_OFFSET } from '../format/inode.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../format/superblock.ts';
import { isNewino } from '../format/verify.ts';
import { type AgContents, type BuiltAg, buildAg } from '../fs/space/build.ts';
import type { ChunkColumns } from '../fs/space/columns.ts';
import type { CheckResult } from './check.ts';
import { sumOfHeaders } from './compare/counter.ts';
import { type Fixer, idOf, type Left, StagedChange } from './fix/change.ts';
import { fixDirectories } from './fix/directory.ts';
import { fixInodes } from './fix/inode.ts';
import { fixSeals } from './fix/reseal.ts';
import { fixCopies, fixPrimary } from './fix/superblock.ts';
import { stageUnlinked } from './fix/unlinked.ts';
import type { AgObservation, Observation } from './observation.ts';

export interface RepairPlan {
  /** Changes of single objects, applied before `actions`. */
  readonly changes: readonly StagedChange[];
  /** One line each, in the order they are applied. */
  readonly actions: readonly string[];
  /** Findings that `actions` mend; those of `changes` are theirs. */
  readonly fixes: readonly Finding[];
  /** Damage that stays, each with the reason. */
  readonly left: readonly Left[];
}

export interface PlanOptions {
  /** Also clear reflink flags that are legal but needless. */
  readonly optimize: boolean;
}

/** Remedies of single objects, in the order in which they are staged. */
const FIXERS = {
  primary: fixPrimary,
  copy: fixCopies,
  core: fixInodes,
  seal: fixSeals,
  directory: fixDirectories,
} as const satisfies Partial<Record<Remedy, Fixer>>;

type ObjectRemedy = keyof typeof FIXERS;
type Step = Exclude<Remedy, 'optimize'>;
/** Done before anything is staged. */
const DONE_BEFORE: Step = 'replay';

function isObjectRemedy(remedy: Step): remedy is ObjectRemedy {
  return Object.hasOwn(FIXERS, remedy);
}

/** What is to be done about a finding, if anything. */
function remedyOf(finding: Finding, options: PlanOptions): Step | undefined {
  const { remedy }: FindingRow = FINDINGS[finding.code];
  if (remedy === 'optimize') return options.optimize ? 'flag' : undefined;
  return remedy;
}

/** What is to be done, sorted by how; and what is not, with the reason. */
class Sorted {
  readonly objects = new Map<ObjectRemedy, Finding[]>();
  readonly fixes: Finding[] = [];
  readonly left: Left[] = [];
  readonly rebuild = new Set<number>();
  readonly flags: Finding[] = [];
  readonly unlinked: Finding[] = [];
  recount = false;

  constructor(check: CheckResult, options: PlanOptions, given: ReadonlyMap<string, string>) {
    for (const finding of check.findings) {
      const remedy = remedyOf(finding, options);
      const reason =
        remedy === undefined
          ? 'this repair does not change it'
          : (given.get(idOf(finding)) ?? refuse(check, finding, remedy));
      if (remedy !== undefined && reason === undefined) this.add(finding, remedy);
      else if (finding.severity !== 'note') this.left.push({ finding, reason: reason ?? '' });
    }
  }

  private add(finding: Finding, remedy: Step): void {
    if (remedy === DONE_BEFORE) return;
    if (isObjectRemedy(remedy)) {
      const list = this.objects.get(remedy);
      if (list) list.push(finding);
      else this.objects.set(remedy, [finding]);
      return;
    }
    if (remedy === 'unlinked') {
      this.unlinked.push(finding);
      return;
    }
    this.fixes.push(finding);
    if (remedy === 'rebuild') this.rebuild.add(finding.where.agno!);
    else if (remedy === 'flag') this.flags.push(finding);
    else this.recount = true;
  }
}

/**
 * Decides what to do about the findings of a check and stages it on `overlay`. `given`: findings that were tried and
 * given up, by `idOf`, with the reason.
 */
export function stagePlan(
  check: CheckResult,
  overlay: OverlayDevice,
  options: PlanOptions,
  given: ReadonlyMap<string, string> = new Map(),
): RepairPlan {
  const { geometry } = check.observation;
  const sorted = new Sorted(check, options, given);
  const { fixes, left, rebuild } = sorted;
  const changes: StagedChange[] = [];
  const touched = new Set<number>();
  for (const remedy of Object.keys(FIXERS) as ObjectRemedy[]) {
    const made = FIXERS[remedy]({ check, geometry, device: overlay }, sorted.objects.get(remedy) ?? []);
    for (const change of made.changes) {
      // An object is changed once a round, so that a change can be taken back by itself.
      if (change.pieces.some(({ offset }) => touched.has(offset))) continue;
      for (const { offset } of change.pieces) touched.add(offset);
      changes.push(new StagedChange(change, overlay));
    }
    left.push(...made.left.filter(({ finding }) => finding.severity !== 'note'));
    if (remedy === 'primary' && changes.length > 0) return { changes, actions: [], fixes: [], left };
  }
  if (changes.length === 0 && fixes.length === 0) {
    const freed = stageUnlinked(check, overlay, sorted.unlinked);
    return { changes, actions: freed.actions, fixes: freed.fixes, left: [...left, ...freed.left] };
  }
  const actions: string[] = [];
  const { built, tooFull } = buildAgs(check.observation, rebuild);
  for (const ag of built.values()) {
    stageAg(geometry, overlay, ag);
    actions.push(
      `AG ${ag.agno}: rebuild btrees, free list and headers (${ag.blocks.length} btree blocks, ${ag.freeList.length} free list blocks)`,
    );
  }
  for (const finding of sorted.flags) actions.push(stageFlag(geometry, overlay, finding));
  if (sorted.recount || built.size > 0) actions.push(...stageCounters(check.observation, overlay, built));
  const isTooFull = (f: Finding): boolean => remedyOf(f, options) === 'rebuild' && tooFull.has(f.where.agno!);
  for (const finding of fixes.filter(isTooFull)) {
    left.push({ finding, reason: 'the AG has not enough free blocks to hold its btrees' });
  }
  return { changes, actions, fixes: fixes.filter((finding) => !isTooFull(finding)), left };
}

/** Builds AGs in their order; those whose free blocks cannot hold their btrees are named instead. */
function buildAgs(
  observation: Observation,
  agnos: ReadonlySet<number>,
): { built: ReadonlyMap<number, BuiltAg>; tooFull: ReadonlySet<number> } {
  const { geometry, ags } = observation;
  const built = new Map<number, BuiltAg>();
  const tooFull = new Set<number>();
  for (const agno of [...agnos].sort((a, b) => a - b)) {
    try {
      built.set(agno, buildAg(geometry, contentsOf(geometry, ags[agno]!)));
    } catch (error) {
      if (!(error instanceof XfskitError) || error.code !== 'NOSPACE') throw error;
      tooFull.add(agno);
    }
  }
  return { built, tooFull };
}

const CONTESTED = 'a mapping may be damaged, rather than the indexes that contradict it';

function refuse(check: CheckResult, finding: Finding, remedy: Step): string | undefined {
  if (remedy === 'primary') return undefined;
  if (check.observation.superblockLost) return 'the primary superblock must be restored first';
  if (remedy === 'flag' && check.comparison.contested) return CONTESTED;
  if (finding.code === 'REFLINK_FLAG_MISSING' && !check.observation.filesComplete) {
    return 'some inode or fork could not be read in full, so what looks shared may be a damaged mapping';
  }
  if (remedy !== 'rebuild') return undefined;
  const agno = finding.where.agno!;
  if (!check.observation.ags[agno]) return 'the AG could not be read';
  if (!check.observation.filesComplete) {
    return 'some inode or fork could not be read in full, so blocks that look free may be in use';
  }
  if (check.comparison.contested) return CONTESTED;
  if (check.comparison.crossLinked.has(agno)) return 'blocks of this AG have owners that exclude each other';
  return undefined;
}

/** An AG's contents as observed: what its btrees and headers are to be built from. */
export function contentsOf(geometry: Geometry, ag: AgObservation): AgContents {
  const agi = ag.agi ? AGI.over(ag.agi) : undefined;
  return {
    agno: ag.agno,
    owners: ag.owners,
    chunks: ag.chunks,
    unlinked: unlinkedHeads(agi?.unlinked, ag.chunks),
    newino: agi && isNewino(geometry, ag.agno, agi.newino) ? agi.newino : NULL_AGINO,
  };
}

/** Heads of the unlinked lists as far as they can be: an inode of that bucket that exists and is in use. */
function unlinkedHeads(heads: readonly number[] | undefined, chunks: ChunkColumns): number[] {
  return Array.from({ length: AGI_UNLINKED_BUCKETS }, (_, bucket) => {
    const agino = heads?.[bucket] ?? NULL_AGINO;
    return agino % AGI_UNLINKED_BUCKETS === bucket && isInUse(chunks, agino) ? agino : NULL_AGINO;
  });
}

function isInUse(chunks: ChunkColumns, agino: number): boolean {
  for (let i = 0; i < chunks.length; i++) {
    const bit = agino - chunks.startino[i]!;
    if (bit < 0 || bit >= CHUNK_INODES) continue;
    const free = bit > 31 ? chunks.freeHigh[i]! >>> (bit - 32) : chunks.freeLow[i]! >>> bit;
    return ((chunks.holemask[i]! >>> (bit >> 2)) & 1) === 0 && (free & 1) === 0;
  }
  return false;
}

/** Writes an AG's new blocks and header sectors. */
export function stageAg(geometry: Geometry, device: Device, ag: BuiltAg): void {
  for (const { agbno, bytes } of ag.blocks) device.write(geometry.agbnoByte(ag.agno, agbno), bytes);
  device.write(geometry.headerByte(ag.agno, 1), ag.agf);
  device.write(geometry.headerByte(ag.agno, 2), ag.agi);
  device.write(geometry.headerByte(ag.agno, 3), ag.agfl);
}

function stageFlag(geometry: Geometry, device: Device, finding: Finding): string {
  const ino = finding.where.ino!;
  const set = finding.code === 'REFLINK_FLAG_MISSING';
  writeReflinkFlag(geometry, device, ino, set);
  return `inode ${ino}: ${set ? 'set' : 'clear'} the reflink flag`;
}

/** Sets or clears di_flags2 REFLINK of an inode and reseals it. */
export function writeReflinkFlag(geometry: Geometry, device: Device, ino: number, set: boolean): void {
  const at = geometry.inoByte(ino);
  const inode = readBytes(device, at, geometry.inodesize);
  const fields = DINODE.over(inode);
  const bit = 1n << BigInt(DIFLAG2.REFLINK);
  fields.flags2 = set ? fields.flags2 | bit : fields.flags2 & ~bit;
  sealCrc(inode, INODE_CRC_OFFSET);
  device.write(at, inode);
}

/** Writes the superblock with the counters that the AG headers (`built` ones before observed ones) add up to. */
export function stageCounters(
  observation: Observation,
  device: Device,
  built: ReadonlyMap<number, BuiltAg>,
): string[] {
  const { ags, superblockOnDisk, geometry } = observation;
  if (observation.superblockLost) return [];
  const headers = ags.map((ag) => {
    const fresh = built.get(ag.agno);
    if (fresh) return { agf: fresh.agf, agi: fresh.agi };
    return ag.agfSound && ag.agiSound ? { agf: ag.agf, agi: ag.agi } : { agf: undefined, agi: undefined };
  });
  const sums = ags.length === geometry.agcount ? sumOfHeaders(headers) : undefined;
  if (!sums) return [];
  const sector = superblockOnDisk.slice();
  const sb = SUPERBLOCK.over(sector);
  const actions: string[] = [];
  for (const field of ['icount', 'ifree', 'fdblocks'] as const) {
    if (sb[field] === sums[field]) continue;
    actions.push(`superblock: ${field} ${sb[field]} -> ${sums[field]}`);
    sb[field] = sums[field];
  }
  if (actions.length === 0) return [];
  sealCrc(sector, SB_CRC_OFFSET);
  device.write(0, sector);
  return actions;
}

/** Thrown when a staged plan does not check clean: our bug, and nothing has been written. */
export class NotConverged extends XfskitError {
  constructor(findings: readonly Finding[]) {
    super(
      'NOT_CONVERGED',
      `the planned repair would leave ${findings.length} findings that it should mend, first: ${findings[0]!.message}; nothing written`,
      { findings },
    );
  }
}
