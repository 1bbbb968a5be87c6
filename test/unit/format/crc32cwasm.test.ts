/** Sums over WebAssembly memory against those of plain JavaScript, and what the scratch memory promises. */
import { expect, test } from '@jest/globals';
import { computeCrc, scratchBytes } from '../../../src/format/checksum.ts';
import { summingMemory } from '../../../src/format/crc32cwasm.ts';
import { Random } from '../../support/random.ts';

const ROOM = 200_000;

test('sums are those of plain JavaScript, whatever the length, the hole and the zeros at the end', () => {
  const memory = summingMemory(ROOM)!;
  const bytes = new Uint8Array(memory.buffer, memory.from, ROOM);
  const random = new Random(7);
  const lengths = [8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 96, 176, 255, 256, 512, 1024, 2048, 4096, 65_536];
  for (const length of [...lengths, memory.longest]) {
    for (const used of [0, 1, length >> 2, length >> 1, length - 1, length]) {
      bytes.fill(0);
      const start = random.below(40);
      for (let i = 0; i < used; i++) bytes[start + i] = random.below(256);
      bytes[start + length] = 0xff;
      const hole = random.below(length - 3);
      const before = bytes.slice();
      const at = memory.from + start;
      const found = memory.sum(at, at + length, at + hole);
      expect([length, used, hole, found]).toEqual([
        length,
        used,
        hole,
        computeCrc(before, hole, start, length),
      ]);
      expect(Buffer.compare(bytes, before)).toBe(0);
    }
  }
});

test('a checksum is the same in scratch memory and outside it', () => {
  const random = new Random(8);
  for (const length of [512, 4096, 65_536, 100_000]) {
    const scratch = scratchBytes('fork', length);
    for (let i = 0; i < length; i++) scratch[i] = random.below(256);
    expect(computeCrc(scratch, 100)).toBe(computeCrc(scratch.slice(), 100));
    expect(computeCrc(scratch, 7, 13, 300)).toBe(computeCrc(scratch.slice(), 7, 13, 300));
  }
});

test('parts of the scratch memory do not overlap, and what is too long is memory of its own', () => {
  const parts = [
    scratchBytes('inodes', 2 ** 20),
    scratchBytes('blocks', 2 ** 18),
    scratchBytes('fork', 2 ** 17),
  ];
  for (const [i, part] of parts.entries()) part.fill(i + 1);
  for (const [i, part] of parts.entries()) expect(part.every((byte) => byte === i + 1)).toBe(true);
  const large = scratchBytes('fork', 2 ** 17 + 1);
  expect(large.length).toBe(2 ** 17 + 1);
  expect(large.buffer).not.toBe(parts[0]!.buffer);
});
