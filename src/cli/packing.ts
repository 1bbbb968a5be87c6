/** How an image is packed, by its first bytes; names of files do not count. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The argument that means standard input. */
export const STANDARD_INPUT = '-';

export type Packing = 'gzip' | 'zstd' | 'xz';

/** Bytes that tell. */
export const PACKING_HEAD = 6;

const MAGICS: readonly (readonly [Packing, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 8]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  // Frames of zstd that are to be skipped: programs put what they know of the data into one.
  ...Array.from({ length: 16 }, (_, i) => ['zstd', [0x50 + i, 0x2a, 0x4d, 0x18]] as const),
];

export function packingOfHead(head: Uint8Array): Packing | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0];
}

/** Of a regular file; undefined also where it cannot be told: whoever opens it next says why. */
export function packingOf(path: string): Packing | undefined {
  const head = new Uint8Array(PACKING_HEAD);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe without a writer must not hold us up
    if (!fstatSync(descriptor).isFile()) return undefined;
    return packingOfHead(head.subarray(0, readSync(descriptor, head, 0, PACKING_HEAD, 0)));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The path to open: standard input that is a regular file can be read in place. */
export function pathOf(image: string): string {
  if (image !== STANDARD_INPUT) return image;
  try {
    return fstatSync(0).isFile() ? '/dev/stdin' : image;
  } catch {
    return image;
  }
}
