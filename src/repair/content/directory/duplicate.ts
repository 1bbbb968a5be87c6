/**
 * Names that stand twice in a directory. Only names of equal hash can be the same; where the hash index agrees with
 * the entries its neighbours tell which those are, else the hashes are sorted. The names themselves are read again.
 */

import { lowerCase } from '../../../format/dahash.ts';
import { DIR_DATA_START } from '../../../format/dir.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { radixOrder } from '../../../fs/space/sort.ts';
import type { Contents } from '../contents.ts';
import type { HashIndex } from './hashindex.ts';
import { type DirReport, nameText } from './report.ts';
import { type EntrySlots, SLOT } from './slots.ts';

const NAMELEN = 8;
const NAME = 9;
const NONE: readonly number[] = [];

export class DuplicateNames {
  private readonly contents: Contents;
  private readonly geometry: Geometry;
  private readonly report: DirReport;
  private readonly slots: EntrySlots;
  private readonly index: HashIndex;
  private readonly fsblocks: number;

  constructor(contents: Contents, report: DirReport, slots: EntrySlots, index: HashIndex) {
    this.contents = contents;
    this.geometry = contents.context.geometry;
    this.report = report;
    this.slots = slots;
    this.index = index;
    this.fsblocks = 2 ** this.geometry.dirblklog;
  }

  /** Tells of names that stand twice, once all entries and the index were read. */
  find(): void {
    const candidates = this.indexIsSorted() ? this.fromIndex() : this.bySorting();
    if (candidates.length > 1) this.compare(candidates);
  }

  /** Whether entries of equal hash are neighbours in a leaf. */
  private indexIsSorted(): boolean {
    const { index } = this;
    if (!index.agrees || index.leaves.some((leaf) => leaf.disorder >= 0)) return false;
    if (index.leaves.length < 2) return true;
    const lasts = new Set(index.leaves.map((leaf) => leaf.last));
    return !index.leaves.some((leaf) => leaf.first !== leaf.last && lasts.has(leaf.first));
  }

  private fromIndex(): readonly number[] {
    const { twins } = this.index;
    if (twins.length === 0) return NONE;
    const found = new Set<number>();
    for (let i = 0; i < twins.length; i++) found.add(this.slots.find(twins.at(i)));
    return [...found];
  }

  /** Slots of entries whose hash is that of another one. */
  private bySorting(): readonly number[] {
    const { slots } = this;
    const live = new Uint32Array(slots.entries);
    let count = 0;
    const end = slots.blocks * slots.perBlock;
    for (let slot = 0; slot < end && count < live.length; slot++) {
      const state = slots.state[slot];
      if (state !== SLOT.NOTHING && state !== SLOT.UNKNOWN) live[count++] = slot;
    }
    const hashes = new Uint32Array(count);
    for (let i = 0; i < count; i++) hashes[i] = slots.hash[live[i]!]!;
    const order = radixOrder(count, [hashes]);
    const found: number[] = [];
    for (let i = 0; i < count; i++) {
      const hash = hashes[order[i]!];
      const before = i > 0 && hashes[order[i - 1]!] === hash;
      if (before || (i + 1 < count && hashes[order[i + 1]!] === hash)) found.push(live[order[i]!]!);
    }
    return found;
  }

  /** Reads the names at these slots, in the order of their blocks, and looks for those met before. */
  private compare(candidates: readonly number[]): void {
    const { report, slots, contents } = this;
    const order = [...candidates].sort((a, b) => a - b);
    const met = new Set<string>();
    const { asciiCi } = this.geometry.features;
    let held = -1;
    let bytes: Uint8Array | undefined;
    for (const slot of order) {
      const block = Math.floor(slot / slots.perBlock);
      const fileoff = slots.number[block]! * this.fsblocks;
      if (block !== held)
        bytes = contents.blocks.read(fileoff, this.fsblocks, report.name({ fileoff, fsbno: 0 }));
      held = block;
      const at = (slot % slots.perBlock) * 8;
      if (!bytes || at < DIR_DATA_START) continue;
      const length = bytes[at + NAMELEN]!;
      const name = textOf(bytes, at + NAME, length, asciiCi);
      if (!met.has(name)) {
        met.add(name);
        continue;
      }
      const place = { fileoff, fsbno: slots.fsbno[block]! };
      const text = `entry at byte ${at}, ${nameText(bytes, at + NAME, length)}: the directory has that name already`;
      report.block('DIR_DUPLICATE', place, 'name', text);
    }
  }
}

/** The bytes of a name, a character each. */
function textOf(bytes: Uint8Array, from: number, length: number, ignoresCase: boolean): string {
  let text = '';
  for (let i = from; i < from + length; i++) {
    text += String.fromCharCode(ignoresCase ? lowerCase(bytes[i]!) : bytes[i]!);
  }
  return text;
}
