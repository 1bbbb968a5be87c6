/**
 * From runs of blocks to the cells of a picture of so many columns. All AGs have the same scale, so that cells one
 * above the other are the same blocks of their AGs; few AGs take several lines each, and of very many AGs several
 * are laid on one another in a row.
 */
import type { AgMap, SpaceMap } from '../../fs/scan/spacemap.ts';
import { KINDS, kindOfRun } from './kind.ts';

/** Rows of a picture, and lines up to which few AGs are drawn larger. */
export const MOST_ROWS = 32;
const FEW_LINES = 16;

export interface Cell {
  /** Number of the kind that most blocks are of. */
  readonly kind: number;
  /** Part of the blocks that are of it, above 0 to 1. */
  readonly share: number;
}

export interface PictureRow {
  readonly firstAgno: number;
  readonly lastAgno: number;
  /** Lines of cells, in block order. */
  readonly lines: readonly (readonly Cell[])[];
  /** Blocks of each kind. */
  readonly blocks: Float64Array;
}

export interface Picture {
  readonly rows: readonly PictureRow[];
  /** Blocks of each kind in all. */
  readonly blocks: Float64Array;
  /** Blocks in all. */
  readonly total: number;
  readonly agsPerRow: number;
  readonly linesPerRow: number;
  /** Blocks of one AG in a cell, rounded up. */
  readonly blocksPerCell: number;
}

/** Draws at most `columns` cells side by side. */
export function drawCells(map: SpaceMap, columns: number): Picture {
  const { ags } = map;
  const agsPerRow = Math.max(1, Math.ceil(ags.length / MOST_ROWS));
  const longest = ags.reduce((most, { runs }) => Math.max(most, runs.end), 1);
  const across = Math.min(columns * Math.max(1, Math.floor(FEW_LINES / ags.length)), longest);
  const rows: PictureRow[] = [];
  for (let i = 0; i < ags.length; i += agsPerRow)
    rows.push(drawRow(ags.slice(i, i + agsPerRow), longest, across, columns));
  const blocks = new Float64Array(KINDS.length);
  for (const row of rows) for (let kind = 0; kind < blocks.length; kind++) blocks[kind]! += row.blocks[kind]!;
  return {
    rows,
    blocks,
    total: blocks.reduce((sum, count) => sum + count, 0),
    agsPerRow,
    linesPerRow: Math.ceil(across / columns),
    blocksPerCell: Math.ceil(longest / across),
  };
}

/** Lays AGs on one another in one row of `across` cells for `longest` blocks. */
function drawRow(ags: readonly AgMap[], longest: number, across: number, columns: number): PictureRow {
  const weights = new Float64Array(across * KINDS.length);
  for (const { runs } of ags) {
    for (let i = 0; i < runs.length; i++) {
      const kind = kindOfRun(runs, i);
      const end = runs.endOf(i);
      let at = runs.start[i]!;
      for (let cell = Math.floor((at * across) / longest); at < end; cell++) {
        const next = Math.min(end, Math.ceil(((cell + 1) * longest) / across));
        weights[cell * KINDS.length + kind]! += next - at;
        at = next;
      }
    }
  }
  const cells: Cell[] = [];
  const blocks = new Float64Array(KINDS.length);
  for (let i = 0; i < across; i++) {
    const cell = cellOf(weights.subarray(i * KINDS.length, (i + 1) * KINDS.length), blocks);
    if (!cell) break;
    cells.push(cell);
  }
  const lines: (readonly Cell[])[] = [];
  for (let i = 0; i < cells.length; i += columns) lines.push(cells.slice(i, i + columns));
  return { firstAgno: ags[0]!.agno, lastAgno: ags.at(-1)!.agno, lines, blocks };
}

/** The cell of some weights, which are added to `blocks`; undefined behind the end of the AG. */
function cellOf(weights: Float64Array, blocks: Float64Array): Cell | undefined {
  let sum = 0;
  let kind = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!;
    blocks[i]! += weights[i]!;
    if (weights[i]! >= weights[kind]! && weights[i]! > 0) kind = i;
  }
  return sum === 0 ? undefined : { kind, share: weights[kind]! / sum };
}

/** The letter of a cell. */
export function letterOf({ kind, share }: Cell): string {
  const { pure, mixed } = KINDS[kind]!;
  return share === 1 ? pure : mixed;
}
