/**
 * Parent pointers, both ways: every directory entry has its PARENT attribute in the inode that it names, and every
 * PARENT attribute has its entry. An entry and an attribute of one inode that have no other half but each other are
 * one finding, not two.
 */
import type { Geometry } from '../../format/geometry.ts';
import { hex } from '../../format/problem.ts';
import { radixOrder } from '../../fs/space/sort.ts';
import type { ParentColumns, ParentRecords } from '../content/parentrecords.ts';
import { type InodeTable, KIND, NO_ROW } from '../observe/inodetable.ts';
import type { FindingSink } from '../sink.ts';

export class ParentComparison {
  private readonly geometry: Geometry;
  private readonly inodes: InodeTable;
  private readonly records: ParentRecords;
  private readonly sink: FindingSink;
  // Of the child being looked at: records that have no other half.
  private missing: number[] = [];
  private surplus: number[] = [];

  constructor(geometry: Geometry, inodes: InodeTable, records: ParentRecords, sink: FindingSink) {
    this.geometry = geometry;
    this.inodes = inodes;
    this.records = records;
    this.sink = sink;
  }

  run(): void {
    const { entries, attributes } = this.records;
    const byEntry = radixOrder(entries.length, [entries.child.subarray(0, entries.length)]);
    const byAttribute = radixOrder(attributes.length, [attributes.child.subarray(0, attributes.length)]);
    let e = 0;
    let a = 0;
    while (e < byEntry.length || a < byAttribute.length) {
      const child = Math.min(childAt(entries, byEntry, e), childAt(attributes, byAttribute, a));
      const fromEntry = e;
      const fromAttribute = a;
      while (e < byEntry.length && entries.child[byEntry[e]!] === child) e++;
      while (a < byAttribute.length && attributes.child[byAttribute[a]!] === child) a++;
      this.child(child, byEntry.subarray(fromEntry, e), byAttribute.subarray(fromAttribute, a));
    }
  }

  private child(row: number, byEntry: Uint32Array, byAttribute: Uint32Array): void {
    const { entries, attributes } = this.records;
    if (byEntry.length > 1) byEntry.sort((x, y) => order(entries, x, entries, y));
    if (byAttribute.length > 1) byAttribute.sort((x, y) => order(attributes, x, attributes, y));
    this.missing = [];
    this.surplus = [];
    let e = 0;
    let a = 0;
    while (e < byEntry.length || a < byAttribute.length) {
      const before =
        a === byAttribute.length
          ? -1
          : e === byEntry.length
            ? 1
            : order(entries, byEntry[e]!, attributes, byAttribute[a]!);
      if (before < 0) this.missing.push(byEntry[e]!);
      else if (before > 0) this.surplus.push(byAttribute[a]!);
      else this.checkGeneration(row, byAttribute[a]!);
      if (before <= 0) e++;
      if (before >= 0) a++;
    }
    if (this.missing.length > 0 || this.surplus.length > 0) this.settle(row);
  }

  private settle(row: number): void {
    const { inodes, records } = this;
    // An unreadable inode has attributes that nobody knows; a free one is the entry's own fault.
    const unknown =
      inodes.kind[row] === KIND.LOST || inodes.kind[row] === KIND.FREE || records.lostAttributes.has(row);
    const missing = unknown ? [] : this.missing;
    const surplus = this.surplus.filter((i) => !this.isExcused(records.attributes.parent(i)));
    const both = Math.min(missing.length, surplus.length);
    for (let i = 0; i < both; i++) this.reportWrong(row, missing[i]!, surplus[i]!);
    for (const i of missing.slice(both)) this.reportMissing(row, i);
    for (const i of surplus.slice(both)) this.reportSurplus(row, i);
  }

  /** Whether names of this parent are missing for a reason that was told already. */
  private isExcused(parent: number): boolean {
    const row = this.inodes.find(parent);
    return row !== NO_ROW && (this.inodes.kind[row] === KIND.LOST || this.records.lostDirectories.has(row));
  }

  private checkGeneration(row: number, i: number): void {
    const { attributes } = this.records;
    const parent = this.inodes.find(attributes.parent(i));
    if (parent === NO_ROW || this.inodes.kind[parent] === KIND.LOST) return;
    const found = attributes.gen[i]!;
    const expected = this.inodes.gen[parent]!;
    if (found === expected) return;
    const text = `parent pointer to ${attributes.parent(i)} has its generation as ${found}, expected ${expected}`;
    this.report('PARENT_WRONG', row, text, found, expected);
  }

  private reportWrong(row: number, entry: number, attribute: number): void {
    const { entries, attributes } = this.records;
    const found = attributes.parent(attribute);
    const expected = entries.parent(entry);
    const text =
      found === expected
        ? `parent pointer to ${found} has a name of hash ${hex(attributes.hash[attribute]!)}, the entry there one of hash ${hex(entries.hash[entry]!)}`
        : `parent pointer leads to inode ${found}, the entry is in ${expected}`;
    this.report('PARENT_WRONG', row, text, found, expected);
  }

  private reportMissing(row: number, i: number): void {
    const { entries } = this.records;
    const parent = entries.parent(i);
    const text = `no parent pointer for the entry in directory ${parent}, name of hash ${hex(entries.hash[i]!)}`;
    this.report('PARENT_MISSING', row, text);
  }

  private reportSurplus(row: number, i: number): void {
    const { attributes } = this.records;
    const parent = attributes.parent(i);
    const to = this.inodes.find(parent);
    const text =
      to !== NO_ROW && this.inodes.kind[to] === KIND.DIRECTORY
        ? `directory ${parent} has no entry for the parent pointer, name of hash ${hex(attributes.hash[i]!)}`
        : `parent pointer leads to inode ${parent}, which is no directory in use`;
    this.report('PARENT_SURPLUS', row, text);
  }

  private report(
    code: 'PARENT_WRONG' | 'PARENT_MISSING' | 'PARENT_SURPLUS',
    row: number,
    text: string,
    found?: number,
    expected?: number,
  ): void {
    const ino = this.inodes.ino(row);
    const where = { agno: this.geometry.inoAgno(ino), ino, structure: 'attr3', field: 'parent' };
    const numbers = found === undefined || expected === undefined ? {} : { found, expected };
    this.sink.add(code, where, `inode ${ino}: ${text}`, numbers);
  }
}

function childAt(columns: ParentColumns, order: Uint32Array, i: number): number {
  return i < order.length ? columns.child[order[i]!]! : Number.POSITIVE_INFINITY;
}

/** By parent, then by the hashes of the name. */
function order(x: ParentColumns, i: number, y: ParentColumns, j: number): number {
  return (
    x.parentHigh[i]! - y.parentHigh[j]! ||
    x.parentLow[i]! - y.parentLow[j]! ||
    x.hash[i]! - y.hash[j]! ||
    x.check[i]! - y.check[j]!
  );
}
