/**
 * Other names for names, so that a dump tells nothing of them: as long as the old one, with the same hash (the
 * indexes of directories and attributes are by hash), no two alike in one directory or among one inode's attributes.
 *
 * The hash is a rotation by seven bits and an exclusive or for each byte. So all bytes but the last five may be
 * anything, and the last five make up for it: 32 bits are wanted of their 40, which leaves eight to choose. Of these
 * 256 endings one is taken that is no "/" or NUL and not in use. Names below five bytes stay, as does lost+found
 * and what repair calls by its inode number there.
 *
 * With parent pointers a name stands in its directory and in an attribute of the child; both must change alike,
 * whichever is met first.
 */
import { hashName, hashNameIgnoringCase } from '../../format/dahash.ts';
import type { Geometry } from '../../format/geometry.ts';
import { FingerprintSet } from './fingerprints.ts';

const ENDING = 5;
const ENDINGS = 256;
const MOST_BEGINNINGS = 100;
const LETTERS = Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZ');
/** Those at the start of LETTERS that are no capitals. */
const SMALL_LETTERS = 38;
const LOST_FOUND = Buffer.from('lost+found');

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

export class NameObfuscator {
  private readonly ignoresCase: boolean;
  private readonly hasParents: boolean;
  private readonly rootino: number;
  private readonly inUse = new FingerprintSet();
  /** Names changed in one place and still to come in the other, by directory and old name. */
  private readonly pending = new Map<string, string>();
  private lostFound = -1;
  private scratch = new Uint8Array(256);

  constructor(geometry: Geometry) {
    this.ignoresCase = geometry.features.asciiCi;
    this.hasParents = geometry.features.parent;
    this.rootino = geometry.rootino;
  }

  /** Another directory, or another inode's attributes: what was in use no longer matters. */
  forget(): void {
    if (!this.hasParents) this.inUse.clear();
  }

  /** Changes the name of entry `ino` of `directory` in place. False: nothing else could be found, it is as it was. */
  changeEntry(name: Uint8Array, directory: number, ino: number): boolean {
    if (this.isFound(name, directory, ino)) return true;
    if (!this.hasParents) return this.change(name, 0, this.ignoresCase);
    return this.changeBoth(name, directory);
  }

  /** Changes an attribute's name in place. */
  changeAttribute(name: Uint8Array): boolean {
    return this.change(name, 0, false);
  }

  /** Changes the name in a parent pointer of inode `child` like the entry in `directory` that it goes with. */
  changeParentPointer(name: Uint8Array, directory: number, child: number): boolean {
    if (this.isFound(name, directory, child)) return true;
    return this.changeBoth(name, directory);
  }

  /** Changes the parts of a path in place; "/" stays where it is, and the path ends at a NUL. */
  changePath(path: Uint8Array): void {
    const nul = path.indexOf(0);
    const end = nul < 0 ? path.length : nul;
    for (let start = 0; start < end; ) {
      const slash = path.indexOf(0x2f, start);
      const stop = slash < 0 || slash > end ? end : slash;
      const part = path.subarray(start, stop);
      if (part.length >= ENDING) this.replace(part, hashName(part), false, () => true);
      start = stop + 1;
    }
  }

  private isFound(name: Uint8Array, directory: number, ino: number): boolean {
    if (directory === this.rootino && Buffer.compare(name, LOST_FOUND) === 0) this.lostFound = ino;
    if (ino === this.lostFound) return true;
    return directory === this.lostFound && Buffer.compare(name, Buffer.from(String(ino))) === 0;
  }

  private changeBoth(name: Uint8Array, directory: number): boolean {
    if (name.length < ENDING) return true;
    const key = `${directory}:${Buffer.from(name).toString('latin1')}`;
    const known = this.pending.get(key);
    if (known !== undefined) {
      this.pending.delete(key);
      name.set(Buffer.from(known, 'latin1'));
      return true;
    }
    const done = this.change(name, directory, this.ignoresCase);
    this.pending.set(key, Buffer.from(name).toString('latin1'));
    return done;
  }

  private change(name: Uint8Array, directory: number, ignoresCase: boolean): boolean {
    if (name.length < ENDING) return true;
    const hash = ignoresCase ? hashNameIgnoringCase(name) : hashName(name);
    let print = 0;
    const isFree = (candidate: Uint8Array): boolean => {
      print = fingerprint(candidate, hash, directory);
      return !this.inUse.has(print);
    };
    const done = this.replace(name, hash, ignoresCase, isFree);
    this.inUse.add(done ? print : fingerprint(name, hash, directory));
    return done;
  }

  /** Puts another name of that hash in the place of `name`; false when none is accepted. */
  private replace(
    name: Uint8Array,
    hash: number,
    ignoresCase: boolean,
    accepts: (candidate: Uint8Array) => boolean,
  ): boolean {
    if (this.scratch.length < name.length) this.scratch = new Uint8Array(name.length);
    const candidate = this.scratch.subarray(0, name.length);
    const free = name.length - ENDING;
    for (let n = free === 0 ? 1 : MOST_BEGINNINGS; n > 0; n--) {
      let begun = 0;
      for (let i = 0; i < free; i++) {
        const letter = LETTERS[Math.floor(Math.random() * (ignoresCase ? SMALL_LETTERS : LETTERS.length))]!;
        candidate[i] = letter;
        begun = letter ^ rotate(begun, 7);
      }
      const wanted = hash ^ rotate(begun, 3);
      const first = Math.floor(Math.random() * 16);
      for (let choice = 0; choice < ENDINGS; choice++) {
        if (!putEnding(candidate, free, wanted, choice ^ first, ignoresCase)) continue;
        if (Buffer.compare(candidate, name) === 0 || !accepts(candidate)) continue;
        name.set(candidate);
        return true;
      }
    }
    return false;
  }
}

/**
 * Writes the ending number `choice` whose bytes add `wanted` to the hash; false when a byte of it may not be in a
 * name. The low four bits of `choice` are the upper half of the first byte, which count where the lower half of the
 * last byte does; the others are the top bits of the other bytes, each of which counts where the lowest bit of the
 * byte before it does.
 */
function putEnding(
  name: Uint8Array,
  at: number,
  wanted: number,
  choice: number,
  ignoresCase: boolean,
): boolean {
  const half = choice & 15;
  const top = choice >>> 4;
  const last = (wanted & 0x7f) ^ half;
  let carry = top & 1;
  name[at + 4] = last | (carry << 7);
  for (let i = 3; i >= 1; i--) {
    const seven = ((wanted >>> (7 * (4 - i))) & 0x7f) ^ carry;
    carry = (top >>> (4 - i)) & 1;
    name[at + i] = seven | (carry << 7);
  }
  name[at] = ((wanted >>> 28) ^ carry) | (half << 4);
  for (let i = at; i < at + ENDING; i++) {
    const byte = name[i]!;
    if (byte === 0 || byte === 0x2f) return false;
    if (ignoresCase && byte >= 0x41 && byte <= 0x5a) return false;
  }
  return true;
}

/** Of a name with its hash: 32 bits of the one and 21 of another, never 0. */
function fingerprint(name: Uint8Array, hash: number, directory: number): number {
  let other = 0x811c9dc5 ^ (directory % 2 ** 32) ^ Math.floor(directory / 2 ** 32);
  for (let i = 0; i < name.length; i++) other = Math.imul(other ^ name[i]!, 0x01000193);
  return (hash >>> 0) * 2 ** 21 + ((other >>> 11) & 0x1fffff) + 1;
}
