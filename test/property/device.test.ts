/** Memory, window and overlay behave as one array of bytes; undo restores it whatever was written. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Device, readBytes } from '../../src/device/device.ts';
import { FaultyDevice } from '../../src/device/faulty.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { openDevice } from '../../src/device/open.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { applyUndo, type Run, writeUndo } from '../../src/device/undo.ts';
import { WindowDevice } from '../../src/device/window.ts';
import { temporaryDirectory } from '../support/oracle.ts';

const SIZE = 20_000; // not a multiple of a page or sector, so that the last ones are short

interface Operation {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const operation = (size: number): fc.Arbitrary<Operation> =>
  fc.tuple(fc.nat(size - 1), fc.nat(9000), fc.nat(255)).map(([offset, length, fill]) => ({
    offset,
    bytes: new Uint8Array(Math.min(length, size - offset)).map((_, i) => (fill + i * 7) & 0xff),
  }));
const operations = fc.array(operation(SIZE), { maxLength: 12 });

function filled(seed: number, size = SIZE): Uint8Array {
  return new Uint8Array(size).map((_, i) => (i * 31 + seed) & 0xff);
}

/** Writes everything to device and model, and compares reads at the same places. */
function agree(device: Device, model: Uint8Array, list: readonly Operation[]): void {
  for (const { offset, bytes } of list) {
    device.write(offset, bytes);
    model.set(bytes, offset);
    const from = Math.max(0, offset - 100);
    const length = Math.min(bytes.length + 300, model.length - from);
    expect(Buffer.compare(readBytes(device, from, length), model.subarray(from, from + length))).toBe(0);
  }
  expect(Buffer.compare(readBytes(device, 0, model.length), model)).toBe(0);
}

test('memory, file and window agree with an array', () => {
  const path = join(temporaryDirectory(), 'agree.img');
  fc.assert(
    fc.property(operations, fc.nat(255), (list, seed) => {
      agree(new MemoryDevice(filled(seed)), filled(seed), list);
      const outer = filled(seed, SIZE + 3000);
      agree(
        new WindowDevice(new MemoryDevice(outer), 1234, SIZE),
        filled(seed, SIZE + 3000).subarray(1234, 1234 + SIZE),
        list,
      );
      expect(Buffer.compare(outer.subarray(0, 1234), filled(seed).subarray(0, 1234))).toBe(0);
      expect(
        Buffer.compare(outer.subarray(1234 + SIZE), filled(seed, SIZE + 3000).subarray(1234 + SIZE)),
      ).toBe(0);
      writeFileSync(path, filled(seed));
      const file = openDevice(path, { write: true });
      agree(file, filled(seed), list);
      file.close();
    }),
    { numRuns: 60 },
  );
});

test('an overlay reads as written, leaves the device below alone, and its runs make the difference', () => {
  fc.assert(
    fc.property(operations, fc.nat(255), (list, seed) => {
      const below = new MemoryDevice(filled(seed));
      const overlay = new OverlayDevice(below);
      const model = filled(seed);
      agree(overlay, model, list);
      expect(Buffer.compare(below.bytes, filled(seed))).toBe(0);
      let end = 0;
      for (const { offset, bytes } of overlay.runs()) {
        expect(offset).toBeGreaterThanOrEqual(end);
        expect(offset % 512).toBe(0);
        end = offset + bytes.length;
        below.write(offset, bytes);
      }
      expect(Buffer.compare(below.bytes, model)).toBe(0);
    }),
  );
});

/** The runs of a list of writes, as a repair would apply them. */
function runsOf(device: Device, list: readonly Operation[]): Run[] {
  const overlay = new OverlayDevice(device);
  for (const { offset, bytes } of list) overlay.write(offset, bytes);
  return [...overlay.runs()].map(({ offset, bytes }) => ({ offset, bytes: bytes.slice() }));
}

test('undo restores every byte, also after an apply cut anywhere, and twice', () => {
  const path = join(temporaryDirectory(), 'property.undo');
  fc.assert(
    fc.property(operations, fc.nat(255), fc.nat(20), fc.nat(9), (list, seed, cutAt, sectors) => {
      const device = new MemoryDevice(filled(seed));
      const runs = runsOf(device, list);
      rmSync(path, { force: true });
      expect(writeUndo(path, device, runs).bytes).toBe(runs.reduce((sum, run) => sum + run.bytes.length, 0));
      const failing = new FaultyDevice(device, [
        { on: 'write', nth: cutAt, kind: 'torn', sectors },
        { on: 'write', nth: cutAt + 1, kind: 'cut' },
      ]);
      try {
        for (const run of runs) failing.write(run.offset, run.bytes);
      } catch {
        expect(runs.length).toBeGreaterThan(cutAt + 1);
      }
      applyUndo(path, device);
      expect(Buffer.compare(device.bytes, filled(seed))).toBe(0);
      applyUndo(path, device);
      expect(Buffer.compare(device.bytes, filled(seed))).toBe(0);
    }),
  );
});

test('undo refuses a changed image and any damaged journal, and writes nothing then', () => {
  const path = join(temporaryDirectory(), 'refused.undo');
  fc.assert(
    fc.property(
      fc.array(operation(SIZE), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.nat(7),
      (list, where, bit) => {
        const device = new MemoryDevice(filled(1));
        const runs = runsOf(device, list);
        fc.pre(runs.length > 0);
        rmSync(path, { force: true });
        writeUndo(path, device, runs);
        for (const run of runs) device.write(run.offset, run.bytes);
        const applied = device.bytes.slice();

        const journal = readFileSync(path);
        const flipped = Buffer.from(journal);
        flipped[where % flipped.length]! ^= 1 << bit;
        writeFileSync(path, flipped);
        expect(() => applyUndo(path, device)).toThrow('not usable');
        writeFileSync(path, journal.subarray(0, where % journal.length));
        expect(() => applyUndo(path, device)).toThrow('not usable');
        writeFileSync(path, journal);

        // A byte that is neither what was there before nor what the apply wrote.
        const run = runs[where % runs.length]!;
        const at = run.offset + (where % run.bytes.length);
        const other = [0, 1, 2].find((value) => value !== applied[at] && value !== filled(1)[at])!;
        device.write(at, Uint8Array.of(other));
        const changed = device.bytes.slice();
        expect(() => applyUndo(path, device)).toThrow('has changed since');
        expect(Buffer.compare(device.bytes, changed)).toBe(0);
        expect(() => applyUndo(path, new MemoryDevice(filled(1, SIZE + 1)))).toThrow('bytes');
      },
    ),
    { numRuns: 50 },
  );
});

test('a journal is never written over, and none is left when it cannot be written', () => {
  const path = join(temporaryDirectory(), 'once.undo');
  const device = new MemoryDevice(filled(3));
  writeUndo(path, device, [{ offset: 0, bytes: new Uint8Array(10) }]);
  expect(() => writeUndo(path, device, [])).toThrow('already exists');
  const second = join(temporaryDirectory(), 'failed.undo');
  const failing = new FaultyDevice(device, [{ on: 'read', nth: 1, kind: 'fail' }]);
  const runs = [0, 4096].map((offset) => ({ offset, bytes: new Uint8Array(512) }));
  expect(() => writeUndo(second, failing, runs)).toThrow('input/output error');
  expect(existsSync(second)).toBe(false);
  const disorder = [4096, 0].map((offset) => ({ offset, bytes: new Uint8Array(512) }));
  expect(() => writeUndo(second, device, disorder)).toThrow('out of order');
  expect(existsSync(second)).toBe(false);
});
