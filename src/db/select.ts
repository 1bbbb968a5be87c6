/**
 * One field by one line: `inode 131 core.size`, `agf 0 freeblks`, `inode 131; dblock 0; bu[2].name`. Commands that go
 * somewhere, separated by semicolons; the last word of the last one is the field. Without a field the whole object.
 */
import { DbError } from './error.ts';
import { findField } from './field.ts';
import { parsePath } from './path.ts';
import { fieldsJson, printFields } from './print.ts';
import { objectOf, type Session, splitLine } from './session.ts';
import type { Json } from './value.ts';

const FIELD = /^[a-z][a-z0-9_]*([.[]|$)/;

export interface Selection {
  readonly moves: readonly (readonly string[])[];
  /** Absent: the whole object. */
  readonly field?: string;
}

/** Parses a selector. Throws DbError for an empty one. */
export function parseSelector(text: string): Selection {
  const parts = text.split(';').map(splitLine);
  const moves = parts.filter((words) => words.length > 0);
  const last = moves.at(-1);
  if (!last) throw new DbError('an empty selector');
  const field = last.at(-1)!;
  if (moves.length === 1 && last.length === 1) return { moves };
  if (!FIELD.test(field)) return { moves };
  const rest = last.slice(0, -1);
  return { moves: [...moves.slice(0, -1), ...(rest.length > 0 ? [rest] : [])], field };
}

/** Goes where a selection leads; throws DbError when a command is none that goes somewhere, or fails. */
export function goTo(session: Session, { moves }: Selection): void {
  for (const words of moves) {
    const row = session.find(words[0]!);
    if (!row?.pushable && row?.name !== 'path') throw new DbError(`${words[0]} goes nowhere`);
    const output = session.runArgs(words);
    if (output?.failed) throw new DbError(output.text.trimEnd());
  }
}

export interface Got {
  /** The bare value of a single field, lines `path = value` of more; with newlines. */
  readonly text: string;
  readonly json: Json;
}

/** What a selector leads to. Throws DbError. */
export function getField(session: Session, selector: string): Got {
  const selection = parseSelector(selector);
  goTo(session, selection);
  const { field } = selection;
  if (field === undefined) {
    const output = session.runArgs(['print']);
    return { text: output?.text ?? '', json: output?.json ?? null };
  }
  const { crc } = session.cursor.top;
  const { shape, scope } = objectOf(session.cursor);
  const nodes = findField(shape, scope, parsePath(field));
  const text = printFields(nodes, crc);
  const isSingle = text.indexOf('\n') === text.length - 1;
  return {
    text: isSingle ? text.slice(text.indexOf(' = ') + 3) : text,
    json: leafOf(fieldsJson(nodes, crc)),
  };
}

/** An object with one member each level stands for what is innermost. */
function leafOf(json: Json): Json {
  let inner = json;
  while (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
    const values = Object.values(inner);
    if (values.length !== 1) return inner;
    inner = values[0] as Json;
    if (Array.isArray(inner) && inner.length === 1) inner = inner[0] as Json;
  }
  return inner;
}
