/**
 * Parent pointers and what they stand for: a record for every directory entry but "." and "..", and one for every
 * PARENT attribute. Filled while inodes, directories and attributes are read, on filesystems with the feature only;
 * compare/parentpointer.ts holds one list against the other.
 *
 * A record is the child's row, the parent's number and two hashes of the name, 20 bytes; names are not kept.
 */
import { crc32c } from '../../format/crc32c.ts';
import { hashName } from '../../format/dahash.ts';

const TWO_32 = 2 ** 32;

/** Records of one side, in the order they were met. */
export class ParentColumns {
  length = 0;
  /** Row of the child in the InodeTable. */
  child = new Uint32Array(64);
  parentLow = new Uint32Array(64);
  parentHigh = new Uint32Array(64);
  /** Hash of the name as directories have it, and its CRC32C. */
  hash = new Uint32Array(64);
  check = new Uint32Array(64);
  /** Generation of the parent; kept for attributes only, directories are asked for it. */
  gen: Uint32Array;
  private readonly keepsGen: boolean;

  constructor(keepsGen: boolean) {
    this.keepsGen = keepsGen;
    this.gen = new Uint32Array(keepsGen ? 64 : 0);
  }

  push(child: number, parent: number, gen: number, bytes: Uint8Array, from: number, length: number): void {
    if (this.length === this.child.length) this.grow();
    const i = this.length++;
    this.child[i] = child;
    this.parentLow[i] = parent % TWO_32;
    this.parentHigh[i] = Math.floor(parent / TWO_32);
    this.hash[i] = hashName(bytes.subarray(from, from + length));
    this.check[i] = crc32c(bytes, from, from + length);
    if (this.keepsGen) this.gen[i] = gen;
  }

  parent(i: number): number {
    return this.parentHigh[i]! * TWO_32 + this.parentLow[i]!;
  }

  private grow(): void {
    const larger = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const column = new Uint32Array(this.length + (this.length >>> 1));
      column.set(old);
      return column;
    };
    this.child = larger(this.child);
    this.parentLow = larger(this.parentLow);
    this.parentHigh = larger(this.parentHigh);
    this.hash = larger(this.hash);
    this.check = larger(this.check);
    if (this.keepsGen) this.gen = larger(this.gen);
  }
}

export class ParentRecords {
  readonly entries = new ParentColumns(false);
  readonly attributes = new ParentColumns(true);
  /** Rows of directories whose names, and of inodes whose attributes, are not all known. */
  readonly lostDirectories = new Set<number>();
  readonly lostAttributes = new Set<number>();

  /** An entry of directory `parent` (inode number) that names the inode of row `child`; the name is in `bytes`. */
  entry(child: number, parent: number, bytes: Uint8Array, from: number, length: number): void {
    this.entries.push(child, parent, 0, bytes, from, length);
  }

  /** A PARENT attribute of the inode of row `child`. */
  attribute(
    child: number,
    parent: number,
    gen: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): void {
    this.attributes.push(child, parent, gen, bytes, from, length);
  }

  /** Some names of this directory (row) could not be read: attributes that lead to it prove nothing. */
  loseDirectory(row: number): void {
    this.lostDirectories.add(row);
  }

  /** Some attributes of this inode (row) could not be read: entries that name it need no attribute. */
  loseAttributes(row: number): void {
    this.lostAttributes.add(row);
  }
}
