/**
 * Superblocks: the primary, whose fields become the geometry that everything else relies on, and the
 * secondaries, which are only held against it.
 *
 * Outcomes for the primary. No magic: not XFS, DeviceError. A version or feature that we do not handle:
 * UnsupportedFeature. Either of them while another AG holds a sound copy: damage, CorruptionError. A size that contradicts another: no address could be trusted, CorruptionError. All else
 * (CRC, counters, hints) is a finding and the check goes on.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { computeCrc, storedCrc } from '../../format/checksum.ts';
import { CorruptionError, UnsupportedFeature } from '../../format/errors.ts';
import { FEATURES, type FeatureRow, unsupportedBits } from '../../format/features.ts';
import type { Geometry } from '../../format/geometry.ts';
import { hex } from '../../format/problem.ts';
import { geometryOf, SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import { verifySuperblock } from '../../format/verify.ts';
import { findSuperblockCopy } from '../../fs/superblockcopy.ts';
import { type FindingSink, findingOf } from '../sink.ts';
import type { Context } from './context.ts';

type Fields = ReturnType<typeof SUPERBLOCK.over>;

export interface Primary {
  readonly sector: Uint8Array;
  readonly geometry: Geometry;
}

/** Reads and verifies the primary superblock. Throws DeviceError, UnsupportedFeature, CorruptionError. */
export function readPrimary(device: Device, sink: FindingSink): Primary {
  const head = new Uint8Array(512);
  if (device.size < head.length) {
    throw new DeviceError('NOT_XFS', `${device.name}: ${device.size} bytes, too short for XFS`);
  }
  device.read(0, head);
  const sb = SUPERBLOCK.over(head);
  if (sb.magicnum !== SB_MAGIC) {
    const message = `no XFS superblock (magic ${hex(sb.magicnum)})`;
    reportLost(device, message);
    throw new DeviceError('NOT_XFS', `${device.name}: ${message}`);
  }
  const unsupported = whyUnsupported(sb);
  if (unsupported) {
    if (verifySuperblock(head).some(({ field }) => field === 'crc')) reportLost(device, unsupported);
    throw new UnsupportedFeature(`${device.name}: ${unsupported}`);
  }
  const wrong = verifySuperblock(head).find((p) => p.stops);
  if (wrong) {
    const message = `superblock: ${wrong.message}`;
    const where = { agno: 0, structure: 'sb', field: wrong.field };
    const { found, expected } = wrong;
    throw new CorruptionError(findingOf('SB_GEOMETRY', where, message, { found, expected }), message);
  }
  const sector = new Uint8Array(sb.sectsize);
  if (device.size < sector.length) {
    throw new DeviceError('NOT_XFS', `${device.name}: ${device.size} bytes, too short for XFS`);
  }
  device.read(0, sector);
  const geometry = geometryOf(sector);
  checkPrimary(sector, geometry, device, sink);
  return { sector, geometry };
}

/** Throws when another AG has a sound copy: then this is a damaged filesystem, not something else. */
function reportLost(device: Device, why: string): void {
  const copy = findSuperblockCopy(device);
  if (!copy || whyUnsupported(SUPERBLOCK.over(copy.sector))) return;
  const message = `primary superblock: ${why}, but there is a sound copy at byte ${copy.offset}`;
  throw new CorruptionError(findingOf('SB_LOST', { agno: 0, structure: 'sb' }, message), message);
}

function whyUnsupported(sb: Fields): string | undefined {
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
function checkPrimary(sector: Uint8Array, geometry: Geometry, device: Device, sink: FindingSink): void {
  for (const { field, found, expected, message } of verifySuperblock(sector)) {
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
  const bytes = geometry.dblocks * geometry.blocksize;
  if (device.size < bytes) {
    const message = `device: ${device.size} bytes, the filesystem has ${bytes}`;
    sink.add('DEVICE_SHORT', {}, message, { found: device.size, expected: bytes });
  }
}

/** Bytes behind the last field in use that are not zero: a later feature would give them a meaning. */
function unusedBytes(sector: Uint8Array, geometry: Geometry): number {
  const { metaUuid, metadir } = geometry.features;
  const { meta_uuid, metadirino } = SUPERBLOCK.offset;
  const from = metadir ? SUPERBLOCK.size : metaUuid ? metadirino : meta_uuid;
  let used = 0;
  for (let i = from; i < sector.length; i++) if (sector[i] !== 0) used++;
  return used;
}

/** Fields in which a secondary must agree with the primary: they never change but by growing. */
const COPIED = [
  'blocksize', 'dblocks', 'rblocks', 'rextents', 'uuid', 'logstart', 'rextsize', 'agblocks', 'agcount',
  'logblocks', 'sectsize', 'inodesize', 'inopblock', 'blocklog', 'sectlog', 'inodelog', 'inopblog', 'agblklog',
  'dirblklog', 'inoalignmt', 'spino_align', 'logsunit', 'features_incompat', 'features_ro_compat',
  'logsectlog', 'logsectsize', 'rbmblocks', 'rextslog',
] as const; // biome-ignore format: one list

/** Holds every other AG's copy against the primary. Warnings: nothing reads them but a repair of the primary. */
export function checkSecondaries(context: Context, primary: Uint8Array): void {
  const { geometry, sink } = context;
  const first = SUPERBLOCK.over(primary);
  const sector = new Uint8Array(geometry.sectsize);
  for (let agno = 1; agno < context.agcount; agno++) {
    const place = `AG ${agno} superblock`;
    if (!context.read(geometry.headerByte(agno, 0), sector, place, agno)) continue;
    const sb = SUPERBLOCK.over(sector);
    const report = (field: string, found: string | number, expected: string | number): void =>
      sink.add(
        'SB_SECONDARY',
        { agno, structure: 'sb', field },
        `${place}: ${field} ${found}, expected ${expected}`,
        { found, expected },
      );
    if (sb.magicnum !== SB_MAGIC) {
      report('magicnum', `${hex(sb.magicnum)}`, `${hex(SB_MAGIC)}`);
      continue;
    }
    const crc = computeCrc(sector, SB_CRC_OFFSET);
    const stored = storedCrc(sector, SB_CRC_OFFSET);
    if (crc !== stored) report('crc', `${hex(stored)}`, `${hex(crc)}`);
    const unused = unusedBytes(sector, geometry);
    if (unused !== 0) report('unused', unused, 0);
    if (sb.rblocks === first.rblocks && geometry.rblocks === 0 && sb.frextents !== 0n) {
      report('frextents', String(sb.frextents), 0);
    }
    for (const field of COPIED) {
      const found = sb[field];
      const expected = first[field];
      if (found !== expected) report(field, String(found), String(expected));
    }
  }
}
