/** The picture of a filesystem as text and as JSON. With colour each cell has its kind's ground; letters stay. */
import { Chalk } from 'chalk';
import type { SpaceMap } from '../../fs/scan/spacemap.ts';
import { type Cell, drawCells, letterOf, MOST_ROWS, type Picture, type PictureRow } from './cells.ts';
import { KINDS } from './kind.ts';
import { formatBytes, formatCount, formatNumber } from './number.ts';

/** 0 none, 1 sixteen, 2 two hundred and fifty-six, 3 all. */
export type ColourLevel = 0 | 1 | 2 | 3;

/** The part in use, behind the cells of a line. */
const USED_WIDTH = 5;

interface Layout {
  readonly labelWidth: number;
  readonly cells: number;
}

function layoutOf(map: SpaceMap, columns: number): Layout {
  const last = String(map.ags.at(-1)?.agno ?? 0).length;
  const labelWidth = Math.max(3, map.ags.length > MOST_ROWS ? 2 * last + 1 : last);
  return { labelWidth, cells: Math.max(1, columns - labelWidth - 1 - USED_WIDTH) };
}

/** Draws a map `columns` wide, ending in a newline. */
export function printMap(map: SpaceMap, columns: number, level: ColourLevel): string {
  const layout = layoutOf(map, columns);
  const picture = drawCells(map, layout.cells);
  const chalk = new Chalk({ level });
  const paint = painter(level);
  const head = `${'AG'.padStart(layout.labelWidth)} ${'from block 0'.padEnd(layout.cells)} used`;
  const lines = [...titleLines(map, picture), '', chalk.dim(head)];
  for (const row of picture.rows) lines.push(...rowLines(row, layout, paint));
  lines.push('', ...legendLines(picture, paint));
  if (map.notes.length > 0) lines.push('', ...map.notes.map((note) => chalk.yellow(note)));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

type Paint = (text: string, cell: Cell) => string;

/** How far a cell is from one use alone. */
function stepOf(share: number): number {
  return share === 1 ? 0 : share > 0.75 ? 1 : 2;
}

/** Ground of the kind's colour, dimmer where other uses are mixed in, and a letter that can be read on it. */
function painter(level: ColourLevel): Paint {
  if (level === 0) return (text) => text;
  const chalk = new Chalk({ level });
  const styles = KINDS.map(({ dark }) =>
    [1, 0.8, 0.62].map((dim) => {
      const [ground, letter] = shades(dark, dim);
      return chalk.bgHex(ground).hex(letter);
    }),
  );
  return (text, { kind, share }) => styles[kind]![stepOf(share)]!(text);
}

function shades(colour: string, dim: number): [ground: string, letter: string] {
  const ground = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) * dim);
  const isBright = ground.reduce((sum, part) => sum + part, 0) > 300;
  const letter = ground.map((part) => (isBright ? part * 0.5 : part + 80));
  const hex = (parts: readonly number[]) =>
    `#${parts.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
  return [hex(ground), hex(letter)];
}

function titleLines(map: SpaceMap, { agsPerRow, linesPerRow, blocksPerCell }: Picture): string[] {
  const { blocksize, agcount, agblocks, dblocks } = map.geometry;
  const ags = `${formatCount(agcount, 'AG')} of ${formatCount(agblocks, 'block')} of ${formatBytes(blocksize)}`;
  const cell = `${formatCount(blocksPerCell, 'block')} (${formatBytes(blocksPerCell * blocksize)})`;
  const lines = [
    `${printable(map.name)}: ${formatBytes(dblocks * blocksize)}, ${ags}`,
    `A cell is ${cell}; capitals: nothing else in it.`,
  ];
  if (agsPerRow > 1) lines.push(`Each row is ${agsPerRow} AGs laid on one another.`);
  if (linesPerRow > 1) lines.push(`An AG takes ${linesPerRow} lines.`);
  return lines;
}

function rowLines(row: PictureRow, layout: Layout, paint: Paint): string[] {
  const { firstAgno, lastAgno, lines, blocks } = row;
  const label = firstAgno === lastAgno ? String(firstAgno) : `${firstAgno}-${lastAgno}`;
  const total = blocks.reduce((sum, count) => sum + count, 0);
  const used = total === 0 ? 0 : Math.round(((total - blocks[0]!) * 100) / total);
  return lines.map((cells, i) => {
    const lead = (i === 0 ? label : '').padStart(layout.labelWidth);
    const tail = i === 0 ? `${used}%`.padStart(USED_WIDTH) : '';
    return `${lead} ${paintCells(cells, paint)}${' '.repeat(layout.cells - cells.length)}${tail}`;
  });
}

/** Neighbours of one style go out together. */
function paintCells(cells: readonly Cell[], paint: Paint): string {
  let out = '';
  for (let i = 0; i < cells.length; ) {
    const first = cells[i]!;
    let letters = '';
    for (; i < cells.length; i++) {
      const cell = cells[i]!;
      if (cell.kind !== first.kind || stepOf(cell.share) !== stepOf(first.share)) break;
      letters += letterOf(cell);
    }
    out += paint(letters, first);
  }
  return out;
}

function legendLines({ blocks, total }: Picture, paint: Paint): string[] {
  const lines: string[] = [];
  const width = formatNumber(total).length;
  for (const [kind, { name, about, pure }] of KINDS.entries()) {
    const count = blocks[kind]!;
    if (count === 0) continue;
    const share = `${((count * 100) / total).toFixed(2)}%`.padStart(8);
    const number = formatNumber(count).padStart(width);
    lines.push(`  ${paint(pure, { kind, share: 1 })} ${name.padEnd(14)} ${number} ${share}  ${about}`);
  }
  lines.push(`    ${'blocks'.padEnd(14)} ${formatNumber(total)}  100.00%`);
  return lines;
}

/** The picture as JSON values: the whole, then its rows. */
export function* mapRows(map: SpaceMap, columns: number): Generator<Record<string, unknown>> {
  const picture = drawCells(map, layoutOf(map, columns).cells);
  const { blocksize, agcount, agblocks } = map.geometry;
  const uses = (blocks: Float64Array) =>
    Object.fromEntries(KINDS.flatMap(({ key }, kind) => (blocks[kind] ? [[key, blocks[kind]]] : [])));
  const letters = KINDS.map(({ key, pure, mixed }) => [key, pure === mixed ? pure : pure + mixed]);
  yield {
    name: map.name,
    ...{ blocksize, agcount, agblocks, blocks: picture.total, blocksPerCell: picture.blocksPerCell },
    use: uses(picture.blocks),
    letters: Object.fromEntries(letters),
    notes: map.notes,
  };
  for (const { firstAgno, lastAgno, lines, blocks } of picture.rows) {
    yield { agno: firstAgno, lastAgno, use: uses(blocks), cells: lines.flat().map(letterOf).join('') };
  }
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
