/**
 * What the Tab key offers at the prompt: commands, and as their arguments types, units, files, and fields of the
 * current object. Of a field, a level at a time: `co` gives `core`, that `core.`, that what is in it; an array its
 * bracket, and behind that its indices.
 */
import { readdirSync, statSync } from 'node:fs';
import { elementScope, isShape, type Placed, type Scope, type Shape } from '../format/struct.ts';
import { UNIT_NAMES } from './convert.ts';
import { presentRows } from './field.ts';
import { objectOf, type Session } from './session.ts';
import { TYPES } from './types.ts';
import { isArrayRow } from './value.ts';

/** More indices or files than these are not listed. */
const MOST_OFFERS = 200;

/** Completions of the last word of a line, and that word, as readline wants them. */
export function complete(session: Session, line: string): [string[], string] {
  const words = line.trimStart().split(/\s+/);
  const word = words[words.length - 1] ?? '';
  const isPush = words[0] === 'push' && words.length > 2;
  const command = isPush ? words[1] : words[0];
  const candidates = words.length === 1 ? names(session) : candidatesOf(session, command!, word);
  const fitting = candidates.filter((candidate) => candidate.startsWith(word));
  return [[...new Set(fitting)].sort(byNumber), word];
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function names(session: Session): string[] {
  return session.commands.map((row) => row.name);
}

function candidatesOf(session: Session, command: string, word: string): string[] {
  switch (session.find(command)?.completes) {
    case 'command':
      return names(session);
    case 'type':
      return TYPES.map((type) => type.name);
    case 'unit':
      return [...UNIT_NAMES];
    case 'field':
      return fieldNames(session, word);
    case 'file':
      return fileNames(word);
    default:
      return [];
  }
}

const nameOf = ({ row }: Placed) => row.alias ?? row.name;

/** Fields on the level of the path that is being typed. */
function fieldNames(session: Session, word: string): string[] {
  if (!session.cursor.top.type?.shape) return [];
  let { shape, scope }: { shape: Shape; scope: Scope } = objectOf(session.cursor);
  const parts = word.split('.');
  const last = parts.pop()!;
  for (const part of parts) {
    const inside = elementOf(shape, scope, part);
    if (!inside) return [];
    ({ shape, scope } = inside);
  }
  const lead = parts.map((part) => `${part}.`).join('');
  const rows = presentRows(shape, scope);
  const bracket = last.indexOf('[');
  const name = bracket < 0 ? last : last.slice(0, bracket);
  const row = rows.find((placed) => nameOf(placed) === name);
  if (row && bracket >= 0) return indices(row, last).map((text) => lead + text);
  const isPrefix = rows.some((placed) => nameOf(placed) !== name && nameOf(placed).startsWith(name));
  // A whole name is taken one step further, unless it may be the start of another.
  if (row && !isPrefix && isArrayRow(row)) return [`${lead}${name}[`];
  if (row && !isPrefix && isShape(row.row.kind)) return [`${lead}${name}.`];
  return rows.map((placed) => lead + nameOf(placed));
}

/** `bmx[` gives its indices; `bmx[0]` what comes behind it. */
function indices(placed: Placed, text: string): string[] {
  if (!isArrayRow(placed)) return [];
  if (text.endsWith(']')) return isShape(placed.row.kind) ? [`${text}.`] : [];
  const { base = 0 } = placed.row;
  const typed = text.slice(text.indexOf('[') + 1);
  const found: string[] = [];
  for (let i = 0; i < placed.count && found.length < MOST_OFFERS; i++)
    if (String(i + base).startsWith(typed)) found.push(`${nameOf(placed)}[${i + base}]`);
  return found;
}

/** What is inside of a part of a path. */
function elementOf(shape: Shape, scope: Scope, part: string): { shape: Shape; scope: Scope } | undefined {
  const [name, index] = part.replace(']', '').split('[');
  const placed = presentRows(shape, scope).find((each) => nameOf(each) === name);
  if (!placed || !isShape(placed.row.kind)) return undefined;
  const { base = 0 } = placed.row;
  const element = Number(index ?? base) - base;
  if (!(element >= 0 && element < placed.count)) return undefined;
  return { shape: placed.row.kind, scope: elementScope(scope, placed, element) };
}

/** Files that begin as the word does; those with blanks or quotes in their names are no words of a line. */
function fileNames(word: string): string[] {
  const slash = word.lastIndexOf('/') + 1;
  const lead = word.slice(0, slash);
  const start = word.slice(slash);
  try {
    const folder = lead === '' ? '.' : lead;
    return readdirSync(folder)
      .filter((name) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
      .filter((name) => !/[\s"\\]/.test(name))
      .slice(0, MOST_OFFERS)
      .map((name) => lead + name + (isFolder(`${folder}/${name}`) ? '/' : ''));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
