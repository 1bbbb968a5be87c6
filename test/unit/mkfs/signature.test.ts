/** Every signature row is found where it says, and nothing is found in nothing. */
import { describe, expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { findSignature, SIGNATURES } from '../../../src/mkfs/signature.ts';

const SIZE = 4 * 1024 * 1024;

/** What besides the magic a row wants, by its name. */
function complete(name: string, bytes: Uint8Array, at: number): void {
  if (name === 'LVM2_member') bytes.set(Buffer.from('LVM2 001'), at + 24);
  if (name === 'sun') bytes.set([0xda, 0xbe], at + 2); // the checksum
  if (name === 'dos') {
    bytes[at - 64] = 0x80;
    bytes[at - 60] = 0x83;
    bytes[at - 52] = 1;
  }
}

const places = SIGNATURES.flatMap((row) => row.offsets.map((offset) => ({ row, offset })));

describe('signatures', () => {
  test.each(places.map((p) => [p.row.name, p.offset, p] as const))('%s at %d', (name, offset, { row }) => {
    const bytes = new Uint8Array(SIZE);
    const at = offset < 0 ? SIZE + offset : offset;
    bytes.set(row.magic, at);
    complete(name, bytes, at);
    expect(findSignature(new MemoryDevice(bytes))?.name).toBe(name);
    bytes[at] = bytes[at]! ^ 0x40;
    expect(findSignature(new MemoryDevice(bytes))).toBeUndefined();
  });

  test('zeros, short devices and boot code are nothing', () => {
    expect(findSignature(new MemoryDevice(new Uint8Array(SIZE)))).toBeUndefined();
    expect(findSignature(new MemoryDevice(new Uint8Array(16)))).toBeUndefined();
    expect(findSignature(new MemoryDevice(new Uint8Array(0)))).toBeUndefined();
    const boot = new Uint8Array(SIZE);
    boot.set([0x55, 0xaa], 510);
    expect(findSignature(new MemoryDevice(boot))?.name).toBe('dos'); // a table, if an empty one
    boot[446] = 0x12; // neither active nor inactive: code, not a table
    boot[450] = 0x83;
    boot[458] = 1;
    expect(findSignature(new MemoryDevice(boot))).toBeUndefined();
  });

  test('two bytes that could be anything are looked at more closely', () => {
    const bytes = new Uint8Array(SIZE);
    bytes.set([0x7f, 0x13], 1040);
    expect(findSignature(new MemoryDevice(bytes))?.name).toBe('minix');
    bytes[1034] = 7; // zones of 128 blocks
    expect(findSignature(new MemoryDevice(bytes))).toBeUndefined();
    bytes.set([0xda, 0xbe], 508);
    expect(findSignature(new MemoryDevice(bytes))).toBeUndefined();
  });

  test('a GPT is called so although it has a protective MBR', () => {
    const bytes = new Uint8Array(SIZE);
    bytes.set([0x55, 0xaa], 510);
    bytes[450] = 0xee;
    bytes[458] = 1;
    bytes.set(Buffer.from('EFI PART'), 512);
    expect(findSignature(new MemoryDevice(bytes))).toMatchObject({ name: 'gpt', kind: 'partition table' });
  });
});
