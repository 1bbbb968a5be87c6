/** `map`: the whole filesystem as a picture, on the terminal or as a page for a browser. */
import { closeSync, fstatSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import type { MapDrawing, SpaceMap } from '../../fs/scan/spacemap.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import { spaceMapOf } from '../scan/picture.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

export const FEWEST_COLUMNS = 20;
export const MOST_COLUMNS = 2000;

/** What every page begins with, in lower case: only such a file is replaced by a new page. */
const PAGE_START = '<!doctype html>';

interface Wanted {
  readonly agnos?: readonly number[];
  readonly columns?: number;
  readonly html?: string;
  readonly json: boolean;
}

function parse(args: readonly string[], agcount: number): Wanted {
  const agnos: number[] = [];
  let wanted: Omit<Wanted, 'agnos'> = { json: false };
  for (let i = 0; i < args.length; i++) {
    const option = args[i]!;
    if (option === '--json') wanted = { ...wanted, json: true };
    else if (option === '-a') agnos.push(number('AG', args[++i], 0, agcount - 1));
    else if (option === '-w') {
      const columns = number('width', args[++i], FEWEST_COLUMNS, MOST_COLUMNS);
      wanted = { ...wanted, columns };
    } else if (option === '--html' && args[i + 1] !== undefined) {
      wanted = { ...wanted, html: unquoted(args[++i]!) };
    } else throw new DbError('map arguments: [-a agno]... [-w columns] [--html FILE] [--json]');
  }
  const sorted = [...new Set(agnos)].sort((a, b) => a - b);
  return sorted.length === 0 ? wanted : { ...wanted, agnos: sorted };
}

function number(what: string, text: string | undefined, least: number, most: number): number {
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new DbError(`bad ${what} for map command: ${text ?? ''}; ${least} to ${most}`);
  return value;
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, '$1');
}

function map(session: Session, args: readonly string[]): Output {
  const { filesystem } = session.cursor;
  const { drawing } = session;
  if (!drawing) throw new DbError('nothing to draw with in this session');
  const wanted = parse(args, filesystem.geometry.agcount);
  const picture = spaceMapOf(filesystem, wanted.agnos);
  if (wanted.html !== undefined) return writePage(filesystem, drawing, picture, wanted.html);
  const rows = () => drawing.rows(picture, wanted.columns) as Iterable<Json>;
  return {
    get text() {
      if (!wanted.json) return drawing.text(picture, wanted.columns);
      return [...rows()].map((row) => `${JSON.stringify(row)}\n`).join('');
    },
    rows,
  };
}

function writePage({ device }: Filesystem, drawing: MapDrawing, map: SpaceMap, path: string): Output {
  writePageFile(path, device.name, () => drawing.page(map));
  return { text: `${path} written\n`, json: { written: path } };
}

/**
 * Writes a page. A file that is there is replaced only if it is a page itself, so that a slip of the hand cannot
 * take an image or anything else. Throws DbError.
 */
export function writePageFile(path: string, image: string, page: () => string): void {
  if (!mayReplace(path, image)) throw new DbError(`${path}: is there, and no page; not written`);
  try {
    writeFileSync(path, page());
  } catch (error) {
    throw new DbError(`${path}: ${(error as Error).message}`);
  }
}

function mayReplace(path: string, image: string): boolean {
  let file: number;
  try {
    if (!statSync(path).isFile()) return false;
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw new DbError(`${path}: ${(error as Error).message}`);
  }
  try {
    const start = Buffer.alloc(PAGE_START.length);
    readSync(file, start, 0, start.length, 0);
    return (
      path !== image && (fstatSync(file).size === 0 || start.toString('latin1').toLowerCase() === PAGE_START)
    );
  } finally {
    closeSync(file);
  }
}

export const MAP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'map',
    args: '[-a agno]... [-w columns] [--html FILE] [--json]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'draw what all blocks are used for',
    help: [
      'Rows are AGs from block 0 on, cells what most of their blocks are used for. --html writes a page for a browser,',
      'which can be zoomed and tells the owners of every block.',
    ],
    run: map,
  },
];
