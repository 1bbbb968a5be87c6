/**
 * Hash of a name in a directory or among attributes: four bytes at a time are shifted seven bits apart and mixed
 * with the hash so far, rotated. On a filesystem with case-insensitive ASCII names the hash is over lower case, one
 * byte at a time. A parent pointer's hash also takes in the parent's inode number.
 */

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Hash of the bytes of a name. */
export function hashName(name: Uint8Array): number {
  let hash = 0;
  let i = 0;
  for (; i + 4 <= name.length; i += 4) {
    const four = (name[i]! << 21) ^ (name[i + 1]! << 14) ^ (name[i + 2]! << 7) ^ name[i + 3]!;
    hash = four ^ rotate(hash, 28);
  }
  switch (name.length - i) {
    case 3:
      return ((name[i]! << 14) ^ (name[i + 1]! << 7) ^ name[i + 2]! ^ rotate(hash, 21)) >>> 0;
    case 2:
      return ((name[i]! << 7) ^ name[i + 1]! ^ rotate(hash, 14)) >>> 0;
    case 1:
      return (name[i]! ^ rotate(hash, 7)) >>> 0;
    default:
      return hash >>> 0;
  }
}

/** Hash where names that differ only in the case of ASCII letters are the same. */
export function hashNameIgnoringCase(name: Uint8Array): number {
  let hash = 0;
  for (const byte of name) {
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    hash = lower ^ rotate(hash, 7);
  }
  return hash >>> 0;
}

/** Hash of the attribute that names `name` in directory `parent` (inode number). */
export function hashParentPointer(name: Uint8Array, parent: number): number {
  const high = Math.floor(parent / 2 ** 32);
  return (hashName(name) ^ high ^ (parent % 2 ** 32)) >>> 0;
}
