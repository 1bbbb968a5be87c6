/** How maps are drawn from the command line: as wide as the terminal, in as many colours as it has. */
import type { MapDrawing } from '../fs/scan/spacemap.ts';
import { printPage } from '../report/map/page.ts';
import { type ColourLevel, mapRows, printMap } from '../report/map/text.ts';
import { useColour } from './colour.ts';

/** Where the width of what is written to is not known. */
const PLAIN_COLUMNS = 80;

function colourLevel(): ColourLevel {
  if (!useColour()) return 0;
  const { COLORTERM, TERM } = process.env;
  if (COLORTERM === 'truecolor' || COLORTERM === '24bit' || /direct|kitty/.test(TERM ?? '')) return 3;
  return /256/.test(TERM ?? '') || COLORTERM !== undefined ? 2 : 1;
}

function width(columns: number | undefined): number {
  return columns ?? Math.max(20, process.stdout.columns ?? PLAIN_COLUMNS);
}

export const drawing: MapDrawing = {
  text: (map, columns) => printMap(map, width(columns), colourLevel()),
  rows: (map, columns) => mapRows(map, width(columns)),
  page: printPage,
};
