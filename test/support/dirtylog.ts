/**
 * A dirty log by hand, for tests without a kernel: transactions that each give the filesystem another label, one record
 * each, behind the unmount record of a small image.
 */
import type { Device } from '../../src/device/device.ts';
import { readBytes } from '../../src/device/device.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { BASIC_BLOCK } from '../../src/format/log.ts';
import { BLOCK_TYPES } from '../../src/format/registry.ts';
import { geometryOf, SUPERBLOCK } from '../../src/format/superblock.ts';
import { encodeCheckpoint } from '../../src/fs/log/checkpoint.ts';
import { headAt, placeOfLog, ringOf } from '../../src/fs/log/place.ts';
import { type LogPosition, LogWriter } from '../../src/fs/log/writer.ts';

const SB = BLOCK_TYPES.find(({ name }) => name === 'sb')!;

/** Where the record of each transaction begins, as basic block of the log. */
export type RecordBlocks = readonly number[];

/** Writes the transactions; the image must have a clean log. `logDevice`: of an external log. */
export function writeLabels(device: Device, labels: readonly string[], logDevice?: Device): RecordBlocks {
  const sector = readBytes(device, 0, 512);
  const geometry = geometryOf(sector);
  const { uuid, logsunit } = SUPERBLOCK.over(sector);
  const place = placeOfLog(device, geometry, logDevice)!;
  const head = headAt(device, geometry, place);
  const start: LogPosition = { cycle: head.headCycle, block: head.headBlock };
  const size = ringOf(geometry, place).size;
  const writer = new LogWriter({ size, uuid, stripeUnit: logsunit }, start, head.lastRecord);
  const blocks: number[] = [];
  let before: Device = device;
  labels.forEach((label, i) => {
    const after = new OverlayDevice(before);
    after.write(SUPERBLOCK.offset.fname, new TextEncoder().encode(label.padEnd(12, '\0')));
    const changed = [{ type: SB, pieces: [{ offset: 0, length: geometry.sectsize }] }];
    blocks.push(writer.head.block);
    const tid = 0x1000 + i;
    writer.transaction(
      tid,
      encodeCheckpoint(geometry, before, after, { tid, changed, freed: [], done: [] }),
      start,
    );
    before = after;
  });
  for (const { block, bytes } of writer.pieces) place.device.write(place.start + block * BASIC_BLOCK, bytes);
  return blocks;
}
