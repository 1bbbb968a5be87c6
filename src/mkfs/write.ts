/**
 * Puts a planned filesystem on a device.
 *
 * Order, so that a mkfs that is killed leaves nothing that mounts: both ends of the device are wiped, the start
 * first; block devices are told that the rest is not needed; then comes the primary superblock with inprogress set, then everything else, a flush, and last the primary
 * superblock as it shall be. Secondary superblocks of an old XFS and the log are wiped too.
 *
 * Nothing is written where zeros are already: a new sparse image stays sparse, whatever its size.
 */
import { type Device, readBytes } from '../device/device.ts';
import { BASIC_BLOCK } from '../format/log.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import type { Timestamp } from '../format/time.ts';
import { cleanLogRecords, FIRST_CYCLE } from '../fs/log/clean.ts';
import { type BuiltAg, buildAg } from '../fs/space/build.ts';
import { contentsOf } from './ownership.ts';
import { geometryOfPlan, type Plan } from './plan.ts';
import { encodeBitmapBlock, summaryByte } from './realtime.ts';
import { leaveResidue } from './residue.ts';
import { type Birth, encodeRootChunk } from './rootchunk.ts';
import { type Counters, encodePrimary, secondaries } from './superblock.ts';
import { zero } from './zero.ts';

/** What mkfs.xfs wipes: nearly every signature of `signature.ts`. */
const WIPED_ENDS_BYTES = 128 * 1024;
const MAX_OLD_AGS = 2 ** 20;

/** Bytes where an XFS that was here before has secondary superblocks, as far as its primary makes sense. */
function oldSecondaries(device: Device, sectsize: number): number[] {
  if (device.size < 512 || device.isFresh?.(0, 512)) return [];
  const old = SUPERBLOCK.over(readBytes(device, 0, 512));
  const log = Math.log2(old.blocksize);
  if (old.magicnum !== SB_MAGIC || log !== old.blocklog || log < 9 || log > 16) return [];
  const { agblocks, agcount, dblocks } = old;
  const sane = agblocks > 0 && dblocks <= agcount * agblocks && dblocks >= (agcount - 1) * agblocks + 64;
  if (!sane) return [];
  const inside = Math.ceil(device.size / (agblocks * old.blocksize));
  const count = Math.min(agcount, inside, MAX_OLD_AGS);
  const starts = Array.from({ length: count }, (_, agno) => agno * agblocks * old.blocksize);
  return starts.slice(1).filter((at) => at + sectsize <= device.size);
}

function wipeEnds(device: Device): void {
  zero(device, 0, Math.min(WIPED_ENDS_BYTES, device.size));
  const start = Math.max(0, device.size - WIPED_ENDS_BYTES);
  zero(device, start, device.size - start);
}

interface Piece {
  /** Bytes from the start of the AG. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Header sectors and btree blocks of an AG in as few writes as possible; the primary superblock is left out. What
 * lies between them is not touched: it may be anything.
 */
function writeAg(device: Device, plan: Plan, built: BuiltAg, superblock: Uint8Array | undefined): void {
  const base = built.agno * plan.agblocks * plan.blocksize;
  const pieces: Piece[] = superblock ? [{ at: 0, bytes: superblock }] : [];
  [built.agf, built.agi, built.agfl].forEach((bytes, i) => {
    pieces.push({ at: (i + 1) * plan.sectsize, bytes });
  });
  for (const block of built.blocks) pieces.push({ at: block.agbno * plan.blocksize, bytes: block.bytes });
  pieces.sort((a, b) => a.at - b.at);
  // Behind the headers of AG 0 everything was wiped, and on a fresh device zeros between pieces cost nothing.
  const wiped = built.agno === 0 ? WIPED_ENDS_BYTES : 0;
  let run: Piece[] = [];
  const end = (): number => (run.at(-1)?.at ?? 0) + (run.at(-1)?.bytes.length ?? 0);
  const writeRun = (): void => {
    const start = run[0]!.at;
    const bytes = new Uint8Array(end() - start);
    for (const piece of run) bytes.set(piece.bytes, piece.at - start);
    device.write(base + start, bytes);
    run = [];
  };
  for (const piece of pieces) {
    const gap = piece.at - end();
    const joins =
      gap === 0 || (gap < plan.blocksize && (piece.at <= wiped || device.isFresh?.(base + end(), gap)));
    if (run.length > 0 && !joins) writeRun();
    run.push(piece);
  }
  writeRun();
}

/** Counters that the primary superblock ends up with. */
function addCounters(sum: Counters, built: BuiltAg): Counters {
  return {
    icount: sum.icount + built.icount,
    ifree: sum.ifree + built.ifree,
    fdblocks: sum.fdblocks + built.fdblocks,
  };
}

/** Where a filesystem goes: its data section and, if it has them, the devices beside it. */
export interface Devices {
  readonly data: Device;
  readonly log?: Device | undefined;
  readonly realtime?: Device | undefined;
  /** Block devices keep what they hold. */
  readonly nodiscard?: boolean | undefined;
}

/** Discards what block devices hold; how many did. */
function discard(devices: Devices): number {
  if (devices.nodiscard) return 0;
  return [devices.data, devices.realtime, devices.log].filter((device) => device?.trim?.()).length;
}

/** The two files that tell what is free in the realtime section. */
function writeRealtimeFiles(device: Device, plan: Plan): void {
  const realtime = plan.realtime!;
  const { blocksize } = plan;
  const byteOf = (agno: number, agbno: number): number => (agno * plan.agblocks + agbno) * blocksize;
  let index = 0;
  for (const { agno, agbno, count } of realtime.bitmap)
    for (let i = 0; i < count; i++)
      device.write(byteOf(agno, agbno + i), encodeBitmapBlock(realtime, blocksize, index++));
  const word = summaryByte(realtime);
  let first = 0;
  for (const { agno, agbno, count } of realtime.summary) {
    zero(device, byteOf(agno, agbno), count * blocksize);
    const block = Math.floor(word / blocksize) - first;
    first += count;
    if (block < 0 || block >= count) continue;
    const bytes = new Uint8Array(blocksize);
    bytes[word % blocksize] = 1;
    device.write(byteOf(agno, agbno + block), bytes);
  }
}

/**
 * Formats the devices as planned; `now` goes into the timestamps, and generation numbers into inodes from profile
 * 6.12 on. Returns how many devices were discarded. Throws DeviceError.
 */
export function writeFilesystem(
  devices: Devices,
  plan: Plan,
  now: Timestamp,
  generation: Birth['generation'] = () => 0,
): number {
  const device = devices.data;
  const geometry = geometryOfPlan(plan);
  const none: Counters = { icount: 0, ifree: 0, fdblocks: 0 };
  const old = oldSecondaries(device, plan.sectsize);
  wipeEnds(device);
  for (const at of old) zero(device, at, plan.sectsize);
  const discarded = discard(devices);
  device.write(0, encodePrimary(plan, geometry.rootino, none, true));
  // Where nothing was, nothing needs to be gone before the rest arrives.
  if (!device.isFresh?.(0, device.size)) device.flush();

  const logDevice = devices.log ?? device;
  const logByte = plan.logAgno < 0 ? 0 : geometry.agbnoByte(plan.logAgno, plan.logAgbno);
  zero(logDevice, logByte, plan.logblocks * plan.blocksize);
  const log = {
    uuid: plan.uuid,
    stripeUnit: plan.logsunit,
    blocks: (plan.logblocks * plan.blocksize) / BASIC_BLOCK,
    cycle: FIRST_CYCLE,
  };
  for (const { block, bytes } of cleanLogRecords(log)) logDevice.write(logByte + block * BASIC_BLOCK, bytes);

  const secondary = secondaries(plan, geometry.rootino);
  let counters = none;
  for (let agno = 0; agno < plan.agcount; agno++) {
    const built = buildAg(geometry, contentsOf(plan, geometry, agno));
    leaveResidue(plan, built, geometry.agLength(agno));
    counters = addCounters(counters, built);
    writeAg(device, plan, built, agno === 0 ? undefined : secondary(agno));
  }
  device.write(
    geometry.agbnoByte(0, plan.rootAgbno),
    encodeRootChunk(plan, geometry, { moment: now, generation }),
  );
  if (plan.realtime) {
    writeRealtimeFiles(device, plan);
    // The last block must be there to be used.
    const last = (plan.realtime.rblocks - 1) * plan.blocksize;
    if (devices.realtime) zero(devices.realtime, last, plan.blocksize);
  }
  for (const each of [devices.log, devices.realtime, device]) each?.flush();

  device.write(0, encodePrimary(plan, geometry.rootino, counters, false));
  device.flush();
  return discarded;
}
