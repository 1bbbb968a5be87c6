/**
 * Two objects of one type, field by field under db's names. Elements of arrays are compared by their index while there
 * are as many of them; otherwise what is alike at the start and at the end is set aside first, so that one record more
 * is one difference and not hundreds. What differs in bytes that no field covers is told as bytes.
 */
import { elementScope, isShape, type Placed, type Scope, type Shape } from '../../format/struct.ts';
import { presentRows } from '../field.ts';
import { type CrcState, formatScalars, isArrayRow, type Json, scalarsJson } from '../value.ts';

export interface FieldChange {
  readonly field: string;
  /** As db prints it; undefined: there is no such element on that side. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly fromJson: Json;
  readonly toJson: Json;
}

/** One of the two objects. */
export interface ObjectSide {
  readonly scope: Scope;
  readonly crc: CrcState;
}

const MOST_HEX_BYTES = 16;

export function compareFields(shape: Shape, a: ObjectSide, b: ObjectSide): FieldChange[] {
  const bytesA = bytesOf(a.scope);
  const bytesB = bytesOf(b.scope);
  const compared = new FieldCompare(a.crc, b.crc, Math.max(bytesA.length, bytesB.length));
  compared.shape(shape, a.scope, b.scope, '');
  compared.rest(bytesA, bytesB);
  return compared.changes;
}

function bytesOf({ view }: Scope): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const nameOf = ({ row }: Placed) => row.alias ?? row.name;

class FieldCompare {
  readonly changes: FieldChange[] = [];
  private readonly crcA: CrcState;
  private readonly crcB: CrcState;
  /** Bytes that a field covers, on either side. */
  private readonly covered: Uint8Array;

  constructor(crcA: CrcState, crcB: CrcState, length: number) {
    this.crcA = crcA;
    this.crcB = crcB;
    this.covered = new Uint8Array(length);
  }

  shape(shape: Shape, a: Scope, b: Scope, prefix: string): void {
    const rowsA = rowsOf(shape, a);
    const rowsB = rowsOf(shape, b);
    const inB = new Map(rowsB.map((placed) => [placed.row, placed]));
    for (const placed of rowsA) this.row(placed, inB.get(placed.row), a, b, prefix);
    const inA = new Set(rowsA.map(({ row }) => row));
    for (const placed of rowsB) if (!inA.has(placed.row)) this.row(undefined, placed, a, b, prefix);
  }

  private row(a: Placed | undefined, b: Placed | undefined, inA: Scope, inB: Scope, prefix: string): void {
    const one = (a ?? b)!;
    const path = prefix + nameOf(one);
    const { kind, base = 0 } = one.row;
    if (!isShape(kind)) {
      this.cover(a);
      this.cover(b);
    }
    if (!isArrayRow(one)) {
      this.element(a, b, inA, inB, 0, 0, path);
      return;
    }
    const pairs = pairElements(a ? keys(a, inA) : [], b ? keys(b, inB) : []);
    for (const [i, j] of pairs) {
      const index = (j ?? i)! + base;
      const [ofA, ofB] = [i === undefined ? undefined : a, j === undefined ? undefined : b];
      this.element(ofA, ofB, inA, inB, i ?? 0, j ?? 0, `${path}[${index}]`);
    }
  }

  private element(
    a: Placed | undefined,
    b: Placed | undefined,
    inA: Scope,
    inB: Scope,
    i: number,
    j: number,
    path: string,
  ): void {
    const { kind } = (a ?? b)!.row;
    if (isShape(kind)) {
      if (a && b) this.shape(kind, elementScope(inA, a, i), elementScope(inB, b, j), `${path}.`);
      else {
        const whole = a ? wholeText(a, inA, i, kind) : wholeText(b!, inB, j, kind);
        if (whole === undefined) return;
        this.cover(a);
        this.cover(b);
        this.push(path, a ? whole : undefined, b ? whole : undefined);
      }
      return;
    }
    const single = !isArrayRow((a ?? b)!);
    const last = (placed: Placed, at: number) => (single ? placed.count - 1 : at);
    const textA = a ? scalar(a, inA, i, last(a, i), this.crcA) : undefined;
    const textB = b ? scalar(b, inB, j, last(b, j), this.crcB) : undefined;
    if (textA?.text === textB?.text) return;
    this.push(path, textA, textB);
  }

  private push(field: string, a: Shown | undefined, b: Shown | undefined): void {
    const [fromJson, toJson] = [a?.json ?? null, b?.json ?? null];
    this.changes.push({ field, from: a?.text, to: b?.text, fromJson, toJson });
  }

  private cover(placed: Placed | undefined): void {
    if (!placed) return;
    for (let i = 0; i < placed.count; i++) {
      // A single bit does not speak for its byte; the flag word around it does.
      if (placed.row.view && placed.elementBits(i) < 8) continue;
      const start = placed.elementBit(i);
      const end = Math.ceil((start + placed.elementBits(i)) / 8);
      this.covered.fill(1, start >>> 3, end);
    }
  }

  /** Differences that no field shows. */
  rest(a: Uint8Array, b: Uint8Array): void {
    const end = Math.min(a.length, b.length);
    const isOpen = (at: number) => at < end && a[at] !== b[at] && this.covered[at] === 0;
    for (let at = 0; at < end; at++) {
      if (!isOpen(at)) continue;
      const start = at;
      while (isOpen(at + 1)) at++;
      const name = start === at ? `byte ${start}` : `bytes ${start}-${at}`;
      this.push(`${name}, of no field`, hexOf(a, start, at + 1), hexOf(b, start, at + 1));
    }
    if (a.length !== b.length) {
      const text = (bytes: Uint8Array) => ({ text: String(bytes.length), json: bytes.length });
      this.push('length in bytes', text(a), text(b));
    }
  }
}

/** What is printed, and spare bytes that are not; second readings that are not printed are left out. */
function rowsOf(shape: Shape, scope: Scope): readonly Placed[] {
  return presentRows(shape, scope).filter(({ row }) => !(row.hidden && row.view));
}

interface Shown {
  readonly text: string;
  readonly json: Json;
}

/** What db leaves out (null elements, blank zeros) is told here. */
function scalar(placed: Placed, scope: Scope, low: number, high: number, crc: CrcState): Shown {
  const json = scalarsJson(placed, scope, low, high, crc);
  const inner = isArrayRow(placed) && Array.isArray(json) ? (json[0] as Json) : json;
  const text = formatScalars(placed, scope, low, high, crc);
  return { text: text === '' ? String(inner) : text, json: inner };
}

function hexOf(bytes: Uint8Array, start: number, end: number): Shown {
  const shown = Buffer.from(bytes.subarray(start, Math.min(end, start + MOST_HEX_BYTES))).toString('hex');
  const text = `#${shown}${end - start > MOST_HEX_BYTES ? '...' : ''}`;
  return { text, json: text };
}

/** An element of which the other side has none: its fields in one line; undefined when it has none. */
function wholeText(placed: Placed, scope: Scope, index: number, shape: Shape): Shown | undefined {
  const json: Record<string, Json> = {};
  const texts: string[] = [];
  const walk = (inside: Shape, at: Scope, prefix: string): void => {
    for (const each of presentRows(inside, at)) {
      if (each.row.hidden) continue;
      const name = prefix + nameOf(each);
      if (isShape(each.row.kind)) walk(each.row.kind, elementScope(at, each, 0), `${name}.`);
      else {
        const value = scalarsJson(each, at, 0, each.count - 1, 'unchecked');
        json[name] = value;
        texts.push(`${name} ${formatScalars(each, at, 0, each.count - 1, 'unchecked')}`);
      }
    }
  };
  walk(shape, elementScope(scope, placed, index), '');
  return texts.length === 0 ? undefined : { text: `[${texts.join(', ')}]`, json };
}

/** The bytes of each element, for comparing. */
function keys(placed: Placed, { view }: Scope): string[] {
  return Array.from({ length: placed.count }, (_, i) => {
    const start = placed.elementBit(i);
    const end = Math.ceil((start + placed.elementBits(i)) / 8);
    return Buffer.from(view.buffer, view.byteOffset + (start >>> 3), end - (start >>> 3)).toString('latin1');
  });
}

/** Which element of one side is compared with which of the other; undefined: with none. */
export function pairElements(
  a: readonly string[],
  b: readonly string[],
): (readonly [number | undefined, number | undefined])[] {
  const pairs: (readonly [number | undefined, number | undefined])[] = [];
  if (a.length === b.length) {
    a.forEach((_key, i) => {
      pairs.push([i, i]);
    });
    return pairs;
  }
  const least = Math.min(a.length, b.length);
  let head = 0;
  while (head < least && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < least - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const endA = a.length - tail;
  const endB = b.length - tail;
  for (let i = head; i < Math.max(endA, endB); i++)
    pairs.push([i < endA ? i : undefined, i < endB ? i : undefined]);
  return pairs;
}
