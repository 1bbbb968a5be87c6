/**
 * What xfs_db says when it looks up records, keys or pointers of a btree block whose magic it does not know: once a
 * row, ahead of what it then prints. Other fields do not depend on the magic.
 */
import { BTREE } from '../format/btree.ts';
import type { FieldNode } from './field.ts';

const MAGIC: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.values(BTREE).map(({ name, magic }) => [name, magic])),
  bmapbta: BTREE.bmapbt.magic,
  bmapbtd: BTREE.bmapbt.magic,
};
const KNOWN: ReadonlySet<number> = new Set(Object.values(BTREE).map(({ magic }) => magic));
const BY_MAGIC: ReadonlySet<string> = new Set(['recs', 'keys', 'ptrs']);

/** Complaints about nodes of the top level of an object of this type, a line each; empty when there is no reason. */
export function magicComplaints(type: string, nodes: readonly FieldNode[]): string {
  if (MAGIC[type] === undefined) return '';
  const rows = nodes.filter(({ name }) => BY_MAGIC.has(name));
  const [first] = rows;
  if (!first || first.scope.view.byteLength < 4) return '';
  const magic = first.scope.view.getUint32(0);
  if (KNOWN.has(magic)) return '';
  return `Bad btree magic 0x${magic.toString(16)}; coercing to ${type}.\n`.repeat(rows.length);
}
