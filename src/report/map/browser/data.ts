/**
 * The page's data, unpacked into columns: runs and owners of all AGs one behind the other, and where each AG's begin.
 * Runs in the page; see dom.ts. The form of the streams is told in pack.ts.
 */
import type { PackedStreams, PageFacts } from './dom.ts';

/** Extents of all AGs in block order. */
export interface PageExtents {
  /** First row of each AG, and behind the last one the end. */
  readonly first: Uint32Array;
  readonly start: Uint32Array;
  readonly count: Uint32Array;
  /** Row of the inode, or a negated metadata owner minus one below zero. */
  readonly owner: Int32Array;
  readonly flags: Uint8Array;
  readonly offset: Float64Array;
  /** Greatest end of the AG's extents up to each. */
  readonly reach: Uint32Array;
}

export class MapData {
  readonly facts: PageFacts;
  readonly paths: readonly string[];
  agno = new Uint32Array(0);
  length = new Uint32Array(0);
  /** First run of each AG, and behind the last one the end. */
  first = new Uint32Array(1);
  start = new Uint32Array(0);
  use = new Uint8Array(0);
  detail = new Uint8Array(0);
  depth = new Uint32Array(0);
  kind = new Uint8Array(0);
  ino = new Float64Array(0);
  fileKind = new Uint8Array(0);
  readonly extents: PageExtents;
  readonly rmaps: PageExtents;
  private bytes = new Uint8Array(0);
  private at = 0;

  constructor(facts: PageFacts, streams: PackedStreams, paths: readonly string[]) {
    this.facts = facts;
    this.paths = paths;
    this.open(streams.runs);
    this.readRuns();
    this.open(streams.inodes);
    this.readInodes();
    this.extents = this.readExtents(streams.extents);
    this.rmaps = this.readExtents(streams.rmaps);
    this.bytes = new Uint8Array(0);
  }

  private open(base64: string): void {
    const text = atob(base64.trim());
    this.bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[i] = text.charCodeAt(i);
    this.at = 0;
  }

  private number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * factor;
      if (byte < 128 || this.at >= this.bytes.length) return value;
    }
  }

  private signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  private readRuns(): void {
    const ags = this.number();
    // A run takes two bytes at least.
    const most = this.bytes.length >> 1;
    this.agno = new Uint32Array(ags);
    this.length = new Uint32Array(ags);
    this.first = new Uint32Array(ags + 1);
    this.start = new Uint32Array(most);
    this.use = new Uint8Array(most);
    this.detail = new Uint8Array(most);
    this.depth = new Uint32Array(most);
    this.kind = new Uint8Array(most);
    const { kindOfUse, sharedKinds, dataUse } = this.facts;
    let run = 0;
    for (let ag = 0; ag < ags; ag++) {
      this.agno[ag] = this.number();
      this.length[ag] = this.number();
      this.first[ag] = run;
      const end = run + this.number();
      for (let start = 0; run < end; run++) {
        this.start[run] = start;
        start += this.number();
        const head = this.bytes[this.at++]!;
        this.use[run] = head & 15;
        if (head & 16) this.detail[run] = this.bytes[this.at++]!;
        const depth = head & 32 ? this.number() : 0;
        this.depth[run] = depth;
        const isShared = (head & 15) === dataUse && depth > 1;
        this.kind[run] = isShared ? sharedKinds[depth === 2 ? 0 : depth < 5 ? 1 : 2]! : kindOfUse[head & 15]!;
      }
    }
    this.first[ags] = run;
  }

  private readInodes(): void {
    const count = this.number();
    this.ino = new Float64Array(count);
    this.fileKind = new Uint8Array(count);
    for (let i = 0, ino = 0; i < count; i++) {
      ino += this.number();
      this.ino[i] = ino;
      this.fileKind[i] = this.bytes[this.at++]!;
    }
  }

  private readExtents(stream: string): PageExtents {
    this.open(stream);
    const ags = this.number();
    const most = this.bytes.length >> 2;
    const all = {
      first: new Uint32Array(ags + 1),
      start: new Uint32Array(most),
      count: new Uint32Array(most),
      owner: new Int32Array(most),
      flags: new Uint8Array(most),
      offset: new Float64Array(most),
      reach: new Uint32Array(most),
    };
    let row = 0;
    for (let ag = 0; ag < ags; ag++) {
      all.first[ag] = row;
      const end = row + this.number();
      for (let start = 0, code = 0, reach = 0; row < end; row++) {
        start += this.number();
        const count = this.number();
        code += this.signed();
        const flags = this.bytes[this.at++]!;
        all.start[row] = start;
        all.count[row] = count;
        all.owner[row] = code < 16 ? -code - 1 : code - 16;
        all.flags[row] = flags;
        all.offset[row] = flags & 2 ? 0 : this.number();
        reach = Math.max(reach, start + count);
        all.reach[row] = reach;
      }
    }
    all.first[ags] = row;
    return all;
  }

  /** The run that holds a block of an AG (by its place in the page). */
  runAt(ag: number, block: number): number {
    let low = this.first[ag]!;
    let high = this.first[ag + 1]! - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.start[middle]! <= block) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** First block behind a run. */
  endOf(ag: number, run: number): number {
    return run + 1 < this.first[ag + 1]! ? this.start[run + 1]! : this.length[ag]!;
  }

  /** Rows of the extents that touch blocks from `start` to before `end`, as many as `most`; and whether there are more. */
  over(
    extents: PageExtents,
    ag: number,
    start: number,
    end: number,
    most: number,
  ): { readonly rows: readonly number[]; readonly more: boolean } {
    const rows: number[] = [];
    let low = extents.first[ag]!;
    let high = extents.first[ag + 1]!;
    const stop = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (extents.reach[middle]! > start) high = middle;
      else low = middle + 1;
    }
    for (let row = low; row < stop && extents.start[row]! < end; row++) {
      if (extents.start[row]! + extents.count[row]! <= start) continue;
      if (rows.length === most) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  /** Row of an inode; -1 when it is not in the page. */
  inodeRow(ino: number): number {
    let low = 0;
    let high = this.ino.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ino[middle]! < ino) low = middle + 1;
      else high = middle;
    }
    return this.ino[low] === ino ? low : -1;
  }
}
