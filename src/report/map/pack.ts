/**
 * A map packed for a page: numbers as LEB128 varints (seven bits a byte, low ones first), differences instead of
 * addresses, then base64. Bounded: beyond a budget runs are drawn together in cells of a power of two of blocks, of
 * owners the longest extents are kept, and paths are kept while there is room. What was left out is said.
 *
 * Streams. runs: AGs; for each agno, blocks, runs; for each run length, a byte of use + 16 (detail follows) + 32
 * (depth follows). inodes: count; differences of numbers (ascending), a byte of kind. extents and rmaps: AGs; for each
 * extents; for each the distance from the start before, length, zigzag difference of owner, flags, file offset. Owner is
 * row of the inode + 16, or the negated number of a metadata owner.
 */
import type { AgMap, FileKind, SpaceMap } from '../../fs/scan/spacemap.ts';
import { BY_RMAP, USE, UseRuns } from '../../fs/scan/use.ts';
import { type ExtentColumns, FLAG_BMBT } from '../../fs/space/columns.ts';
import { radixOrder } from '../../fs/space/sort.ts';

export const FILE_KINDS: readonly FileKind[] = ['file', 'directory', 'symlink', 'system'];
/** Rows of inodes follow on the metadata owners. */
const FIRST_INODE = 16;

export interface Budget {
  readonly runs: number;
  readonly extents: number;
  readonly pathBytes: number;
}
export const BUDGET: Budget = { runs: 600_000, extents: 800_000, pathBytes: 6 * 2 ** 20 };

export interface PackedMap {
  readonly runs: string;
  readonly inodes: string;
  readonly extents: string;
  readonly rmaps: string;
  readonly paths: readonly string[];
  /** Blocks that a run is a multiple of; 1: nothing was drawn together. */
  readonly grain: number;
  /** Extents and paths that found no room. */
  readonly extentsLeft: number;
  readonly pathsLeft: number;
}

/** Bytes that grow. */
class Packer {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;

  byte(value: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  number(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  /** Small ones of either sign first: 0, -1, 1, -2. */
  signed(value: number): void {
    this.number(value < 0 ? -2 * value - 1 : 2 * value);
  }

  base64(): string {
    return Buffer.from(this.bytes.buffer, 0, this.length).toString('base64');
  }
}

export function packMap(map: SpaceMap, budget: Budget = BUDGET): PackedMap {
  const grain = grainOf(map.ags, budget.runs);
  const runs = new Packer();
  runs.number(map.ags.length);
  for (const ag of map.ags) packRuns(runs, ag.agno, coarse(ag.runs, grain));
  const keep = keptExtents(map.ags, budget.extents);
  const mapped = map.ags.map(({ mapped: all }) => rowsOf(all, (row) => keep.has(all.count[row]!)));
  const rmaps = map.ags.map((ag) => rowsOf(ag.rmaps, rmapsWanted(ag), budget.extents));
  const inos = inodesOf(map.ags, mapped, rmaps);
  const { paths, left } = pathsOf(map, inos, budget.pathBytes);
  const inodes = new Packer();
  inodes.number(inos.length);
  inos.forEach((ino, i) => {
    inodes.number(i === 0 ? ino : ino - inos[i - 1]!);
    inodes.byte(FILE_KINDS.indexOf(map.kindOf(ino)));
  });
  const all = map.ags.reduce((sum, ag) => sum + ag.mapped.length, 0);
  return {
    runs: runs.base64(),
    inodes: inodes.base64(),
    extents: packExtents(
      map.ags.map((ag, i) => [ag.mapped, mapped[i]!]),
      inos,
    ),
    rmaps: packExtents(
      map.ags.map((ag, i) => [ag.rmaps, rmaps[i]!]),
      inos,
    ),
    paths,
    grain,
    extentsLeft: all - mapped.reduce((sum, rows) => sum + rows.length, 0),
    pathsLeft: left,
  };
}

/** The least power of two of blocks in whose cells the runs of all AGs are no more than `most`. */
function grainOf(ags: readonly AgMap[], most: number): number {
  for (let grain = 1; ; grain *= 2) {
    let count = 0;
    for (const { runs } of ags) count += grain === 1 ? runs.length : Math.ceil(runs.end / grain);
    // Joined neighbours make them fewer than the cells; counting is worth it only where that can decide.
    if (count > most) {
      count = 0;
      for (const { runs } of ags) if (count <= most) count += coarse(runs, grain).length;
    }
    if (count <= most || grain >= 2 ** 31) return grain;
  }
}

/** Runs in whole cells of `grain` blocks, each with what its longest piece is. */
export function coarse(runs: UseRuns, grain: number): UseRuns {
  if (grain === 1) return runs;
  const out = new UseRuns(runs.end);
  for (let at = 0, i = 0; at < runs.end; ) {
    // A run that goes on beyond the cell is all of the cells it fills.
    const end = Math.min(runs.end, at + grain);
    let longest = i;
    let length = 0;
    for (; i < runs.length; i++) {
      const piece = Math.min(end, runs.endOf(i)) - Math.max(at, runs.start[i]!);
      if (piece > length) [longest, length] = [i, piece];
      if (runs.endOf(i) > end) break;
    }
    out.push(at, runs.use[longest]!, runs.detail[longest]!, runs.depth[longest]!);
    const whole = i < runs.length ? Math.floor(runs.endOf(i) / grain) * grain : end;
    if (whole > end && runs.start[i]! <= end) {
      out.push(end, runs.use[i]!, runs.detail[i]!, runs.depth[i]!);
      at = whole;
    } else at = end;
    while (i < runs.length && runs.endOf(i) <= at) i++;
  }
  return out;
}

function packRuns(into: Packer, agno: number, runs: UseRuns): void {
  into.number(agno);
  into.number(runs.end);
  into.number(runs.length);
  for (let i = 0; i < runs.length; i++) {
    const detail = runs.detail[i]!;
    const depth = runs.depth[i]!;
    into.number(runs.endOf(i) - runs.start[i]!);
    into.byte(runs.use[i]! + (detail > 0 ? 16 : 0) + (depth > 0 ? 32 : 0));
    if (detail > 0) into.byte(detail);
    if (depth > 0) into.number(depth);
  }
}

/** Decides for extents of each length, met one after the other, whether they are kept: the longest are. */
function keptExtents(ags: readonly AgMap[], most: number): { has(length: number): boolean } {
  const lengths = new Uint32Array(2 ** 21 + 1);
  const slot = (length: number) => Math.min(length, lengths.length - 1);
  for (const { mapped } of ags) for (let i = 0; i < mapped.length; i++) lengths[slot(mapped.count[i]!)]!++;
  let least = lengths.length;
  let room = most;
  while (least > 1 && lengths[least - 1]! <= room) room -= lengths[--least]!;
  return { has: (length) => slot(length) >= least || (slot(length) === least - 1 && room-- > 0) };
}

/** Rows in block order that are wanted, `most` of them. */
function rowsOf(columns: ExtentColumns, wants: (row: number) => boolean, most = 2 ** 32): Uint32Array {
  const order = radixOrder(columns.length, [columns.start.subarray(0, columns.length)]);
  let count = 0;
  return order.filter((row) => count < most && wants(row) && ++count > 0);
}

/** Reverse mappings say nothing new but where accounts differ or owners are missing. */
function rmapsWanted({ runs, rmaps }: AgMap): (row: number) => boolean {
  let i = 0;
  return (row) => {
    const start = rmaps.start[row]!;
    while (i + 1 < runs.length && runs.endOf(i) <= start) i++;
    for (let j = i; j < runs.length && runs.start[j]! < start + rmaps.count[row]!; j++) {
      const byRmap = (runs.detail[j]! & BY_RMAP) !== 0;
      if (runs.use[j] === USE.conflict || (byRmap && rmaps.owner[row]! >= 0)) return true;
    }
    return false;
  };
}

/** Numbers of the inodes that own any of the rows, ascending. */
function inodesOf(
  ags: readonly AgMap[],
  mapped: readonly Uint32Array[],
  rmaps: readonly Uint32Array[],
): readonly number[] {
  const found = new Set<number>();
  ags.forEach((ag, i) => {
    for (const row of mapped[i]!) found.add(ag.mapped.owner[row]!);
    for (const row of rmaps[i]!) if (ag.rmaps.owner[row]! >= 0) found.add(ag.rmaps.owner[row]!);
  });
  return [...Float64Array.from(found).sort()];
}

function pathsOf(
  map: SpaceMap,
  inos: readonly number[],
  bytes: number,
): { readonly paths: string[]; readonly left: number } {
  let room = bytes;
  let left = 0;
  const paths = inos.map((ino) => {
    const path = map.path(ino) ?? '';
    room -= path.length + 3;
    if (room >= 0) return path;
    if (path !== '') left++;
    return '';
  });
  return { paths, left };
}

function packExtents(
  ags: readonly (readonly [ExtentColumns, Uint32Array])[],
  inos: readonly number[],
): string {
  const rows = new Map(inos.map((ino, i) => [ino, i + FIRST_INODE]));
  const into = new Packer();
  into.number(ags.length);
  for (const [columns, order] of ags) {
    into.number(order.length);
    let start = 0;
    let owner = 0;
    for (const row of order) {
      const of = columns.owner[row]!;
      const code = of < 0 ? Math.min(-of, FIRST_INODE - 1) : rows.get(of)!;
      into.number(columns.start[row]! - start);
      into.number(columns.count[row]!);
      into.signed(code - owner);
      into.byte(columns.flags[row]!);
      if ((columns.flags[row]! & FLAG_BMBT) === 0) into.number(columns.offset[row]!);
      start = columns.start[row]!;
      owner = code;
    }
  }
  return into.base64();
}
