/**
 * Damaged logs, by the hundred: records, operations and items with bytes changed at random, with checksums that fit or
 * not. Each is recovered or refused: no other exception, no endless run, and not a byte is written by a refusal. What
 * is recovered can be checked. 60 of them; 1,000 with XFSKIT_LONG; XFSKIT_SEED gives others.
 */
import { expect, test } from '@jest/globals';
import { DeviceError } from '../../src/device/device.ts';
import { FaultyDevice } from '../../src/device/faulty.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { XfskitError } from '../../src/format/errors.ts';
import { BASIC_BLOCK, LOG_OPERATION, LOG_RECORD } from '../../src/format/log.ts';
import { viewOf } from '../../src/format/struct.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import { mapNewBlocks } from '../../src/fs/inode/allocation.ts';
import { readInode } from '../../src/fs/inode/inode.ts';
import { findLogHead } from '../../src/fs/log/head.ts';
import { placeOfLog, ringOf } from '../../src/fs/log/place.ts';
import { applyRecovery, type Recovery } from '../../src/fs/log/recover/recover.ts';
import { surveyLog } from '../../src/fs/log/survey.ts';
import { transact } from '../../src/fs/transaction.ts';
import { checkImage } from '../../src/repair/check.ts';
import {
  attri,
  bui,
  CraftedLog,
  cancelled,
  cui,
  efi,
  inodeItem,
  planFor,
  rui,
  xmi,
} from '../support/logwriter.ts';
import { Random } from '../support/random.ts';
import { createIn, linkIn, unlinkIn } from '../support/recovered.ts';
import { smallImage } from '../support/smallimage.ts';
import { changeSuperblock, inodeBytes } from '../support/specialimage.ts';

const LONG = process.env.XFSKIT_LONG === '1';
const COUNT = LONG ? 1000 : 60;
const SEED = Number(process.env.XFSKIT_SEED ?? 1);

/** A log with every kind of item, and the blocks of its records. */
function everyItem(): { log: CraftedLog; records: number[] } {
  const image = smallImage(['m.rmapbt=1']);
  const { device, geometry, files } = image;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    changeSuperblock(device, (sb) => void (sb.features_incompat |= 1 << 6), agno);
  }
  const [alone, shared, clone] = files.map(({ ino }) => ino) as [number, number, number];
  const root = geometry.rootino;
  const made: number[] = [];
  const fs = openFileSystem(device);
  transact(fs, (tr) => void made.push(createIn(tr, root, 'gone'), createIn(tr, root, 'mapped')));
  const log = new CraftedLog(device, { at: { cycle: 3, block: 600 } });
  const records: number[] = [];
  records.push(log.change((tr) => linkIn(tr, root, 'linked', alone)));
  records.push(log.change((tr) => unlinkIn(tr, root, 'gone')));
  records.push(
    log.change((tr) => {
      const inode = readInode(tr, made[1]!);
      mapNewBlocks(inode, 'data', { fileoff: 0, count: 7, contiguous: false, total: 9 });
      inode.core.size = 28672n;
    }),
  );
  for (let i = 0; i < 30; i++) log.change((tr) => void createIn(tr, root, `made-${i}`));
  const inode = inodeBytes(device, geometry, shared).slice();
  records.push(log.items([inodeItem(geometry, { ino: shared, inode }), cancelled(30000, 4096)]));
  const fsbno = geometry.fsbno(0, 700);
  const gen = [alone, clone].map((ino) => transact(fs, (tr) => readInode(tr, ino).core.gen)) as [
    number,
    number,
  ];
  log.change((tr) => {
    const file = readInode(tr, alone);
    file.data.extents.remove(0);
    file.data.recount();
    file.countBlocks(-9);
  });
  records.push(
    log.items([
      rui(1, { owner: alone, fsbno, count: 9, fileoff: 0, flags: 3 }),
      cui(2, { fsbno, count: 4, flags: 3 }),
      rui(8, { owner: -9, fsbno, count: 4, flags: 7 }),
      efi(3, { fsbno: fsbno + 4, count: 5 }),
      bui(4, { owner: clone, fsbno: geometry.fsbno(2, 804), count: 2, fileoff: 0, flags: 2 }),
      cui(5, { fsbno: geometry.fsbno(2, 804), count: 2, flags: 2 }),
      attri(6, { ino: alone, op: 1, names: ['set'], values: [new Uint8Array(6000).fill(6)] }),
      xmi(7, {
        inodes: [alone, clone],
        generations: gen,
        offsets: [0, 20],
        count: 3,
        flags: 0,
        sizes: [-1, -1],
      }),
    ]),
  );
  return { log, records };
}

/** Changes some bytes of a record: of its header, of an operation, or of what an operation carries. */
function damage(header: Uint8Array, data: Uint8Array, random: Random): void {
  const view = viewOf(data);
  const operations: { at: number; length: number }[] = [];
  for (let at = 0, i = 0; i < LOG_RECORD.over(header).num_logops && at + 12 <= data.length; i++) {
    const length = view.getUint32(at + LOG_OPERATION.offset.len);
    operations.push({ at, length });
    at += 12 + length;
  }
  const values = [0, 1, 0x7f, 0x80, 0xff, random.below(256)];
  for (let n = 1 + random.below(3); n > 0; n--) {
    const { at, length } = random.pick(operations);
    switch (random.below(8)) {
      case 0:
        header[random.below(328)] = random.pick(values);
        break;
      case 1:
        data[at + random.below(12)] = random.pick(values);
        break;
      default:
        // Mostly the start of a region: there are numbers that lead elsewhere.
        if (length > 0)
          data[at + 12 + random.below(random.below(3) > 0 ? Math.min(length, 88) : length)] =
            random.pick(values);
    }
  }
}

const { log, records } = everyItem();

test('as it is, it is recovered', () => {
  const device = new OverlayDevice(log.device);
  applyRecovery(planFor(device), device, device);
  const problems = checkImage(device).findings.filter(({ severity }) => severity !== 'note');
  expect(problems.map(({ message }) => message)).toEqual([]);
});

test(
  `${COUNT} damaged ones, seed ${SEED}`,
  () => {
    const random = new Random(SEED);
    const region = log.device.bytes.subarray(log.start, log.start + log.size * BASIC_BLOCK);
    const before = region.slice();
    const outcomes = { recovered: 0, refused: 0, clean: 0 };
    for (let i = 0; i < COUNT; i++) {
      const block = random.pick(records);
      const seal = random.below(6) > 0;
      log.edit(block, (header, data) => damage(header, data, random), seal);
      const start = Date.now();
      outcomes[tryOne(LONG || i % 4 === 0)]++;
      expect(Date.now() - start).toBeLessThan(15_000);
      region.set(before);
    }
    expect(outcomes.recovered).toBeGreaterThan(COUNT / 10);
    expect(outcomes.refused).toBeGreaterThan(COUNT / 10);
  },
  LONG ? 900_000 : 60_000,
);

/** Survey, plan, application on an overlay, and perhaps a check of what came of it. */
function tryOne(check: boolean): 'recovered' | 'refused' | 'clean' {
  const device = new FaultyDevice(new OverlayDevice(log.device), []);
  const { geometry } = openFileSystem(device);
  const head = findLogHead(device, geometry);
  if (head.state !== 'dirty') return 'clean';
  const place = placeOfLog(device, geometry, undefined)!;
  surveyLog(ringOf(geometry, place), head, log.uuid);
  let plan: Recovery;
  try {
    plan = planFor(device);
  } catch (error) {
    // A refusal is one of ours, with a reason.
    if (!(error instanceof XfskitError || error instanceof DeviceError)) throw error;
    expect(device.writes).toBe(0);
    return 'refused';
  }
  applyRecovery(plan, device, device);
  if (check) checkImage(device);
  expect(findLogHead(device, geometry).state).toBe('clean');
  return 'recovered';
}
