/**
 * Values as text and as JSON, by the `shown` of their rows.
 *
 * The text is that of xfs_db, so that scripts which read it carry over: an array of numbers is `index:value` pairs
 * with a space between; a single number stands alone; elements that `shown` leaves out leave their space out as
 * well, but not the one before the next; hexadecimal and octal zero are a bare 0; times are C's ctime in local time.
 */
import { DISK_DQUOT } from '../format/dquot.ts';
import { scopeBigtime } from '../format/inode.ts';
import type { Kind } from '../format/kinds.ts';
import type { Placed, Scope } from '../format/struct.ts';
import { decodeQuotaTimer, decodeTimestamp } from '../format/time.ts';

/** Whether the CRC of the object being looked at is right; unchecked where its type has none. */
export type CrcState = 'correct' | 'bad' | 'unchecked';

/** JSON of a value; 64-bit integers beyond 2^53 become strings of digits. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const FORMATS = ['dev', 'local', 'extents', 'btree', 'uuid', 'meta_btree'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Seconds since 1970 as C's ctime writes them, in local time. */
export function formatTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const day = String(date.getDate()).padStart(2, ' ');
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${day} ${clock} ${date.getFullYear()}`;
}

/** Bytes between double quotes; control characters 7 to 13 as \a to \g, others in octal. */
export function quoteBytes(bytes: Uint8Array): string {
  let out = '"';
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    if ('\\\'"?'.includes(c)) out += `\\${c}`;
    else if (byte >= 32 && byte < 127) out += c;
    else if (byte >= 7 && byte <= 13) out += `\\${String.fromCharCode(byte - 7 + 97)}`;
    else out += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${out}"`;
}

/** Bytes as a JSON string: UTF-8 where it is valid, else one character a byte. */
function textJson(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}

function viewBytes(view: DataView, bit: number, count: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + (bit >>> 3), count);
}

function attachSign(raw: bigint, bits: number, signed: boolean): bigint {
  return signed ? BigInt.asIntN(bits, raw) : raw;
}

function isAllOnes(raw: bigint, bits: number): boolean {
  return raw === (1n << BigInt(bits)) - 1n;
}

interface Reading {
  readonly kind: Kind<unknown>;
  readonly shown: string;
  readonly scope: Scope;
  readonly crc: CrcState;
}

/** One value at `bit`; undefined where `shown` leaves it out. */
function scalarText({ kind, shown, scope, crc }: Reading, bit: number): string | undefined {
  const { view } = scope;
  if (!kind.integer) return otherText(kind, view, bit, shown);
  const raw = kind.raw(view, bit);
  switch (shown) {
    case 'hex':
      return hexText(raw);
    case 'hexblank':
      return raw === 0n ? undefined : hexText(raw);
    case 'signed':
      return BigInt.asIntN(kind.bits, raw).toString();
    case 'octal':
      return raw === 0n ? '0' : `0${raw.toString(8)}`;
    case 'null':
      return isAllOnes(raw, kind.bits) ? 'null' : raw.toString();
    case 'nonnull':
      return isAllOnes(raw, kind.bits) ? undefined : raw.toString();
    case 'blank':
      if (raw === 0n) return undefined;
      return isAllOnes(raw, kind.bits) ? 'null' : raw.toString();
    case 'crc':
      return `${hexText(storedWord(view, bit))} (${crc})`;
    case 'format': {
      const name = FORMATS[Number(raw)];
      return name === undefined ? raw.toString() : `${raw} (${name})`;
    }
    case 'time':
      return formatTime(decodeTimestamp(raw, scopeBigtime(scope)).seconds);
    case 'nsec':
      return String(decodeTimestamp(raw, scopeBigtime(scope)).nanoseconds);
    case 'qtimer':
      return timerText(scope, Number(raw));
    default:
      return attachSign(raw, kind.bits, kind.signed).toString();
  }
}

function hexText(raw: bigint): string {
  return raw === 0n ? '0' : `0x${raw.toString(16)}`;
}

/** A CRC is stored little-endian, but xfs_db shows its bytes as they stand. */
function storedWord(view: DataView, bit: number): bigint {
  return BigInt(view.getUint32(bit >>> 3));
}

function otherText(kind: Kind<unknown>, view: DataView, bit: number, shown: string): string {
  if (kind.name === 'uuid') return kind.read(view, bit) as string;
  const bytes = viewBytes(view, bit, kind.bits / 8);
  if (shown !== 'hex') return quoteBytes(bytes);
  return Array.from(bytes, (byte, i) => `${i}:${hexText(BigInt(byte))}`).join(' ');
}

/** The timers of id 0 are grace periods, and zero is no time: plain numbers. */
function timerText(scope: Scope, raw: number): string {
  const at = scope.bit >>> 3;
  const id = scope.view.getUint32(at + DISK_DQUOT.offset.id);
  const bigtime = (scope.view.getUint8(at + DISK_DQUOT.offset.type) & 0x80) !== 0;
  const seconds = decodeQuotaTimer(raw, bigtime);
  return id === 0 || seconds === 0 ? String(seconds) : formatTime(seconds);
}

/** Whether a row is text: all its elements together are one value, and it takes no index. */
function isTextRow(placed: Placed): boolean {
  return placed.row.shown === 'text' || placed.row.kind.name === 'char';
}

export function isArrayRow(placed: Placed): boolean {
  return placed.row.count !== undefined && !isTextRow(placed);
}

function textBytes(placed: Placed, scope: Scope): Uint8Array {
  return viewBytes(scope.view, placed.bit, placed.bits / 8);
}

function readingOf(placed: Placed, scope: Scope, crc: CrcState): Reading {
  return {
    kind: placed.row.kind as Kind<unknown>,
    shown: placed.row.shown ?? 'decimal',
    scope,
    crc,
  };
}

/** Text of elements `low` to `high` (from 0) of a row of scalars. */
export function formatScalars(
  placed: Placed,
  scope: Scope,
  low: number,
  high: number,
  crc: CrcState,
): string {
  if (isTextRow(placed)) {
    const bytes = textBytes(placed, scope);
    if (placed.row.shown === 'chars') return [...Buffer.from(bytes).toString('latin1')].join(' ');
    return quoteBytes(bytes);
  }
  const reading = readingOf(placed, scope, crc);
  const base = placed.row.base ?? 0;
  const last = Math.min(high, placed.count - 1);
  const indexed = isArrayRow(placed) && last > low;
  let out = '';
  for (let i = low; i <= last; i++) {
    const text = scalarText(reading, placed.elementBit(i));
    if (text === undefined) continue;
    out += `${indexed ? `${i + base}:` : ''}${text}${i < last ? ' ' : ''}`;
  }
  return out;
}

/** JSON of one scalar: numbers as numbers, masks and LSNs as hexadecimal text. */
function scalarJson(reading: Reading, bit: number): Json {
  const { kind, shown, scope } = reading;
  if (!kind.integer) {
    if (kind.name === 'uuid') return kind.read(scope.view, bit) as string;
    return textJson(viewBytes(scope.view, bit, kind.bits / 8));
  }
  const raw = kind.raw(scope.view, bit);
  if (shown === 'hex' || shown === 'octal')
    return `${shown === 'hex' ? '0x' : '0o'}${raw.toString(shown === 'hex' ? 16 : 8)}`;
  if (shown === 'crc') return { value: hexText(storedWord(scope.view, bit)), state: reading.crc };
  if (shown === 'time') return decodeTimestamp(raw, scopeBigtime(scope)).seconds;
  if (shown === 'nsec') return decodeTimestamp(raw, scopeBigtime(scope)).nanoseconds;
  const mayBeNull = shown === 'null' || shown === 'nonnull' || shown === 'blank';
  if (mayBeNull && isAllOnes(raw, kind.bits)) return null;
  return integerJson(attachSign(raw, kind.bits, kind.signed));
}

/** JSON of a whole number: a number where that is exact, else its digits as a string. */
export function integerJson(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

export function scalarsJson(placed: Placed, scope: Scope, low: number, high: number, crc: CrcState): Json {
  if (isTextRow(placed)) return textJson(textBytes(placed, scope));
  const reading = readingOf(placed, scope, crc);
  if (!isArrayRow(placed)) return scalarJson(reading, placed.bit);
  const length = Math.min(high, placed.count - 1) - low + 1;
  return Array.from({ length }, (_, i) => scalarJson(reading, placed.elementBit(low + i)));
}
