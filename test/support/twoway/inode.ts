/** Two-way cases of inobt and finobt: chunks missing or surplus, and masks that lie, in one of them or in both. */
import type { Geometry } from '../../../src/format/geometry.ts';
import type { AgRecords } from '../../../src/fs/space/build.ts';
import type { ChunkColumns } from '../../../src/fs/space/columns.ts';
import { editChunks, runRows } from '../../../src/repair/inject/columnedit.ts';
import { indexAt, POSITIONS, type Position, rowAt, type Scene, type Spot, type TwoWayCase } from './row.ts';

type Side = 'inobt' | 'finobt' | 'both';
type Kind = 'MISSING' | 'SURPLUS' | 'WRONG';

function codes(side: Side, kind: Kind): Pick<TwoWayCase, 'code' | 'also'> {
  if (side === 'finobt') return { code: `FINOBT_${kind}` };
  return { code: `INOBT_${kind}`, also: side === 'both' ? [`FINOBT_${kind}`] : [] };
}

function spotOf({ geometry, ag }: Scene, agino: number): Spot {
  return {
    agbno: geometry.aginoAgbno(agino),
    blocks: geometry.chunkBlocks,
    ino: geometry.ino(ag.agno, agino),
  };
}

/** One chunk changed or dropped in the trees of a side; the position is one in the first of them. */
function change(
  what: string,
  kind: Kind,
  side: Side,
  agno: number,
  position: Position,
  edit: 'drop' | ((copy: ChunkColumns, row: number) => void),
  fits: (chunks: ChunkColumns, row: number, geometry: Geometry) => boolean = () => true,
): TwoWayCase {
  return {
    name: `${side}: ${what} (${position}, AG ${agno})`,
    agno,
    ...codes(side, kind),
    spoil: (records, scene) => {
      const trees = side === 'both' ? (['inobt', 'finobt'] as const) : [side];
      const named = records[trees.at(-1)!];
      const rows = Array.from({ length: named.length }, (_, i) => i).filter((i) =>
        fits(named, i, scene.geometry),
      );
      if (rows.length === 0) return undefined;
      const agino = named.startino[rows[indexAt(rows.length, position)]!]!;
      for (const tree of trees) {
        const chunks = records[tree];
        const row = chunks.startino.subarray(0, chunks.length).indexOf(agino);
        records[tree] = edit === 'drop' ? editChunks(chunks, row) : editChunks(chunks, -1, row, edit);
      }
      return spotOf(scene, agino);
    },
  };
}

const hasUsed = (chunks: ChunkColumns, row: number): boolean => chunks.freecount[row]! < chunks.count[row]!;
const hasFree = (chunks: ChunkColumns, row: number): boolean => chunks.freecount[row]! > 1;

/** The last free inode of the chunk is called used. */
function callUsed(copy: ChunkColumns, row: number): void {
  for (const word of [copy.freeHigh, copy.freeLow]) {
    if (word[row] === 0) continue;
    const bit = (1 << (31 - Math.clz32(word[row]!))) >>> 0;
    word[row] = (word[row]! & ~bit) >>> 0;
    copy.freecount[row]!--;
    return;
  }
}

/** The last used inode of the chunk is called free. */
function callFree(copy: ChunkColumns, row: number): void {
  for (const word of [copy.freeHigh, copy.freeLow]) {
    if (word[row] === 0xffffffff) continue;
    const bit = (1 << (31 - Math.clz32(~word[row]!))) >>> 0;
    word[row] = (word[row]! | bit) >>> 0;
    copy.freecount[row]!++;
    return;
  }
}

/** A hole where free inodes are: the last sixteen. */
function callHole(copy: ChunkColumns, row: number): void {
  copy.holemask[row] = 0xf000;
  copy.count[row] = 48;
  copy.freecount[row]! -= 16;
}

/** Only whole blocks can be holes. */
const isHoleable = (chunks: ChunkColumns, row: number, geometry: Geometry): boolean =>
  geometry.inopblock <= 16 && isLastFree(chunks, row);
const isLastFree = (chunks: ChunkColumns, row: number): boolean => chunks.freeHigh[row]! >>> 16 === 0xffff;

/** A chunk listed where free blocks are. */
function unreal(side: Side, agno: number, position: Position): TwoWayCase {
  return {
    name: `${side}: a chunk where none is (${position}, AG ${agno})`,
    agno,
    ...codes(side, 'SURPLUS'),
    spoil: (records, scene) => {
      const { geometry } = scene;
      const align = Math.max(1, geometry.inoalignmt);
      const aligned = (start: number): number => Math.ceil(start / align) * align;
      const need = geometry.chunkBlocks + align;
      const run = rowAt(runRows(records.bnobt), position, (row) => row.count > 2 * need);
      if (!run) return undefined;
      const agino = geometry.agbnoAgino(aligned(run.start + geometry.chunkBlocks));
      for (const tree of side === 'both' ? (['inobt', 'finobt'] as const) : [side]) {
        records[tree] = withChunk(records[tree], agino, 64);
      }
      return spotOf(scene, agino);
    },
  };
}

function withChunk(chunks: ChunkColumns, agino: number, free: number): ChunkColumns {
  const out = editChunks(chunks, -1);
  out.push(agino, 0, 64, free, free === 64 ? 0xffffffff : 0x80000000, free === 64 ? 0xffffffff : 0);
  const order = Array.from({ length: out.length }, (_, i) => i).sort(
    (a, b) => out.startino[a]! - out.startino[b]!,
  );
  const sorted = editChunks(out, -1);
  order.forEach((from, to) => {
    for (const column of ['startino', 'holemask', 'count', 'freecount', 'freeHigh', 'freeLow'] as const)
      sorted[column][to] = out[column][from]!;
  });
  return sorted;
}

/** A chunk whose inodes are all in use. */
const FULL: TwoWayCase = {
  name: 'finobt: a chunk without a free inode (AG 2)',
  agno: 2,
  code: 'FINOBT_SURPLUS',
  spoil: (records: AgRecords, scene) => {
    const { inobt } = records;
    for (let i = 0; i < inobt.length; i++) {
      if (inobt.freecount[i] !== 0) continue;
      records.finobt = withChunk(records.finobt, inobt.startino[i]!, 1);
      return spotOf(scene, inobt.startino[i]!);
    }
    return undefined;
  },
};

export const INODE_CASES: readonly TwoWayCase[] = [
  ...POSITIONS.map((position) => change('no record of a chunk', 'MISSING', 'inobt', 1, position, 'drop')),
  change('no record of a chunk', 'MISSING', 'inobt', 0, 'first', 'drop'),
  ...POSITIONS.map((position) => change('no record of a chunk', 'MISSING', 'finobt', 1, position, 'drop')),
  change('no record of a chunk', 'MISSING', 'finobt', 2, 'first', 'drop'),
  change('no record of a chunk', 'MISSING', 'both', 1, 'middle', 'drop'),
  change('a free inode called used', 'WRONG', 'inobt', 1, 'first', callUsed, hasFree),
  change('a free inode called used', 'WRONG', 'finobt', 1, 'last', callUsed, hasFree),
  change('a free inode called used', 'WRONG', 'both', 0, 'first', callUsed, hasFree),
  change('a used inode called free', 'WRONG', 'inobt', 2, 'first', callFree, hasUsed),
  change('a used inode called free', 'WRONG', 'finobt', 0, 'first', callFree, hasUsed),
  change('a used inode called free', 'WRONG', 'both', 1, 'first', callFree, hasUsed),
  change('a hole where inodes are', 'WRONG', 'inobt', 1, 'middle', callHole, isHoleable),
  change('a hole where inodes are', 'WRONG', 'finobt', 1, 'last', callHole, isHoleable),
  unreal('inobt', 0, 'last'),
  unreal('finobt', 1, 'last'),
  unreal('both', 2, 'last'),
  FULL,
];
