/**
 * Superblocks: the primary, whose fields become the geometry that everything else relies on, and the
 * secondaries, which are only held against it.
 *
 * Three outcomes for the primary. No magic: not XFS, DeviceError. A version or feature that we do not handle:
 * UnsupportedFeature. A size that contradicts another: no address could be trusted, CorruptionError. All else
 * (CRC, counters, hints) is a finding and the check goes on.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { computeCrc, storedCrc } from '../../format/checksum.ts';
import { CorruptionError, UnsupportedFeature } from '../../format/errors.ts';
import { unsupportedBits } from '../../format/features.ts';
import { type Geometry, geometryOf } from '../../format/geometry.ts';
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import type { Context } from './context.ts';
import { type FindingSink, findingOf } from './sink.ts';

const SMALLEST_AG_BLOCKS = 64;
const LARGEST_AG_BYTES = 2 ** 40;
/** More AGs than any sane image has (16 MiB each of 16 TiB); a number from disk must not size our tables. */
const MOST_AGS = 2 ** 20;
const LARGEST_LOG_BLOCKS = 2 ** 20;

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
    throw new DeviceError('NOT_XFS', `${device.name}: no XFS superblock (magic 0x${hex(sb.magicnum)})`);
  }
  refuseUnsupported(sb, device.name);
  const wrong = geometryFaults(sb);
  if (wrong.length > 0) {
    const message = `superblock: ${wrong.join('; ')}`;
    throw new CorruptionError(findingOf('SB_GEOMETRY', { agno: 0, structure: 'sb' }, message), message);
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

function refuseUnsupported(sb: Fields, name: string): void {
  const version = sb.versionnum & 15;
  if (version !== 5) throw new UnsupportedFeature(`${name}: XFS version ${version}, only 5 is supported`);
  const words = [
    ['incompat', sb.features_incompat],
    ['ro_compat', sb.features_ro_compat],
  ] as const;
  for (const [word, value] of words) {
    const bits = unsupportedBits(word, value);
    if (bits !== 0) throw new UnsupportedFeature(`${name}: unsupported ${word} feature bits 0x${hex(bits)}`);
  }
}

const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));

/** Rules without which no address can be computed. One text for each that is broken. */
function geometryFaults(sb: Fields): string[] {
  const wrong: string[] = [];
  const need = (good: boolean, text: string): void => {
    if (!good) wrong.push(text);
  };
  const size = (name: string, value: number, log: number, least: number, most: number): void => {
    need(isPowerOfTwo(value) && value >= least && value <= most, `${name} ${value}`);
    need(2 ** log === value, `${name} ${value}, its log2 is given as ${log}`);
  };
  size('blocksize', sb.blocksize, sb.blocklog, 1024, 65536);
  size('sectsize', sb.sectsize, sb.sectlog, 512, 32768);
  size('inodesize', sb.inodesize, sb.inodelog, 512, 2048);
  need(sb.sectsize <= sb.blocksize, `sectsize ${sb.sectsize} above blocksize ${sb.blocksize}`);
  need(sb.inopblock === sb.blocksize / sb.inodesize, `inopblock ${sb.inopblock}`);
  need(2 ** sb.inopblog === sb.inopblock, `inopblog ${sb.inopblog}, inopblock ${sb.inopblock}`);
  need(sb.agblocks >= SMALLEST_AG_BLOCKS, `agblocks ${sb.agblocks}`);
  need(sb.agblocks * sb.blocksize <= LARGEST_AG_BYTES, `agblocks ${sb.agblocks}: AG above 1 TiB`);
  const log = Math.ceil(Math.log2(sb.agblocks));
  need(sb.agblklog === log, `agblklog ${sb.agblklog}, expected ${log}`);
  need(sb.dblocks > 0 && sb.dblocks * sb.blocksize < 2 ** 53, `dblocks ${sb.dblocks}`);
  const agcount = Math.ceil(sb.dblocks / sb.agblocks);
  need(sb.agcount === agcount, `agcount ${sb.agcount}, ${sb.dblocks} blocks make ${agcount}`);
  need(sb.agcount > 0 && sb.agcount <= MOST_AGS, `agcount ${sb.agcount}`);
  const least = (sb.agcount - 1) * sb.agblocks + SMALLEST_AG_BLOCKS;
  need(sb.dblocks >= least, `dblocks ${sb.dblocks}: last AG is shorter than ${SMALLEST_AG_BLOCKS} blocks`);
  need(sb.agcount * 2 ** (sb.agblklog + sb.inopblog) <= 2 ** 53, 'inode numbers above 53 bits');
  need(sb.dirblklog + sb.blocklog <= 16, `dirblklog ${sb.dirblklog}`);
  return wrong;
}

/** Rules that do not stop the check. */
function checkPrimary(sector: Uint8Array, geometry: Geometry, device: Device, sink: FindingSink): void {
  const sb = SUPERBLOCK.over(sector);
  const crc = computeCrc(sector, SB_CRC_OFFSET);
  const stored = storedCrc(sector, SB_CRC_OFFSET);
  if (crc !== stored) {
    const message = `superblock: CRC 0x${hex(stored)}, computed 0x${hex(crc)}`;
    sink.add('SB_CRC', { agno: 0, structure: 'sb', field: 'crc' }, message, { found: stored, expected: crc });
  }
  for (const [field, found, expected] of primaryFaults(sb, geometry)) {
    const message = `superblock: ${field} ${found}, expected ${expected}`;
    sink.add('SB_FIELD', { agno: 0, structure: 'sb', field }, message, { found, expected });
  }
  if (geometry.features.needsRepair) {
    sink.add('SB_NEEDSREPAIR', { agno: 0, structure: 'sb' }, 'superblock: marked as needing repair');
  }
  const bytes = geometry.dblocks * geometry.blocksize;
  if (device.size < bytes) {
    const message = `device: ${device.size} bytes, the filesystem has ${bytes}`;
    sink.add('DEVICE_SHORT', {}, message, { found: device.size, expected: bytes });
  }
}

type FieldFault = [field: string, found: string | number, expected: string | number];

function primaryFaults(sb: Fields, geometry: Geometry): FieldFault[] {
  const faults: FieldFault[] = [];
  const need = (good: boolean, field: string, found: string | number, expected: string | number): void => {
    if (!good) faults.push([field, found, expected]);
  };
  need(sb.inprogress === 0, 'inprogress', sb.inprogress, 0);
  need(sb.imax_pct <= 100, 'imax_pct', sb.imax_pct, 'at most 100');
  need(sb.shared_vn === 0, 'shared_vn', sb.shared_vn, 0);
  need(geometry.features.stripeBit === (sb.unit !== 0), 'unit', sb.unit, 'zero without DALIGN');
  if (!geometry.features.sparse) need(sb.spino_align === 0, 'spino_align', sb.spino_align, 0);
  else {
    const chunk = Math.floor((64 * sb.inodesize) / sb.blocksize);
    if (chunk > 1) need(sb.inoalignmt % chunk === 0, 'inoalignmt', sb.inoalignmt, chunk);
  }
  if (!geometry.features.sectorBit) need(sb.logsectsize === 0, 'logsectsize', sb.logsectsize, 0);
  if (sb.logstart !== 0) {
    const good = sb.logblocks > 0 && geometry.isFsbnoRange(sb.logstart, sb.logblocks);
    need(good, 'logstart', `${sb.logstart} + ${sb.logblocks}`, 'a run inside one AG');
  }
  need(sb.logblocks <= LARGEST_LOG_BLOCKS, 'logblocks', sb.logblocks, `at most ${LARGEST_LOG_BLOCKS}`);
  const root = sb.rootino;
  const rootGood =
    root >= 0 && geometry.isAgbno(geometry.inoAgno(root), geometry.aginoAgbno(geometry.inoAgino(root)));
  need(rootGood, 'rootino', root, 'an inode of this filesystem');
  need(sb.fdblocks <= BigInt(sb.dblocks), 'fdblocks', `${sb.fdblocks}`, `at most ${sb.dblocks}`);
  need(sb.ifree <= sb.icount, 'ifree', `${sb.ifree}`, `at most icount ${sb.icount}`);
  return faults;
}

/** Fields in which a secondary must agree with the primary: they never change but by growing. */
const COPIED = [
  'blocksize', 'dblocks', 'rblocks', 'rextents', 'uuid', 'logstart', 'rextsize', 'agblocks', 'agcount',
  'logblocks', 'sectsize', 'inodesize', 'inopblock', 'blocklog', 'sectlog', 'inodelog', 'inopblog', 'agblklog',
  'dirblklog', 'inoalignmt', 'spino_align', 'logsunit', 'features_incompat', 'features_ro_compat',
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
      report('magicnum', `0x${hex(sb.magicnum)}`, `0x${hex(SB_MAGIC)}`);
      continue;
    }
    const crc = computeCrc(sector, SB_CRC_OFFSET);
    const stored = storedCrc(sector, SB_CRC_OFFSET);
    if (crc !== stored) report('crc', `0x${hex(stored)}`, `0x${hex(crc)}`);
    for (const field of COPIED) {
      const found = sb[field];
      const expected = first[field];
      if (found !== expected) report(field, String(found), String(expected));
    }
  }
}

function hex(value: number): string {
  return value.toString(16);
}
