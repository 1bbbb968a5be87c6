/** Repair in memory: every defect mended, a cut after any write survived, nothing guessed. */
import { expect, test } from '@jest/globals';
import { OverlayDevice } from '../../../src/device/overlay.ts';
import { sealCrc } from '../../../src/format/checksum.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../src/format/inode.ts';
import { checkImage } from '../../../src/repair/check.ts';
import { INJECT_KINDS, inject } from '../../../src/repair/inject/inject.ts';
import { NothingToSpoil } from '../../../src/repair/inject/site.ts';
import { applyRepair, planRepair } from '../../../src/repair/repair.ts';
import { emptyImage, smallImage } from '../../support/smallimage.ts';

const PLAIN = { optimize: false };

const damageOf = (device: Parameters<typeof checkImage>[0]) =>
  checkImage(device).findings.filter((finding) => finding.severity !== 'note');

test.each(INJECT_KINDS.map((kind) => [kind.name, kind] as const))(
  '%s: found, repaired, clean, and a second repair has nothing to do',
  (_, kind) => {
    const { device } = smallImage();
    for (const seed of [1, 2]) {
      const sound = device.bytes.slice();
      inject(device, kind.name, seed);
      expect(damageOf(device).map((finding) => finding.code)).toContain(kind.finds);
      const spoiled = device.bytes.slice();
      const planned = planRepair(device, PLAIN);
      expect(Buffer.compare(device.bytes, spoiled)).toBe(0);
      expect(planned.left).toEqual([]);
      applyRepair(planned, device);
      expect(damageOf(device)).toEqual([]);
      expect(planRepair(device, PLAIN).actions).toEqual([]);
      device.bytes.set(sound);
    }
  },
);

test('kinds that need a feature say so', () => {
  const { device } = smallImage(['m.rmapbt=0']);
  expect(() => inject(device, 'missing-rmap', 1)).toThrow(NothingToSpoil);
  expect(() => inject(emptyImage(48 << 20, ['m.reflink=0']), 'leaked-cow', 1)).toThrow(/needs .* reflink/);
  expect(() => inject(emptyImage(48 << 20), 'missing-refcount', 1)).toThrow(/no file shares/);
});

test('a damaged image is not spoiled further', () => {
  const { device } = smallImage();
  inject(device, 'agf-counter', 1);
  expect(() => inject(device, 'leaked-cow', 1)).toThrow(/damaged already/);
});

test('a power cut after any write of a repair leaves what the undo journal or a second repair can mend', () => {
  const { device } = smallImage();
  inject(device, 'leaked-cow', 5);
  const before = device.bytes.slice();
  const planned = planRepair(device, PLAIN);
  const runs = [...planned.overlay.runs()].map((run) => ({ offset: run.offset, bytes: run.bytes.slice() }));
  expect(runs.length).toBeGreaterThan(4);
  for (let kept = 0; kept <= runs.length; kept++) {
    device.bytes.set(before);
    let writes = 0;
    const cut = {
      name: device.name,
      size: device.size,
      writable: true,
      read: (offset: number, into: Uint8Array) => device.read(offset, into),
      write: (offset: number, from: Uint8Array) => {
        if (writes++ < kept) device.write(offset, from);
      },
      flush: () => {},
      close: () => {},
    };
    const again = planRepair(cut, PLAIN);
    applyRepair(again, cut);
    // Whatever arrived, a fresh repair ends clean; data of files is never touched.
    const second = planRepair(device, PLAIN);
    applyRepair(second, device);
    expect([kept, damageOf(device)]).toEqual([kept, []]);
  }
});

test('nothing is planned for a sound image, and planning writes nothing', () => {
  const { device } = smallImage();
  const before = device.bytes.slice();
  const planned = planRepair(device, PLAIN);
  expect([planned.actions, planned.fixes, planned.left]).toEqual([[], [], []]);
  expect(Buffer.compare(device.bytes, before)).toBe(0);
  expect(planned.overlay).toBeInstanceOf(OverlayDevice);
});

test('blocks are never called free while a file could not be read', () => {
  const { device, geometry, files } = smallImage();
  inject(device, 'leaked-cow', 1);
  const at = geometry.inoByte(files[0]!.ino);
  device.bytes[at + 176 + 15]! ^= 0x01; // the blockcount of an extent, so the inode's CRC is wrong
  const planned = planRepair(device, PLAIN);
  expect(planned.actions).toEqual([]);
  expect(planned.left.map((entry) => entry.finding.code)).toContain('LEAKED_COW');
});

/** Writes extent `index` of an inode anew, its start and length, and makes the inode's block count fit. */
function remap(
  { device, geometry }: ReturnType<typeof smallImage>,
  ino: number,
  index: number,
  fsbno: number,
  blocks: number,
): void {
  const at = geometry.inoByte(ino);
  const bytes = device.bytes.subarray(at, at + geometry.inodesize);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const extent = INODE_CORE_BYTES + 16 * index;
  const old = view.getUint32(extent + 12) & 0x1fffff;
  view.setUint32(extent + 4, (view.getUint32(extent + 4) & ~0x1ff) >>> 0);
  view.setBigUint64(extent + 8, (BigInt(fsbno) << 21n) | BigInt(blocks));
  const nblocks = DINODE.offset.nblocks + 4;
  view.setUint32(nblocks, view.getUint32(nblocks) - old + blocks);
  sealCrc(bytes, DINODE.offset.crc);
}

// The rmapbt names who lost them; free space alone does not.
test.each([
  ['with an rmapbt', [], { ino: 131 }],
  ['without one', ['m.rmapbt=0'], {}],
])('a mapping that leads to other blocks costs nothing, %s', (_, options, loser) => {
  const image = smallImage(options);
  const { device, geometry, files } = image;
  remap(image, files[0]!.ino, 0, geometry.fsbno(0, 720), 9);
  const planned = planRepair(device, PLAIN);
  const contested = planned.before.findings.filter((finding) => finding.code === 'MAPPING_CONTESTED');
  expect(contested.map((finding) => finding.where)).toEqual([{ agno: 0, agbno: 700, blocks: 9, ...loser }]);
  expect(planned.actions).toEqual([]);
  expect(planned.left.map((entry) => entry.finding.code)).toContain('BNOBT_MISSING');
});

test('an AG without room for its btrees is left, and said so', () => {
  const image = smallImage();
  const { device, geometry, files } = image;
  const first = geometry.headerBlocks;
  remap(image, files[0]!.ino, 1, geometry.fsbno(2, first), geometry.agLength(2) - first);
  const planned = planRepair(device, PLAIN);
  const reasons = new Set(planned.left.map((entry) => entry.reason));
  expect([...reasons]).toEqual(['the AG has not enough free blocks to hold its btrees']);
  expect(planned.actions.filter((action) => action.startsWith('AG'))).toEqual([]);
});
