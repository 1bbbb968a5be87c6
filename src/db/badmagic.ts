/**
 * What xfs_db says when it looks up records, keys or pointers of a btree block whose magic it does not know: once a
 * row, ahead of what it then prints. Other fields do not depend on the magic.
 */
import { BTREE } from '../format/btree.ts';
import type { Scope } from '../format/struct.ts';
import type { Cursor } from './cursor.ts';
import { DbError } from './error.ts';
import { type FieldNode, findField } from './field.ts';
import type { Segment } from './path.ts';
import { objectOf } from './session.ts';

const MAGIC: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.values(BTREE).map(({ name, magic }) => [name, magic])),
  bmapbta: BTREE.bmapbt.magic,
  bmapbtd: BTREE.bmapbt.magic,
};
const KNOWN: ReadonlySet<number> = new Set(Object.values(BTREE).map(({ magic }) => magic));
const BY_MAGIC: ReadonlySet<string> = new Set(['recs', 'keys', 'ptrs']);

/** What it says of a block of this type once; undefined when there is no reason. */
function complaintOf(type: string, { view }: Scope): string | undefined {
  if (MAGIC[type] === undefined || view.byteLength < 4) return undefined;
  const magic = view.getUint32(0);
  return KNOWN.has(magic) ? undefined : `Bad btree magic 0x${magic.toString(16)}; coercing to ${type}.`;
}

/** Complaints about nodes of the top level of an object of this type, a line each; empty when there is no reason. */
export function magicComplaints(type: string, nodes: readonly FieldNode[]): string {
  const rows = nodes.filter(({ name }) => BY_MAGIC.has(name));
  const text = rows[0] && complaintOf(type, rows[0].scope);
  return text === undefined ? '' : `${text}\n`.repeat(rows.length);
}

/** Finds what a path names in the current object; complaints on the way there are notes. Throws as `findField`. */
export function findNoting(cursor: Cursor, text: readonly Segment[]): FieldNode[] {
  const { shape, scope } = objectOf(cursor);
  const type = cursor.top.type?.name ?? '';
  const complaint = BY_MAGIC.has(text[0]?.name ?? '') ? complaintOf(type, scope) : undefined;
  try {
    const nodes = findField(shape, scope, text);
    if (complaint !== undefined) for (const _ of nodes) cursor.notes.push(complaint);
    return nodes;
  } catch (error) {
    // The row was found before it turned out to have nothing inside.
    const isInside = error instanceof DbError && error.message.endsWith('has no subfields');
    if (complaint !== undefined && isInside) cursor.notes.push(complaint);
    throw error;
  }
}
