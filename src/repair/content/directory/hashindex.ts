/**
 * The hash index of a directory against its entries, both ways: whatever leaf it stands in, a hash must lead to an
 * entry of that hash, and every entry must be led to once. What does not fit is kept until all leaves are read, for a
 * hash that leads nowhere and an entry that nothing leads to are often one wrong address.
 */
import { DIR_LEAF_ENTRY, DIR_LEAF_HEADER } from '../../../format/dir.ts';
import { hex } from '../../../format/problem.ts';
import { viewOf } from '../../../format/struct.ts';
import { NumberList } from '../../observe/list.ts';
import type { Contents } from '../contents.ts';
import type { DirBlockPlace, DirReport } from './report.ts';
import { type EntrySlots, LOST_SLOT, NO_SLOT, SLOT } from './slots.ts';

const HASH = DIR_LEAF_ENTRY.size;
/** Faults that are kept for pairing; of more, only the number matters. */
const MOST_KEPT = 1000;

/** What was met in one leaf. */
export interface LeafSummary {
  readonly place: DirBlockPlace;
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** Stale entries by the leaf's account, and found. */
  readonly staleSaid: number;
  readonly staleFound: number;
  readonly staleField: string;
  /** Index of the first entry whose hash is below the one before; -1: none. */
  readonly disorder: number;
  readonly entryField: string;
  /** Entries of it were told to be wrong. */
  faulty: boolean;
}

export class HashIndex {
  /** Every leaf was read: an entry that nothing led to is missing. */
  complete = true;
  /** Entries of equal hash all stand side by side in the leaves, so duplicates were seen. */
  readonly leaves: LeafSummary[] = [];
  /** Addresses of neighbours of equal hash. */
  readonly twins = new NumberList();
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly slots: EntrySlots;
  private readonly fsblocks: number;
  // Entries that lead to no name: hash, address, leaf and number in it.
  private readonly hash = new NumberList();
  private readonly address = new NumberList();
  private readonly leaf = new NumberList();
  private readonly number = new NumberList();
  private faults = 0;

  constructor(contents: Contents, report: DirReport, slots: EntrySlots) {
    this.contents = contents;
    this.report = report;
    this.slots = slots;
    this.fsblocks = 2 ** contents.context.geometry.dirblklog;
  }

  open(): void {
    this.complete = true;
    this.leaves.length = 0;
    this.twins.length = 0;
    this.hash.length = 0;
    this.address.length = 0;
    this.leaf.length = 0;
    this.number.length = 0;
    this.faults = 0;
  }

  /** Whether the index and the entries were the same, so far as both could be read. */
  get agrees(): boolean {
    return this.complete && this.faults === 0 && this.slots.indexed === this.slots.entries;
  }

  /**
   * `count` hashes at byte `first` of a leaf. `damaged`: it was told that the leaf is; then what is wrong in it makes
   * the index incomplete and is not told again.
   */
  readLeaf(
    view: DataView,
    first: number,
    count: number,
    damaged: boolean,
    about: Pick<LeafSummary, 'place' | 'staleSaid' | 'staleField' | 'entryField'>,
  ): LeafSummary {
    const { slots } = this;
    let before = 0;
    let twin = 0;
    let stale = 0;
    let disorder = -1;
    const faults = this.faults;
    for (let i = 0, at = first; i < count; i++, at += HASH) {
      const hash = view.getUint32(at);
      const address = view.getUint32(at + 4);
      if (hash < before && disorder < 0) disorder = i;
      if (address === 0) {
        stale++;
        before = hash;
        continue;
      }
      if (hash === before && twin !== 0) {
        this.twins.push(twin);
        this.twins.push(address);
      }
      before = hash;
      twin = address;
      const slot = slots.find(address);
      if (slot >= 0 && slots.state[slot] === SLOT.ENTRY && slots.hash[slot] === hash) slots.take(slot);
      else this.misfit(slot, hash, address, i, damaged);
    }
    const summary: LeafSummary = {
      ...about,
      count,
      first: count > 0 ? view.getUint32(first) : 0,
      last: before,
      staleFound: stale,
      disorder,
      faulty: damaged || this.faults > faults,
    };
    if (damaged && (this.faults > faults || disorder >= 0 || stale !== about.staleSaid)) {
      this.complete = false;
      this.faults = faults;
    }
    this.leaves.push(summary);
    return summary;
  }

  private misfit(slot: number, hash: number, address: number, i: number, damaged: boolean): void {
    const { slots } = this;
    if (slot === LOST_SLOT) return;
    const state = slot === NO_SLOT ? SLOT.NOTHING : slots.state[slot];
    if (state === SLOT.UNKNOWN) return;
    if (state === SLOT.TOLD) {
      slots.take(slot);
      return;
    }
    this.faults++;
    if (damaged || this.hash.length >= MOST_KEPT) return;
    this.hash.push(hash);
    this.address.push(address);
    this.leaf.push(this.leaves.length);
    this.number.push(i);
  }

  /** Tells what does not fit, once all leaves were read. */
  settle(): void {
    this.takeSurplusCounts();
    const taken = this.hash.length > 0 ? this.takeMisfits() : undefined;
    let missing = this.complete && this.slots.indexed < this.slots.entries ? this.findMissing() : [];
    if (missing.length > 0 && this.takeLackingCounts()) missing = this.findMissing();
    const entryFaults = this.faults > 0 || missing.length > 0 || this.leaves.some((leaf) => leaf.faulty);
    const paired = this.pair(taken, missing);
    for (const slot of missing) if (!paired.has(slot)) this.tellMissing(slot);
    for (const leaf of this.leaves) this.tellLeaf(leaf, entryFaults);
  }

  /** Where all of several hashes at the end of a leaf are misfits, its count is too large. */
  private takeSurplusCounts(): void {
    const { hash, address, leaf, number } = this;
    let kept = 0;
    for (let from = 0; from < hash.length; ) {
      let to = from + 1;
      while (to < hash.length && leaf.at(to) === leaf.at(from)) to++;
      const summary = this.leaves[leaf.at(from)]!;
      let run = to;
      while (run > from && number.at(run - 1) === summary.count - (to - run) - 1) run--;
      if (to - run < 2) run = to;
      else {
        const expected = number.at(run);
        const text = `count ${summary.count}, from hash ${expected} on they lead to no names`;
        this.report.block('DIR_LEAF', summary.place, 'lhdr.count', text, { found: summary.count, expected });
      }
      for (let i = from; i < run; i++, kept++) {
        hash.set(kept, hash.at(i));
        address.set(kept, address.at(i));
        leaf.set(kept, leaf.at(i));
        number.set(kept, number.at(i));
      }
      from = to;
    }
    for (const list of [hash, address, leaf, number]) list.length = kept;
  }

  /** Where hashes that are missing stand behind the end of a leaf, its count is too small. True: some were. */
  private takeLackingCounts(): boolean {
    const { slots, contents, report } = this;
    let any = false;
    for (const leaf of this.leaves) {
      if (leaf.entryField !== 'lents' || leaf.faulty) continue;
      const bytes = contents.blocks.read(leaf.place.fileoff, this.fsblocks, report.name(leaf.place));
      if (!bytes) continue;
      const view = viewOf(bytes);
      let count = leaf.count;
      for (let at = DIR_LEAF_HEADER.size + HASH * count; at + HASH <= bytes.length; at += HASH, count++) {
        const slot = slots.find(view.getUint32(at + 4));
        if (slot < 0 || slots.state[slot] !== SLOT.ENTRY || slots.hash[slot] !== view.getUint32(at)) break;
        slots.take(slot);
      }
      if (count === leaf.count) continue;
      any = true;
      const text = `count ${leaf.count}, the hashes of ${count - leaf.count} more names follow`;
      report.block('DIR_LEAF', leaf.place, 'lhdr.count', text, { found: leaf.count, expected: count });
      leaf.faulty = true;
    }
    return any;
  }

  /**
   * Misfits that lead to an entry of another hash, and that nothing else leads to, are told: the hash is wrong. The
   * others are returned, by their hash.
   */
  private takeMisfits(): Map<number, number[]> {
    const { slots, report } = this;
    const surplus = new Map<number, number[]>();
    for (let i = 0; i < this.hash.length; i++) {
      const slot = slots.find(this.address.at(i));
      const hash = this.hash.at(i);
      if (slot < 0 || slots.state[slot] !== SLOT.ENTRY) {
        const list = surplus.get(hash);
        if (list) list.push(i);
        else surplus.set(hash, [i]);
        continue;
      }
      slots.take(slot);
      const leaf = this.leaves[this.leaf.at(i)]!;
      const field = `${leaf.entryField}[${this.number.at(i)}].hashval`;
      const expected = slots.hash[slot]!;
      const text = `${field} is ${hex(hash)}, the name at ${this.where(slot)} has ${hex(expected)}`;
      report.block('DIR_HASH', leaf.place, field, text, { found: hex(hash), expected: hex(expected) });
    }
    return surplus;
  }

  /** Slots of entries that nothing leads to. */
  private findMissing(): number[] {
    const { slots } = this;
    const missing: number[] = [];
    const end = slots.blocks * slots.perBlock;
    // An entry that was told to be wrong needs no hash.
    for (let slot = 0; slot < end; slot++) {
      if (slots.state[slot] === SLOT.ENTRY) missing.push(slot);
    }
    return missing;
  }

  /** Tells hashes that lead nowhere; with an entry of the same hash that nothing leads to, that is one finding. */
  private pair(surplus: Map<number, number[]> | undefined, missing: readonly number[]): Set<number> {
    const paired = new Set<number>();
    if (!surplus) return paired;
    for (const slot of missing) {
      const i = surplus.get(this.slots.hash[slot]!)?.shift();
      if (i === undefined) continue;
      paired.add(slot);
      this.tellSurplus(i, this.slots.address(slot));
    }
    for (const list of surplus.values()) for (const i of list) this.tellSurplus(i, undefined);
    return paired;
  }

  private tellSurplus(i: number, expected: number | undefined): void {
    const leaf = this.leaves[this.leaf.at(i)]!;
    const address = this.address.at(i);
    const field = `${leaf.entryField}[${this.number.at(i)}].address`;
    const slot = this.slots.find(address);
    const what =
      slot < 0
        ? 'no data block has it'
        : this.slots.state[slot] === SLOT.INDEXED
          ? 'another hash leads to that entry'
          : 'no entry begins there';
    const hash = hex(this.hash.at(i));
    const right = expected === undefined ? '' : `; the entry of hash ${hash} is at ${hex(expected)}`;
    const text = `${field} is ${hex(address)}, ${what}${right}`;
    const numbers = expected === undefined ? {} : { expected: hex(expected) };
    this.report.block('DIR_HASH', leaf.place, field, text, { found: hex(address), ...numbers });
  }

  private tellMissing(slot: number): void {
    const { slots } = this;
    const hash = slots.hash[slot]!;
    const place = this.leafOf(hash)?.place ?? this.dataPlace(slot);
    const text = `no hash ${hex(hash)} leads to the entry at ${this.where(slot)}`;
    this.report.block('DIR_HASH', place, 'hashval', text, { expected: hex(hash), found: 'none' });
  }

  /** Order and stale count of a leaf, where no single entry of the index explains them. */
  private tellLeaf(leaf: LeafSummary, entryFaults: boolean): void {
    const { report } = this;
    if (leaf.disorder >= 0 && !leaf.faulty) {
      const field = `${leaf.entryField}[${leaf.disorder}].hashval`;
      report.block('DIR_LEAF', leaf.place, field, `${field} is below the hash before it`);
      return;
    }
    if (entryFaults || leaf.faulty || leaf.staleSaid === leaf.staleFound) return;
    const text = `stale ${leaf.staleSaid}, ${leaf.staleFound} stale entries found`;
    const numbers = { found: leaf.staleSaid, expected: leaf.staleFound };
    report.block('DIR_LEAF', leaf.place, leaf.staleField, text, numbers);
  }

  /** The leaf that a hash belongs into: the one with the lowest last hash that is not below it. */
  private leafOf(hash: number): LeafSummary | undefined {
    let best: LeafSummary | undefined;
    for (const leaf of this.leaves) {
      if (leaf.last >= hash && (!best || leaf.last < best.last)) best = leaf;
    }
    return best ?? this.leaves.at(-1);
  }

  private dataPlace(slot: number): DirBlockPlace {
    const { slots } = this;
    const block = Math.floor(slot / slots.perBlock);
    return { fileoff: slots.number[block]! * this.fsblocks, fsbno: slots.fsbno[block]! };
  }

  private where(slot: number): string {
    const { slots } = this;
    return `address ${hex(slots.address(slot))} (byte ${(slot % slots.perBlock) * 8})`;
  }
}
