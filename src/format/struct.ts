/**
 * Structures as tables of rows: one row per fact, from which everything else follows (decode, encode, typed
 * access, db printing and editing, JSON, fuzz cases, docs/FORMAT.md).
 *
 * Two shapes:
 *  - a `Struct` has a size known at import; offsets are summed there and checked against the stated size, and
 *    `at()` gives a typed accessor over bytes (getters from the rows, no copying);
 *  - a `Layout` is a whole block or fork whose counts, offsets or presence depend on its content (records of a
 *    btree block, fork of an inode); it is walked with `place()`.
 *
 * Offsets are in bits internally (sub-byte fields); `offset` tables for callers are in bytes.
 *
 * Every bit is owned by at most one row; a second reading of the same bits (single flags of a flag word, the
 * seconds of a timestamp) is a row with `view`, which is printed and edited but not encoded.
 */
import type { Geometry } from './geometry.ts';
import type { Kind } from './kinds.ts';

/** Where a shape is being looked at: dynamic rows compute counts, offsets and presence from it. */
export interface Scope {
  readonly view: DataView;
  /** Bit offset of this shape's first bit in `view`. */
  readonly bit: number;
  /** Bits this shape may occupy (block size, inode size, fork size); nothing is placed past it. */
  readonly bits: number;
  readonly geometry: Geometry;
  readonly outer?: Scope | undefined;
  /** Index of this element when the row is an array. */
  readonly index?: number;
}

/**
 * How db shows a value; default: decimal. On an array of structs only `tuple` means anything; without it each
 * element is listed field by field.
 */
export type Shown =
  | 'decimal'
  | 'signed'
  | 'hex' // 0x..., zero is 0
  | 'octal' // 0..., zero is 0
  | 'null' // decimal; all ones prints as null
  | 'nonnull' // decimal; in an array, elements of all ones are left out
  | 'blank' // decimal; zero is left out (nothing after the equals sign), all ones prints as null
  | 'hexblank' // hex; zero is left out
  | 'time' // seconds of a timestamp as a date; the row's bits are the whole 64-bit timestamp
  | 'nsec' // nanoseconds of a timestamp; the row's bits are the whole 64-bit timestamp
  | 'qtimer' // quota timer: a date, or a plain number for id 0 and for zero
  | 'crc' // hex of the four stored bytes as they stand (big-endian), and whether they are right
  | 'format' // fork format: number and name
  | 'text' // quoted characters, every byte of the field or array; bytes 7 to 13 are \a to \g, as xfs_db has them
  | 'chars' // the characters as they are, with blanks between
  | 'uuid'
  | 'tuple' // array of structs: [names] once, then one bracket an element
  | (string & {});

/** What a number that points somewhere counts; says how to turn it into an address. */
export type Unit =
  | 'agbno' // block in this AG
  | 'fsbno'
  | 'daddr'
  | 'agino' // inode in this AG
  | 'ino'
  | 'fileoff' // block of the data fork of the current inode
  | 'attroff' // block of the attribute fork of the current inode
  | 'blocks'
  | 'bytes';

export interface RowOptions {
  /** An array of this many elements (a number makes it static). */
  readonly count?: number | ((scope: Scope) => number);
  /** Index db gives to the first element (btree records and keys start at 1). */
  readonly base?: 0 | 1;
  /** Bit offset from the shape's start; default: after the row before. */
  readonly at?: (scope: Scope) => number;
  /** Bit offset of element `index` from the shape's start, where elements do not follow one another. */
  readonly elementAt?: (scope: Scope, index: number) => number;
  readonly when?: (scope: Scope) => boolean;
  /** Type of the block this value points to (a db type name). */
  readonly goto?: string | ((scope: Scope) => string | undefined);
  readonly shown?: Shown;
  readonly unit?: Unit;
  /** A second reading of bits that another row owns; not encoded. */
  readonly view?: boolean;
  /** Printed only when asked for by name. */
  readonly hidden?: boolean;
  /** xfs_db has no name for it, and db does not find it. */
  readonly unnamed?: boolean;
  /** No checker can notice a change of this value. */
  readonly unvalidated?: boolean;
  /** xfs_db's name where it is not `name`. */
  readonly alias?: string;
  /** Position in xfs_db's listing where that differs from disk order (sorted ascending; default: row index). */
  readonly order?: number;
}

export interface Row<N extends string = string, T = unknown> extends RowOptions {
  readonly name: N;
  readonly kind: Kind<T> | Shape;
  readonly doc: string;
}

export interface Shape {
  readonly name: string;
  readonly doc: string;
  readonly rows: readonly Row[];
  /** Size in bits when it does not depend on content. */
  readonly fixedBits: number | undefined;
  /** Its size comes from around it (a fork has what its inode gives it), not from its own content. */
  readonly outside?: boolean;
  sizeBits(scope: Scope): number;
}

// biome-ignore lint/suspicious/noExplicitAny: rows of any value type share one table
type AnyRow = Row<string, any>;
type One<K> = K extends Struct<infer S> ? Fields<S> : K extends Kind<infer T> ? T : never;
type Value<R> = R extends { kind: infer K } ? (R extends { many: true } ? One<K>[] : One<K>) : never;
/** Typed accessor of a static struct: reads and writes go straight to the bytes. */
export type Fields<R extends readonly AnyRow[]> = { [K in R[number] as K['name']]: Value<K> } & {
  readonly view: DataView;
  readonly byte: number;
};

export interface Struct<R extends readonly AnyRow[] = readonly AnyRow[]> extends Shape {
  readonly rows: R;
  readonly fixedBits: number;
  /** Size in bytes (rounded up). */
  readonly size: number;
  /** Byte offset of each row. */
  readonly offset: { readonly [K in R[number] as K['name']]: number };
  at(view: DataView, byte?: number): Fields<R>;
  over(bytes: Uint8Array, byte?: number): Fields<R>;
}

// biome-ignore lint/suspicious/noExplicitAny: a row takes a kind of any value
type AnyKind = Kind<any>;
/** A row whose value is one element or, with a count, an array; `many` exists for the type checker alone. */
export function row<const N extends string, K extends AnyKind | Shape>(
  name: N,
  kind: K,
  doc: string,
  options: RowOptions & { readonly count: NonNullable<RowOptions['count']> },
): Row<N> & { readonly kind: K; readonly many: true };
export function row<const N extends string, K extends AnyKind | Shape>(
  name: N,
  kind: K,
  doc: string,
  options?: RowOptions,
): Row<N> & { readonly kind: K };
export function row(name: string, kind: AnyKind | Shape, doc: string, options?: RowOptions): Row {
  return { name, kind, doc, ...options };
}

export function isShape(kind: Kind<unknown> | Shape): kind is Shape {
  return 'rows' in kind;
}

function staticBits(kind: Kind<unknown> | Shape): number {
  if (!isShape(kind)) return kind.bits;
  if (kind.fixedBits === undefined) throw new TypeError(`${kind.name} has no fixed size`);
  return kind.fixedBits;
}

/** A structure of fixed size; `size` in bytes is a fact that the rows must add up to. */
export function struct<const R extends readonly AnyRow[]>(
  name: string,
  size: number,
  doc: string,
  rows: R,
): Struct<R> {
  const offsets: Record<string, number> = {};
  const prototype = {};
  let bit = 0;
  for (const r of rows) {
    if (typeof r.count === 'function' || r.at || r.when) throw new TypeError(`${name}.${r.name} is dynamic`);
    if (r.name in offsets) throw new TypeError(`${name}.${r.name} declared twice`);
    offsets[r.name] = bit >>> 3;
    bit += staticBits(r.kind) * (r.count ?? 1);
  }
  if (bit !== size * 8) throw new TypeError(`${name}: rows add up to ${bit / 8} bytes, not ${size}`);
  // At the first use: one command uses few of the structures, and all their accessors take milliseconds.
  let defined = false;
  const at = (view: DataView, byte = 0): Fields<R> => {
    if (!defined) defined = defineFields(prototype, rows);
    const fields = Object.create(prototype);
    fields.view = view;
    fields.byte = byte;
    return fields;
  };
  return {
    name,
    doc,
    rows,
    fixedBits: bit,
    size,
    // A copy: an object grown by name is a dictionary to V8, and loads from it stay slow in the hottest loops.
    offset: { ...offsets } as Struct<R>['offset'],
    sizeBits: () => bit,
    at,
    over: (bytes, byte = 0) => at(viewOf(bytes), byte),
  };
}

interface Base {
  view: DataView;
  byte: number;
}

/** Gives the prototype the accessors of all rows. */
function defineFields(prototype: object, rows: readonly AnyRow[]): true {
  let bit = 0;
  for (const r of rows) {
    defineField(prototype, r, bit);
    bit += staticBits(r.kind) * ((r.count as number | undefined) ?? 1);
  }
  return true;
}

function defineField(prototype: object, r: AnyRow, bit: number): void {
  const kind = r.kind;
  const one = staticBits(kind);
  const readAt = (base: Base, at: number): unknown =>
    isShape(kind)
      ? (kind as Struct).at(base.view, base.byte + (at >>> 3))
      : kind.read(base.view, base.byte * 8 + at);
  const writeAt = (base: Base, at: number, value: unknown): void => {
    if (isShape(kind)) Object.assign((kind as Struct).at(base.view, base.byte + (at >>> 3)), value);
    else kind.write(base.view, base.byte * 8 + at, value);
  };
  const { count } = r;
  Object.defineProperty(prototype, r.name, {
    enumerable: true,
    get(this: Base) {
      if (typeof count !== 'number') return readAt(this, bit);
      return Array.from({ length: count }, (_, i) => readAt(this, bit + i * one));
    },
    set(this: Base, value: unknown) {
      if (typeof count !== 'number') writeAt(this, bit, value);
      else for (let i = 0; i < count; i++) writeAt(this, bit + i * one, (value as unknown[])[i]);
    },
  });
}

/**
 * A structure whose rows depend on content, or that has `view` rows. Rows stand in an order in which whatever
 * counts, offsets and presence depend on comes first; `order` gives xfs_db's order where that differs.
 * `size`: bytes when constant, a function giving bits, or absent: up to the end of the last row.
 */
export function layout(
  name: string,
  doc: string,
  rows: readonly Row[],
  size?: number | ((scope: Scope) => number),
  outside = false,
): Shape {
  const shape: Shape = {
    outside,
    name,
    doc,
    rows,
    fixedBits: typeof size === 'number' ? size * 8 : undefined,
    sizeBits: (scope) => {
      if (typeof size === 'number') return size * 8;
      if (size) return size(scope);
      let end = 0;
      for (const p of place(shape, scope)) if (!p.row.view) end = Math.max(end, p.bit - scope.bit + p.bits);
      return end;
    },
  };
  return shape;
}

/** One row found in a block: where it is, how many elements, how large in all. */
export interface Placed {
  readonly row: Row;
  /** Absolute bit offset in the view. */
  readonly bit: number;
  /** All elements together (of scattered elements: 0, they lie elsewhere). */
  readonly bits: number;
  /** Elements that fit; 1 for a row that is no array. */
  readonly count: number;
  /** Elements there should be, where they are of one size. */
  readonly declared: number;
  /** Absolute bit offset of element i. */
  elementBit(i: number): number;
  /** Bits of element i; 0 for a scattered element that would leave the scope. */
  elementBits(i: number): number;
}

/** Places the rows of a shape in a scope. Elements that would leave the scope are dropped: content is not trusted. */
export function* place(shape: Shape, scope: Scope): Generator<Placed> {
  let next = scope.bit;
  for (const r of shape.rows) {
    if (r.when && !r.when(scope)) continue;
    const start = r.at ? scope.bit + r.at(scope) : next;
    const placed = r.elementAt ? placeScattered(r, scope) : placeRow(r, start, scope);
    if (!placed) continue;
    if (!r.view && !r.elementAt) next = start + placed.bits;
    yield placed;
  }
}

function scopeEnd(scope: Scope): number {
  return Math.min(scope.bit + scope.bits, scope.view.byteLength * 8);
}

function wantedCount(r: Row, scope: Scope): number {
  return typeof r.count === 'function' ? r.count(scope) : (r.count ?? 1);
}

function placeRow(r: Row, start: number, scope: Scope): Placed | undefined {
  const end = scopeEnd(scope);
  if (start < scope.bit || start > end) return undefined;
  const wanted = wantedCount(r, scope);
  const fixed = isShape(r.kind) ? r.kind.fixedBits : r.kind.bits;
  if (fixed !== undefined) {
    const count = Math.max(0, Math.min(wanted, fixed === 0 ? wanted : Math.floor((end - start) / fixed)));
    if (count === 0 && wanted > 0) return undefined;
    return {
      row: r,
      bit: start,
      bits: count * fixed,
      count,
      declared: wanted,
      elementBit: (i) => start + i * fixed,
      elementBits: () => fixed,
    };
  }
  const starts: number[] = [];
  let bit = start;
  const shape = r.kind as Shape;
  // A fork may have no room at all, and is there all the same.
  const mayBeEmpty = shape.outside === true;
  for (let i = 0; i < wanted && (bit < end || mayBeEmpty); i++) {
    const size = shape.sizeBits(inner(scope, bit, end - bit, i));
    if ((size <= 0 && !mayBeEmpty) || bit + size > end) break;
    starts.push(bit);
    bit += size;
  }
  if (starts.length === 0 && wanted > 0) return undefined;
  const elementBit = (i: number) => starts[i] ?? bit;
  return {
    row: r,
    bit: start,
    bits: bit - start,
    count: starts.length,
    declared: starts.length,
    elementBit,
    elementBits: (i) => elementBit(i + 1) - elementBit(i),
  };
}

function placeScattered(r: Row, scope: Scope): Placed {
  const end = scopeEnd(scope);
  // One byte an element is the least there can be: bounds an untrusted count.
  const count = Math.min(wantedCount(r, scope), scope.bits >>> 3);
  const starts: number[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < count; i++) {
    const bit = scope.bit + r.elementAt!(scope, i);
    const inside = bit >= scope.bit && bit < end;
    const size = inside ? elementSize(r.kind, inner(scope, bit, end - bit, i)) : 0;
    const fits = inside && bit + size <= end;
    starts.push(fits ? bit : scope.bit);
    sizes.push(fits ? size : 0);
  }
  return {
    row: r,
    bit: starts[0] ?? scope.bit,
    bits: 0,
    count,
    declared: count,
    elementBit: (i) => starts[i] ?? end,
    elementBits: (i) => sizes[i] ?? 0,
  };
}

function elementSize(kind: Kind<unknown> | Shape, scope: Scope): number {
  return isShape(kind) ? kind.sizeBits(scope) : kind.bits;
}

/** Scope of element `i` of a placed row whose kind is a shape. */
export function elementScope(outer: Scope, placed: Placed, i: number): Scope {
  return inner(outer, placed.elementBit(i), placed.elementBits(i), i);
}

/** Scope of an element inside `outer`. */
export function inner(outer: Scope, bit: number, bits: number, index: number): Scope {
  return { view: outer.view, bit, bits, geometry: outer.geometry, outer, index };
}

export function scopeOf(bytes: Uint8Array, geometry: Geometry): Scope {
  return { view: viewOf(bytes), bit: 0, bits: bytes.length * 8, geometry };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
