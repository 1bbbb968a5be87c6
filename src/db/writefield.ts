/**
 * Which bits of the current object a field path names, for `write` and `fuzz`: those of the first leaf of what the
 * path leads to, all elements of its range together. Afterwards the whole of what the path leads to is shown again.
 */
import { isShape, type Scope, type Shape } from '../format/struct.ts';
import { DbError } from './error.ts';
import { type FieldNode, findField } from './field.ts';
import { parsePath } from './path.ts';
import { isArrayRow } from './value.ts';

export interface FieldBits {
  readonly nodes: readonly FieldNode[];
  readonly bit: number;
  readonly bits: number;
}

/** Throws DbError, in xfs_db's two lines, when there is no such field. */
export function fieldBits(shape: Shape, scope: Scope, path: string): FieldBits {
  const nodes = nodesOf(shape, scope, path);
  let node = nodes[0];
  while (node && node.children.length > 0) node = node.children[0];
  if (!node) throw new DbError(`field ${path} is empty`);
  return { nodes, ...leafBits(node) };
}

function nodesOf(shape: Shape, scope: Scope, path: string): readonly FieldNode[] {
  let segments: ReturnType<typeof parsePath>;
  try {
    segments = parsePath(path);
  } catch (error) {
    if (!(error instanceof DbError)) throw error;
    throw new DbError(`${error.message}\nunable to parse '${path}'.`);
  }
  try {
    return findField(shape, scope, segments);
  } catch (error) {
    if (!(error instanceof DbError)) throw error;
    throw new DbError(`${error.message}\nparsing error`);
  }
}

function leafBits({ placed, low, high }: FieldNode): { bit: number; bits: number } {
  const { kind } = placed.row;
  if (!isArrayRow(placed)) {
    // A fork with nothing in it.
    if (isShape(kind) && placed.row.shown !== 'tuple') return { bit: placed.bit, bits: 0 };
    const bits = placed.row.count !== undefined ? placed.bits : isShape(kind) ? placed.bits : kind.bits;
    return { bit: placed.bit, bits };
  }
  const bit = placed.elementBit(low);
  const last = Math.min(high, placed.count - 1);
  return { bit, bits: placed.elementBit(last) + placed.elementBits(last) - bit };
}
