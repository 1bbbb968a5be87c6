/**
 * Fields of an object, as a tree of nodes: the rows of its shape, placed in its bytes, in xfs_db's order. A node
 * without children is a leaf: scalars, text, a tuple array, or a shape in which nothing is present (empty).
 *
 * `listAll` is the whole tree without hidden rows; `findField` follows one path to what it names. Both work on
 * untrusted bytes: `place` drops what would leave the object.
 */
import { elementScope, isShape, type Placed, place, type Scope, type Shape } from '../format/struct.ts';
import { DbError } from './error.ts';
import type { Segment } from './path.ts';
import { isArrayRow } from './value.ts';

export interface FieldNode {
  readonly name: string;
  readonly placed: Placed;
  /** Scope that the row was placed in. */
  readonly scope: Scope;
  /** Elements, from 0; both 0 for a row that is no array. */
  readonly low: number;
  readonly high: number;
  readonly children: readonly FieldNode[];
}

const rowName = (placed: Placed): string => placed.row.alias ?? placed.row.name;

/** Rows of a shape that are present, in the order xfs_db lists them. */
export function presentRows(shape: Shape, scope: Scope): readonly Placed[] {
  const index = new Map(shape.rows.map((row, i) => [row, i]));
  return [...place(shape, scope)]
    .filter((placed) => placed.count > 0 && !placed.row.unnamed)
    .sort((a, b) => (a.row.order ?? index.get(a.row)!) - (b.row.order ?? index.get(b.row)!));
}

/** Elements that a row is listed with: those of one piece are counted as the object says, though some are missing. */
function lengthOf(placed: Placed): number {
  return isLeafRow(placed) && isArrayRow(placed) ? placed.declared : placed.count;
}

/** Whether the elements of a row print in one piece. */
function isLeafRow(placed: Placed): boolean {
  return !isShape(placed.row.kind) || placed.row.shown === 'tuple';
}

/** All that is present in a shape and not hidden. */
export function listAll(shape: Shape, scope: Scope): FieldNode[] {
  return presentRows(shape, scope)
    .filter((placed) => !placed.row.hidden)
    .flatMap((placed) => nodesOf(placed, scope, 0, lengthOf(placed) - 1));
}

/** A row's elements `low` to `high`: one leaf, or one subtree an element. Of a range that runs backwards, the first. */
function nodesOf(placed: Placed, scope: Scope, low: number, high: number): FieldNode[] {
  const name = rowName(placed);
  if (isLeafRow(placed))
    return [{ name, placed, scope, low, high: isArrayRow(placed) ? high : low, children: [] }];
  const nodes: FieldNode[] = [];
  for (let i = low; i <= Math.max(low, high); i++) {
    const children = listAll(placed.row.kind as Shape, elementScope(scope, placed, i));
    nodes.push({ name, placed, scope, low: i, high: i, children });
  }
  return nodes;
}

/** What a path names: leaves under the elements it runs through. Throws DbError when there is no such thing. */
export function findField(shape: Shape, scope: Scope, path: readonly Segment[]): FieldNode[] {
  const [segment, ...rest] = path;
  if (!segment) return listAll(shape, scope);
  const placed = presentRows(shape, scope).find((row) => rowName(row) === segment.name);
  if (!placed) throw new DbError(`field ${segment.name} not found`);
  const length = rest.length === 0 ? lengthOf(placed) : placed.count;
  const { low, high } = elementsOf(placed, segment, length);
  if (rest.length === 0) return nodesOf(placed, scope, low, high);
  if (!isShape(placed.row.kind)) throw new DbError(`field ${segment.name} has no subfields`);
  const nodes: FieldNode[] = [];
  for (let i = low; i <= Math.max(low, high); i++) {
    const children = findField(placed.row.kind, elementScope(scope, placed, i), rest);
    nodes.push({ name: segment.name, placed, scope, low: i, high: i, children });
  }
  return nodes;
}

function elementsOf(placed: Placed, segment: Segment, length: number): { low: number; high: number } {
  const { name } = segment;
  if (!isArrayRow(placed)) {
    if (segment.low !== undefined) throw new DbError(`field ${name} is not an array`);
    return { low: 0, high: 0 };
  }
  const base = placed.row.base ?? 0;
  const last = length - 1;
  if (segment.low === undefined) return { low: 0, high: last };
  const low = segment.low - base;
  const high = (segment.high ?? segment.low) - base;
  const range = `out of range ${base}-${last + base}`;
  if (low < 0 || low > last || high < 0 || high > last) {
    throw new DbError(
      segment.high === undefined
        ? `index ${segment.low} for field ${name} ${range}`
        : `indices ${segment.low}-${segment.high} for field ${name} ${range}`,
    );
  }
  return { low, high };
}
