/**
 * Puts a planned filesystem on a device.
 *
 * Order, so that a mkfs that is killed leaves nothing that mounts: both ends of the device are wiped, the start
 * first; then comes the primary superblock with inprogress set, then everything else, a flush, and last the primary
 * superblock as it shall be. Secondary superblocks of an old XFS and the log are wiped too.
 *
 * Nothing is written where zeros are already: a new sparse image stays sparse, whatever its size.
 */
import { type Device, readBytes } from '../device/device.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import type { Timestamp } from '../format/time.ts';
import { type BuiltAg, buildAg } from '../fs/space/build.ts';
import { encodeCleanLog } from './cleanlog.ts';
import { contentsOf } from './ownership.ts';
import { geometryOfPlan, type Plan } from './plan.ts';
import { leaveResidue } from './residue.ts';
import { encodeRootChunk } from './rootchunk.ts';
import { type Counters, encodePrimary, secondaries } from './superblock.ts';

/** Enough to cover every signature of `signature.ts` at either end. */
const WIPED_ENDS_BYTES = 128 * 1024;
const STEP_BYTES = 1024 * 1024;
const MAX_OLD_AGS = 2 ** 20;

/** Makes `[offset, offset + length)` zeros, writing only where something else is found. */
function zero(device: Device, offset: number, length: number): void {
  const zeros = new Uint8Array(Math.min(length, STEP_BYTES));
  const buffer = new Uint8Array(zeros.length);
  for (let at = offset; at < offset + length; at += STEP_BYTES) {
    const size = Math.min(STEP_BYTES, offset + length - at);
    if (device.isFresh?.(at, size)) continue;
    const here = buffer.subarray(0, size);
    device.read(at, here);
    if (Buffer.compare(here, zeros.subarray(0, size)) !== 0) device.write(at, zeros.subarray(0, size));
  }
}

/** Bytes where an XFS that was here before has secondary superblocks, as far as its primary makes sense. */
function oldSecondaries(device: Device): number[] {
  if (device.size < 512 || device.isFresh?.(0, 512)) return [];
  const old = SUPERBLOCK.over(readBytes(device, 0, 512));
  const log = Math.log2(old.blocksize);
  if (old.magicnum !== SB_MAGIC || log !== old.blocklog || log < 9 || log > 16) return [];
  const { agblocks, agcount, dblocks } = old;
  const sane = agblocks >= 64 && dblocks <= agcount * agblocks && dblocks >= (agcount - 1) * agblocks + 64;
  if (!sane) return [];
  const inside = Math.ceil(device.size / (agblocks * old.blocksize));
  const count = Math.min(agcount, inside, MAX_OLD_AGS);
  const starts = Array.from({ length: count }, (_, agno) => agno * agblocks * old.blocksize);
  return starts.slice(1).filter((at) => at + 512 <= device.size);
}

function wipeEnds(device: Device): void {
  zero(device, 0, Math.min(WIPED_ENDS_BYTES, device.size));
  const start = Math.max(0, device.size - WIPED_ENDS_BYTES);
  zero(device, start, device.size - start);
}

/** Headers and btree blocks of an AG in as few writes as possible; the primary superblock is left out. */
function writeAg(device: Device, plan: Plan, built: BuiltAg, superblock: Uint8Array | undefined): void {
  const base = built.agno * plan.agblocks * plan.blocksize;
  const headerBytes = Math.ceil((4 * plan.sectsize) / plan.blocksize) * plan.blocksize;
  const headers = new Uint8Array(headerBytes);
  if (superblock) headers.set(superblock, 0);
  [built.agf, built.agi, built.agfl].forEach((sector, i) => {
    headers.set(sector, (i + 1) * plan.sectsize);
  });
  const skip = superblock ? 0 : plan.sectsize;
  device.write(base + skip, headers.subarray(skip));
  for (const block of built.blocks) device.write(base + block.agbno * plan.blocksize, block.bytes);
}

/** Counters that the primary superblock ends up with. */
function addCounters(sum: Counters, built: BuiltAg): Counters {
  return {
    icount: sum.icount + built.icount,
    ifree: sum.ifree + built.ifree,
    fdblocks: sum.fdblocks + built.fdblocks,
  };
}

/** Formats the device as planned; `now` goes into the timestamps. Throws DeviceError. */
export function writeFilesystem(device: Device, plan: Plan, now: Timestamp): void {
  const geometry = geometryOfPlan(plan);
  const none: Counters = { icount: 0, ifree: 0, fdblocks: 0 };
  const old = oldSecondaries(device);
  wipeEnds(device);
  for (const at of old) zero(device, at, 512);
  device.write(0, encodePrimary(plan, geometry.rootino, none, true));
  device.flush();

  const logByte = geometry.agbnoByte(plan.logAgno, plan.logAgbno);
  zero(device, logByte, plan.logblocks * plan.blocksize);
  device.write(logByte, encodeCleanLog(plan));

  const secondary = secondaries(plan, geometry.rootino);
  let counters = none;
  for (let agno = 0; agno < plan.agcount; agno++) {
    const built = buildAg(geometry, contentsOf(plan, geometry, agno));
    leaveResidue(plan, built, geometry.agLength(agno));
    counters = addCounters(counters, built);
    writeAg(device, plan, built, agno === 0 ? undefined : secondary(agno));
  }
  device.write(geometry.agbnoByte(0, plan.rootAgbno), encodeRootChunk(plan, geometry, now));
  device.flush();

  device.write(0, encodePrimary(plan, geometry.rootino, counters, false));
  device.flush();
}
