/**
 * Decode and encode from the rows: any shape in bytes <-> plain data that can go through JSON.
 *
 * Integers are numbers, from 2^53 on decimal strings; arrays of characters are one string (latin1, every byte
 * counts); other bytes are hex. `view` rows are left out, for other rows own their bits. Bytes that no row covers
 * and that are not zero are kept under `slack` (byte offset from the shape's start, hex), so that encoding what was
 * decoded gives the same bytes again, whatever they were.
 */
import type { Geometry } from './geometry.ts';
import { char, type Kind } from './kinds.ts';
import { inner, isShape, type Placed, place, type Row, type Scope, type Shape, viewOf } from './struct.ts';

export type Plain = number | string | Plain[] | { [field: string]: Plain };

export interface Slack {
  readonly at: number;
  readonly hex: string;
}

export interface Decoded {
  readonly fields: { [field: string]: Plain };
  /** Bytes outside every row, where they are not zero. */
  readonly slack: readonly Slack[];
  /** Bytes of a damaged object that the rows, claiming one another's bytes, would not give back; else absent. */
  readonly overlap?: readonly Slack[];
}

/** Decodes `shape` at the start of `scope`. Never throws for bad bytes. */
export function decode(shape: Shape, scope: Scope): Decoded {
  const bytes = Math.floor(Math.min(scope.bits, scope.view.byteLength * 8 - scope.bit) / 8);
  const covered = new Uint8Array(bytes);
  const fields = decodeShape(shape, scope, covered, scope.bit);
  const whole = { fields, slack: findSlack(scope, covered) };
  const overlap = findOverlap(shape, whole, scope, bytes);
  return overlap.length === 0 ? whole : { ...whole, overlap };
}

/** Encodes again and notes what came out differently: decoding loses nothing, whatever the bytes. */
function findOverlap(shape: Shape, whole: Decoded, scope: Scope, size: number): Slack[] {
  const again = new Uint8Array(size);
  encode(shape, whole, again, scope.geometry);
  const base = scope.view.byteOffset + (scope.bit >>> 3);
  const bytes = new Uint8Array(scope.view.buffer, base, size);
  const overlap: Slack[] = [];
  for (let at = 0; at < size; at++) {
    if (again[at] === bytes[at]) continue;
    let end = at + 1;
    while (end < size && again[end] !== bytes[end]) end++;
    overlap.push({ at, hex: toHex(bytes.subarray(at, end)) });
    at = end;
  }
  return overlap;
}

function decodeShape(
  shape: Shape,
  scope: Scope,
  covered: Uint8Array,
  top: number,
): { [field: string]: Plain } {
  const out: { [field: string]: Plain } = {};
  for (const p of place(shape, scope)) {
    if (p.row.view) continue;
    const element = (i: number): Plain => {
      if (isShape(p.row.kind)) {
        return decodeShape(p.row.kind, inner(scope, p.elementBit(i), p.elementBits(i), i), covered, top);
      }
      cover(covered, p.elementBit(i) - top, p.elementBits(i));
      return readPlain(p.row.kind, scope.view, p.elementBit(i));
    };
    if (p.row.count === undefined) out[p.row.name] = element(0);
    else out[p.row.name] = decodeArray(p, element);
  }
  return out;
}

function decodeArray(p: Placed, element: (i: number) => Plain): Plain {
  const values: Plain[] = [];
  for (let i = 0; i < p.count; i++) values.push(element(i));
  return p.row.kind === char ? values.join('') : values;
}

function cover(covered: Uint8Array, bit: number, bits: number): void {
  covered.fill(1, bit >>> 3, (bit + bits + 7) >>> 3);
}

function readPlain(kind: Kind<unknown>, view: DataView, bit: number): Plain {
  if (!kind.integer) {
    const value = kind.read(view, bit);
    return value instanceof Uint8Array ? toHex(value) : (value as string);
  }
  const raw = kind.raw(view, bit);
  const value = kind.signed ? BigInt.asIntN(kind.bits, raw) : raw;
  const safe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return safe ? Number(value) : value.toString();
}

function findSlack(scope: Scope, covered: Uint8Array): Slack[] {
  const base = scope.bit >>> 3;
  const slack: Slack[] = [];
  for (let at = 0; at < covered.length; at++) {
    if (covered[at] !== 0 || scope.view.getUint8(base + at) === 0) continue;
    let end = at;
    let last = at;
    for (; end < covered.length && covered[end] === 0; end++)
      if (scope.view.getUint8(base + end) !== 0) last = end;
    const run = new Uint8Array(scope.view.buffer, scope.view.byteOffset + base + at, last + 1 - at);
    slack.push({ at, hex: toHex(run) });
    at = end;
  }
  return slack;
}

function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte.toString(16).padStart(2, '0');
  return out;
}

function fromHex(hex: string): Uint8Array {
  const out = new Uint8Array(hex.length >>> 1);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/**
 * Encodes what `decode` gave into `bytes`, which are cleared first and must be as long as the object. Throws
 * TypeError for a value that does not fit its row's kind.
 */
export function encode(shape: Shape, value: Decoded, bytes: Uint8Array, geometry: Geometry): void {
  bytes.fill(0);
  fill(bytes, value.slack);
  encodeShape(shape, value.fields, { view: viewOf(bytes), bit: 0, bits: bytes.length * 8, geometry });
  if (value.overlap) fill(bytes, value.overlap);
}

function fill(bytes: Uint8Array, runs: readonly Slack[]): void {
  for (const { at, hex } of runs) {
    if (at < bytes.length) bytes.set(fromHex(hex).subarray(0, bytes.length - at), at);
  }
}

/**
 * Rows go in their order, so that counts and offsets are there before what depends on them. A row that is present
 * only when some value of its own says so (a magic) is written on trial; of rows that share a name the first that
 * stays present takes the value.
 */
function encodeShape(shape: Shape, fields: { [field: string]: Plain }, scope: Scope): void {
  const done = new Set<string>();
  let next = scope.bit;
  for (const r of shape.rows) {
    if (r.view || !(r.name in fields) || done.has(r.name)) continue;
    const start = r.at ? scope.bit + r.at(scope) : next;
    const end = r.when
      ? encodeOnTrial(r, r.when, fields[r.name]!, start, scope)
      : encodeRow(r, fields[r.name]!, start, scope);
    if (end === undefined) continue;
    done.add(r.name);
    if (!r.elementAt) next = end;
  }
}

/** Writes a row if it is present then; returns the bit after it, or undefined. */
function encodeOnTrial(
  r: Row,
  when: (scope: Scope) => boolean,
  value: Plain,
  start: number,
  scope: Scope,
): number | undefined {
  const { view } = scope;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + (scope.bit >>> 3), scope.bits >>> 3);
  const before = when(scope) ? undefined : bytes.slice();
  try {
    const end = encodeRow(r, value, start, scope);
    if (when(scope)) return end;
  } catch (error) {
    // The value is that of another row of this name.
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
  }
  if (before) bytes.set(before);
  return undefined;
}

/** Writes one row; returns the bit after it. */
function encodeRow(r: Row, value: Plain, start: number, scope: Scope): number {
  const end = scope.bit + scope.bits;
  const elements = r.count === undefined ? [value] : r.kind === char ? [...String(value)] : value;
  if (!Array.isArray(elements)) throw new TypeError(`${r.name}: not an array`);
  let bit = start;
  for (let i = 0; i < elements.length; i++) {
    if (r.elementAt) bit = scope.bit + r.elementAt(scope, i);
    if (bit < scope.bit || bit >= end) break;
    bit += encodeElement(r.kind, elements[i]!, inner(scope, bit, end - bit, i));
  }
  return bit;
}

/** Writes one element at the start of `scope`; returns its bits. */
function encodeElement(kind: Kind<unknown> | Shape, value: Plain, scope: Scope): number {
  if (!isShape(kind)) {
    if (kind.bits <= scope.bits) writePlain(kind, scope.view, scope.bit, value);
    return kind.bits;
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError(`${kind.name}: not an object`);
  const fixed = kind.fixedBits ?? forkBits(kind, scope);
  encodeShape(kind, value, fixed === undefined ? scope : { ...scope, bits: Math.min(fixed, scope.bits) });
  return kind.fixedBits ?? kind.sizeBits(scope);
}

/**
 * A shape whose size comes from outside itself (a fork of an inode) must be confined to it before it is written;
 * one whose size follows from its own content cannot be asked yet, and needs no confinement.
 */
function forkBits(kind: Shape, scope: Scope): number | undefined {
  return kind.outside ? kind.sizeBits(scope) : undefined;
}

function writePlain(kind: Kind<unknown>, view: DataView, bit: number, value: Plain): void {
  if (kind.integer) {
    if (typeof value !== 'number' && typeof value !== 'string')
      throw new TypeError(`${kind.name}: not an integer`);
    kind.setRaw(view, bit, BigInt.asUintN(kind.bits, BigInt(value)));
    return;
  }
  if (typeof value !== 'string') throw new TypeError(`${kind.name}: not a string`);
  kind.write(view, bit, kind.name.startsWith('bytes') ? fromHex(value) : value);
}
