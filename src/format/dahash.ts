/**
 * Hash of a name in a directory or among attributes: four bytes at a time are shifted seven bits apart and mixed
 * with the hash so far, rotated. On a filesystem with case-insensitive ASCII names the hash is over lower case, one
 * byte at a time. A parent pointer's hash also takes in the parent's inode number.
 */

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Hash of the bytes of a name. */
export function hashName(name: Uint8Array): number {
  return hashNameAt(name, 0, name.length);
}

/** Hash of the name of `length` bytes that begins at `from`. */
export function hashNameAt(bytes: Uint8Array, from: number, length: number): number {
  let hash = 0;
  let i = from;
  const end = from + length;
  for (; i + 4 <= end; i += 4) {
    const four = (bytes[i]! << 21) ^ (bytes[i + 1]! << 14) ^ (bytes[i + 2]! << 7) ^ bytes[i + 3]!;
    hash = four ^ rotate(hash, 28);
  }
  switch (end - i) {
    case 3:
      return ((bytes[i]! << 14) ^ (bytes[i + 1]! << 7) ^ bytes[i + 2]! ^ rotate(hash, 21)) >>> 0;
    case 2:
      return ((bytes[i]! << 7) ^ bytes[i + 1]! ^ rotate(hash, 14)) >>> 0;
    case 1:
      return (bytes[i]! ^ rotate(hash, 7)) >>> 0;
    default:
      return hash >>> 0;
  }
}

/** A byte of a name where the case of ASCII letters does not count. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Hash where names that differ only in the case of ASCII letters are the same. */
export function hashNameIgnoringCase(name: Uint8Array): number {
  return hashNameIgnoringCaseAt(name, 0, name.length);
}

/** The same, of the name of `length` bytes that begins at `from`. */
export function hashNameIgnoringCaseAt(bytes: Uint8Array, from: number, length: number): number {
  let hash = 0;
  for (let i = from; i < from + length; i++) hash = lowerCase(bytes[i]!) ^ rotate(hash, 7);
  return hash >>> 0;
}

/** Hash of the attribute that names `name` in directory `parent` (inode number). */
export function hashParentPointer(name: Uint8Array, parent: number): number {
  const high = Math.floor(parent / 2 ** 32);
  return (hashName(name) ^ high ^ (parent % 2 ** 32)) >>> 0;
}
