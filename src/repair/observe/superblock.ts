/**
 * The primary superblock, whose fields become the geometry that everything else relies on.
 *
 * Outcomes. No magic: not XFS, DeviceError. A version or feature that we do not handle: UnsupportedFeature. A size
 * that contradicts another: no address could be trusted, CorruptionError. Any of them while other AGs hold sound
 * copies: damage, and the check goes on with what the copies say. All else (CRC, counters, hints) is a finding.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { AGF, AGF_MAGIC } from '../../format/agf.ts';
import { CorruptionError, UnsupportedFeature } from '../../format/errors.ts';
import { FEATURES, type FeatureRow, unsupportedBits } from '../../format/features.ts';
import type { Finding } from '../../format/findings.ts';
import type { Geometry } from '../../format/geometry.ts';
import { hex, type Problem } from '../../format/problem.ts';
import { geometryOf, SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import { verifyAgf, verifyAgfl, verifyAgi, verifySuperblock } from '../../format/verify.ts';
import { findSuperblockCopy } from '../../fs/superblockcopy.ts';
import { type FindingSink, findingOf } from '../sink.ts';
import {
  agreed,
  type Census,
  COPIED,
  type SuperblockFields,
  shown,
  takeCensus,
  unusedBytes,
} from './secondary.ts';

export interface Primary {
  /** The primary's sector; where it is lost or outvoted, what stands in for it. */
  readonly sector: Uint8Array;
  /** As it is on disk. */
  readonly onDisk: Uint8Array;
  readonly geometry: Geometry;
  readonly census: Census;
  /** Nothing of the primary could be used: `sector` is made of the copies. */
  readonly lost: boolean;
}

/** Why the primary cannot be used. */
interface Trouble {
  readonly code: 'SB_LOST' | 'SB_GEOMETRY';
  readonly why: string;
  /** Sound copies that it takes to call it damage. */
  readonly copies: number;
  /** What to throw where there are not so many. */
  readonly error: () => Error;
  readonly problem?: Problem;
}

/** Reads and verifies the primary superblock. Throws DeviceError, UnsupportedFeature, CorruptionError. */
export function readPrimary(device: Device, sink: FindingSink): Primary {
  const head = new Uint8Array(512);
  if (device.size < head.length) {
    throw new DeviceError('NOT_XFS', `${device.name}: ${device.size} bytes, too short for XFS`);
  }
  device.read(0, head);
  const trouble = findTrouble(device, head);
  if (trouble) return standIn(device, head, trouble, sink);
  const onDisk = new Uint8Array(SUPERBLOCK.over(head).sectsize);
  if (device.size < onDisk.length) {
    throw new DeviceError('NOT_XFS', `${device.name}: ${device.size} bytes, too short for XFS`);
  }
  device.read(0, onDisk);
  const census = takeCensus(device, geometryOf(onDisk), sink);
  const problems = verifySuperblock(onDisk);
  const { sector, fields } = outvote(device, onDisk, census, problems, sink);
  const geometry = geometryOf(sector);
  // What breaks a rule only because of an outvoted field does not count.
  const own = problems.filter(({ field }) => field === 'crc' || fields.has(field));
  const rest = verifySuperblock(sector).filter(({ field }) => field !== 'crc');
  checkPrimary(sector, geometry, [...own, ...rest], sink);
  checkSize(geometry, device, sink);
  return { sector, onDisk, geometry, census, lost: false };
}

function findTrouble(device: Device, head: Uint8Array): Trouble | undefined {
  const sb = SUPERBLOCK.over(head);
  if (sb.magicnum !== SB_MAGIC) {
    const why = `no XFS superblock (magic ${hex(sb.magicnum)})`;
    const error = () => new DeviceError('NOT_XFS', `${device.name}: ${why}`);
    return { code: 'SB_LOST', why, copies: 1, error };
  }
  const problems = verifySuperblock(head);
  const why = whyUnsupported(sb);
  if (why) {
    // With a checksum that is right it was written so, unless copies say otherwise together.
    const copies = problems.some(({ field }) => field === 'crc') ? 1 : 2;
    return { code: 'SB_LOST', why, copies, error: () => new UnsupportedFeature(`${device.name}: ${why}`) };
  }
  const problem = problems.find((p) => p.stops);
  if (!problem) return undefined;
  const error = () => {
    const message = `superblock: ${problem.message}`;
    const where = { agno: 0, structure: 'sb', field: problem.field };
    const { found, expected } = problem;
    return new CorruptionError(findingOf('SB_GEOMETRY', where, message, { found, expected }), message);
  };
  return { code: 'SB_GEOMETRY', why: problem.message, copies: 1, error, problem };
}

/** Goes on with what the copies in other AGs say; throws where there are none. */
function standIn(device: Device, head: Uint8Array, trouble: Trouble, sink: FindingSink): Primary {
  const lost = SUPERBLOCK.over(head);
  const copy = findSuperblockCopy(device, [lost.agblocks * lost.blocksize]);
  if (!copy || whyUnsupported(SUPERBLOCK.over(copy.sector))) throw trouble.error();
  const sector = copy.sector.slice(0, SUPERBLOCK.over(copy.sector).sectsize);
  const census = takeCensus(device, geometryOf(sector), sink);
  if (census.sound < trouble.copies) throw trouble.error();
  const asFound = sector.slice();
  for (const field of [...COPIED, 'rootino'] as const) {
    const vote = census.majority(field);
    if (vote) setField(sector, field, vote.value);
  }
  if (verifySuperblock(sector, undefined, { secondary: true }).some((p) => p.stops)) sector.set(asFound);
  const sb = SUPERBLOCK.over(sector);
  sb.inprogress = 0;
  if (lost.magicnum === SB_MAGIC) takeUnshared(sb, lost);
  sb.rbmino = sb.rootino + 1;
  sb.rsumino = sb.rootino + 2;
  const geometry = geometryOf(sector);
  const { problem } = trouble;
  sink.add(
    trouble.code,
    { agno: 0, structure: 'sb', ...(problem ? { field: problem.field } : {}) },
    `primary superblock: ${trouble.why}; the copy at byte ${copy.offset} is sound and read in its place`,
    problem ? { found: problem.found, expected: problem.expected } : {},
  );
  checkSize(geometry, device, sink);
  const onDisk = new Uint8Array(sector.length);
  device.read(0, onDisk);
  return { sector, onDisk, geometry, census, lost: true };
}

/** What copies do not know, as far as there is something left of the primary. */
function takeUnshared(sb: SuperblockFields, primary: SuperblockFields): void {
  for (const field of ['uquotino', 'gquotino', 'pquotino', 'qflags'] as const) sb[field] = primary[field];
  for (const field of ['icount', 'ifree', 'fdblocks', 'frextents'] as const) sb[field] = primary[field];
}

/** Whether a finding only says again that the primary is lost. */
export function followsFromLoss({ code, where }: Finding): boolean {
  return where.structure === 'sb' && (where.agno ?? 0) === 0 && code !== 'SB_LOST' && code !== 'SB_GEOMETRY';
}

/**
 * Where all tools and the kernel change primary and copies together and most copies contradict the primary, the
 * primary is wrong: the check goes on with what they say, and the damage does not show all over the filesystem.
 */
function outvote(
  device: Device,
  onDisk: Uint8Array,
  census: Census,
  problems: readonly Problem[],
  sink: FindingSink,
): { sector: Uint8Array; fields: ReadonlySet<string> } {
  const asIs = { sector: onDisk, fields: new Set<string>() };
  if (census.sound === 0) return asIs;
  const { sector, outvoted } = asCopiesSay(device, onDisk, census);
  if (outvoted.length === 0 || verifySuperblock(sector).some((p) => p.stops)) return asIs;
  // One copy against one primary: the AG headers know some of it too.
  const stale = problems.some(({ field }) => field === 'crc');
  if (census.sound === 1 && !stale && headerProblems(device, sector) >= headerProblems(device, onDisk)) {
    return asIs;
  }
  for (const { field, found, expected, count } of outvoted) {
    if (problems.some((p) => p.field === field)) continue;
    const text = `superblock: ${field} ${found}, but ${count} of ${census.sound} copies say ${expected}`;
    sink.add('SB_FIELD', { agno: 0, structure: 'sb', field }, text, { found, expected });
  }
  return { sector, fields: new Set(outvoted.map(({ field }) => field)) };
}

interface Outvoted {
  readonly field: string;
  readonly found: string;
  readonly expected: string;
  readonly count: number;
}

/** The primary with the fields of most copies, and which of them it had otherwise. */
function asCopiesSay(
  device: Device,
  onDisk: Uint8Array,
  census: Census,
): { sector: Uint8Array; outvoted: readonly Outvoted[] } {
  const sb = SUPERBLOCK.over(onDisk);
  const sector = onDisk.slice();
  const outvoted: Outvoted[] = [];
  for (const field of [...COPIED, 'rootino'] as const) {
    const vote = census.majority(field);
    if (!vote || vote.value === agreed(sb, field)) continue;
    // Growing writes the primary first; the AG headers that it made show that it got that far.
    if ((field === 'dblocks' || field === 'agcount') && lastAgIsThere(device, onDisk)) continue;
    setField(sector, field, vote.value);
    const { value, count } = vote;
    outvoted.push({ field, found: shown(field, sb[field]), expected: shown(field, value), count });
  }
  return { sector, outvoted };
}

/** How much is wrong with the headers of the first and the last AG if this superblock is right. */
function headerProblems(device: Device, sector: Uint8Array): number {
  const geometry = geometryOf(sector);
  const header = new Uint8Array(geometry.sectsize);
  let problems = 0;
  for (const agno of [0, geometry.agcount - 1]) {
    for (const [index, verify] of [verifyAgf, verifyAgi, verifyAgfl].entries()) {
      const at = geometry.headerByte(agno, index + 1);
      if (!canRead(device, at, header)) problems++;
      else problems += verify(header, geometry, agno).length;
    }
  }
  return problems;
}

function canRead(device: Device, at: number, into: Uint8Array): boolean {
  if (at + into.length > device.size) return false;
  try {
    device.read(at, into);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}

/** Sets a field to what copies agree on; bits that need not agree stay. */
function setField(sector: Uint8Array, field: (typeof COPIED)[number] | 'rootino', value: unknown): void {
  const sb = SUPERBLOCK.over(sector) as unknown as Record<string, unknown>;
  const kept = Number(sb[field]) & ~Number(agreed(SUPERBLOCK.over(sector), field));
  const masked = field === 'versionnum' || field === 'features_incompat';
  sb[field] = masked ? (Number(value) | kept) >>> 0 : value;
}

/** Whether the AGF of the last AG, as this superblock has it, says the same. */
function lastAgIsThere(device: Device, sector: Uint8Array): boolean {
  const geometry = geometryOf(sector);
  const agno = geometry.agcount - 1;
  const bytes = new Uint8Array(geometry.sectsize);
  if (!canRead(device, geometry.headerByte(agno, 1), bytes)) return false;
  const agf = AGF.over(bytes);
  return agf.magicnum === AGF_MAGIC && agf.seqno === agno && agf.length === geometry.agLength(agno);
}

function whyUnsupported(sb: SuperblockFields): string | undefined {
  const version = sb.versionnum & 15;
  if (version !== 5) return `XFS version ${version}, only 5 is supported`;
  const words = [
    ['incompat', sb.features_incompat],
    ['ro_compat', sb.features_ro_compat],
  ] as const;
  for (const [word, value] of words) {
    const bits = unsupportedBits(word, value);
    if (bits !== 0) return `unsupported ${word} feature bits ${hex(bits)}${nameUnsupported(word, bits)}`;
  }
  return undefined;
}

/** Which features those bits are, as far as we know them. */
function nameUnsupported(word: FeatureRow['word'], bits: number): string {
  const rows: readonly FeatureRow[] = FEATURES;
  const known = rows.filter((f) => f.word === word && (f.bit & bits) !== 0);
  return known.length === 0 ? '' : `: ${known.map((f) => `${f.name} (${f.doc})`).join(', ')}`;
}

/** Rules that do not stop the check. */
function checkPrimary(
  sector: Uint8Array,
  geometry: Geometry,
  problems: readonly Problem[],
  sink: FindingSink,
): void {
  const told = new Set<string>();
  for (const { field, found, expected, message } of problems) {
    // A value that breaks several rules of its field is one finding.
    if (told.has(field)) continue;
    told.add(field);
    const code = field === 'crc' ? 'SB_CRC' : 'SB_FIELD';
    sink.add(code, { agno: 0, structure: 'sb', field }, `superblock: ${message}`, { found, expected });
  }
  const { rootino, rbmino, rsumino } = SUPERBLOCK.over(sector);
  const field = (name: string, found: number, expected: number): void => {
    if (found === expected) return;
    const where = { agno: 0, structure: 'sb', field: name };
    sink.add('SB_FIELD', where, `superblock: ${name} ${found}, expected ${expected}`, { found, expected });
  };
  if (!geometry.features.metadir) {
    // mkfs makes these three together, whether there is a realtime section or not, and nothing moves them.
    field('rbmino', rbmino, rootino + 1);
    field('rsumino', rsumino, rootino + 2);
  }
  field('unused', unusedBytes(sector, geometry), 0);
  if (geometry.features.needsRepair) {
    sink.add('SB_NEEDSREPAIR', { agno: 0, structure: 'sb' }, 'superblock: marked as needing repair');
  }
}

/** Log features say what may wait in the log: when nothing does, the kernel clears them. */
export function checkLogFeatures({ sector, lost }: Primary, sink: FindingSink): void {
  const found = SUPERBLOCK.over(sector).features_log_incompat;
  if (found === 0 || lost) return;
  const where = { agno: 0, structure: 'sb', field: 'features_log_incompat' };
  const text = `superblock: features_log_incompat ${hex(found)}, but the log is clean`;
  sink.add('SB_LOG_FEATURES', where, text, { found: hex(found), expected: 0 });
}

function checkSize(geometry: Geometry, device: Device, sink: FindingSink): void {
  const bytes = geometry.dblocks * geometry.blocksize;
  if (device.size < bytes) {
    const message = `device: ${device.size} bytes, the filesystem has ${bytes}`;
    sink.add('DEVICE_SHORT', {}, message, { found: device.size, expected: bytes });
  }
}
