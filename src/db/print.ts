/**
 * A tree of fields as xfs_db's text, and as JSON.
 *
 * One line a leaf: `path = value`. A tuple array names its columns once and then takes a line an element. A shape
 * in which nothing is present is `(empty)` if it may be (the forks of an inode), else a mismatch of type.
 */
import { INODE_A, INODE_U3 } from '../format/inode.ts';
import { elementScope, isShape, type Placed, type Scope, type Shape } from '../format/struct.ts';
import { type FieldNode, presentRows } from './field.ts';
import { type CrcState, formatScalars, isArrayRow, type Json, scalarsJson } from './value.ts';

const MAY_BE_EMPTY: ReadonlySet<unknown> = new Set([INODE_U3, INODE_A]);
export const MISMATCH = 'Unrecognized metadata or type mismatch';

/** Text of nodes, a line each (tuple arrays: a line an element more). */
export function printFields(nodes: readonly FieldNode[], crc: CrcState): string {
  const out: string[] = [];
  for (const node of nodes) printNode(node, '', crc, out);
  return out.join('');
}

function printNode(node: FieldNode, prefix: string, crc: CrcState, out: string[]): void {
  const path = prefix + labelOf(node);
  if (node.children.length > 0) {
    for (const child of node.children) printNode(child, `${path}.`, crc, out);
    return;
  }
  out.push(`${path} = ${leafText(node, crc)}\n`);
}

function labelOf({ name, placed, low, high }: FieldNode): string {
  // Padding is one value to us, an array of bytes to xfs_db.
  const isPadding = !isShape(placed.row.kind) && !placed.row.kind.integer && placed.row.shown === 'hex';
  if (isPadding) return `${name}[0-${placed.bits / 8 - 1}]`;
  if (!isArrayRow(placed)) return name;
  const base = placed.row.base ?? 0;
  return low === high ? `${name}[${low + base}]` : `${name}[${low + base}-${high + base}]`;
}

function leafText(node: FieldNode, crc: CrcState): string {
  const { placed, scope, low, high } = node;
  const { kind } = placed.row;
  if (!isShape(kind)) return formatScalars(placed, scope, low, high, crc);
  if (placed.row.shown === 'tuple') return tupleText(placed, kind, scope, low, high, crc);
  return MAY_BE_EMPTY.has(kind) ? '(empty)' : MISMATCH;
}

function columns(shape: Shape, scope: Scope): readonly Placed[] {
  return presentRows(shape, scope).filter((placed) => !placed.row.hidden);
}

function tupleText(
  placed: Placed,
  shape: Shape,
  scope: Scope,
  low: number,
  high: number,
  crc: CrcState,
): string {
  const base = placed.row.base ?? 0;
  const first = Math.min(low, placed.count - 1);
  const names = columns(shape, elementScope(scope, placed, first)).map((c) => c.row.alias ?? c.row.name);
  let out = `[${names.join(',')}] `;
  const last = Math.min(high, placed.count - 1);
  for (let i = low; i <= last; i++) {
    const element = elementScope(scope, placed, i);
    const values = columns(shape, element).map((c) => formatScalars(c, element, 0, c.count - 1, crc));
    out += `\n${i + base}:[${values.join(',')}]${i < last ? ' ' : ''}`;
  }
  return out;
}

/** JSON of nodes: an object by field name; elements of arrays collect into lists. */
export function fieldsJson(nodes: readonly FieldNode[], crc: CrcState): { [key: string]: Json } {
  const object: Record<string, Json> = {};
  for (const node of nodes) {
    const value = nodeJson(node, crc);
    if (!isArrayRow(node.placed)) object[node.name] = value;
    else object[node.name] = [...((object[node.name] as Json[] | undefined) ?? []), ...(value as Json[])];
  }
  return object;
}

/** A node that is an element of an array gives a list. */
function nodeJson(node: FieldNode, crc: CrcState): Json {
  const { placed, scope, low, high, children } = node;
  const { kind } = placed.row;
  if (!isShape(kind)) return scalarsJson(placed, scope, low, high, crc);
  if (placed.row.shown === 'tuple' && children.length === 0) {
    return Array.from({ length: Math.min(high, placed.count - 1) - low + 1 }, (_, i) => {
      const element = elementScope(scope, placed, low + i);
      return Object.fromEntries(
        columns(kind, element).map((c) => [
          c.row.alias ?? c.row.name,
          scalarsJson(c, element, 0, c.count - 1, crc),
        ]),
      );
    });
  }
  const object = fieldsJson(children, crc);
  return isArrayRow(placed) ? [object] : object;
}

/** Bytes as rows of 32, in groups of four. */
export function dumpData(bytes: Uint8Array): string {
  return dump(bytes, 32, (row) => {
    let out = '';
    row.forEach((byte, i) => {
      out += `${i % 4 === 0 ? ' ' : ''}${byte.toString(16).padStart(2, '0')}`;
    });
    return out;
  });
}

/** Bytes as rows of 16, with letters and digits beside them. */
export function dumpText(bytes: Uint8Array): string {
  return dump(bytes, 16, (row) => {
    let hex = '  ';
    let text = ' ';
    for (const byte of row) {
      hex += `${byte.toString(16).padStart(2, '0')} `;
      const c = String.fromCharCode(byte);
      text += /[0-9A-Za-z]/.test(c) ? c : '.';
    }
    return hex + text;
  });
}

function dump(bytes: Uint8Array, width: number, line: (row: Uint8Array) => string): string {
  const last = Math.max(0, (bytes.length - 1) & ~(width - 1));
  const digits = Math.min(4, last.toString(16).length);
  let out = '';
  for (let at = 0; at < bytes.length; at += width) {
    const offset = at.toString(16).padStart(digits, '0');
    out += `${offset}:${line(bytes.subarray(at, at + width))}\n`;
  }
  return out;
}
