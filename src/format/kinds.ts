/**
 * Kinds: how one field's bits become a value and back.
 *
 * XFS is big-endian on disk, except checksums and the payload of log items, which are little-endian. A kind
 * reads and writes at a *bit* offset, because bmbt records (1+54+52+21 bits) and refcount records (1+31) pack
 * fields below the byte; all other kinds must stand on a byte boundary.
 *
 * 64-bit quantities come in two forms. `u64` is exact and a bigint: masks, LSNs, sizes in bytes. `count64`
 * is a number: block counts, block and inode numbers, which we refuse from 2^53 on; all ones (the null value)
 * reads as -1. `raw` is exact for every integer kind, for printing and editing.
 */

export interface Kind<T> {
  readonly name: string;
  readonly bits: number;
  /** Integers can be shown in any radix and edited; other kinds (uuid, text, bytes) print as they are. */
  readonly integer: boolean;
  readonly signed: boolean;
  read(view: DataView, bit: number): T;
  write(view: DataView, bit: number, value: T): void;
  /** The stored bits as an unsigned integer, exact. */
  raw(view: DataView, bit: number): bigint;
  setRaw(view: DataView, bit: number, value: bigint): void;
}

const TWO_32 = 2 ** 32;

/** Reads a big-endian 64-bit count as a number; all ones is -1; inexact (but large) from 2^53 on. */
export function readCount64(view: DataView, byte: number): number {
  const high = view.getUint32(byte);
  const low = view.getUint32(byte + 4);
  if (high === 0xffffffff && low === 0xffffffff) return -1;
  return high * TWO_32 + low;
}

/** Writes a count below 2^53, or -1 as all ones. */
export function writeCount64(view: DataView, byte: number, value: number): void {
  if (value === -1) {
    view.setUint32(byte, 0xffffffff);
    view.setUint32(byte + 4, 0xffffffff);
    return;
  }
  view.setUint32(byte, Math.floor(value / TWO_32));
  view.setUint32(byte + 4, value % TWO_32);
}

function readBits(view: DataView, bit: number, bits: number): bigint {
  let value = 0n;
  for (let at = bit; at < bit + bits; ) {
    const inByte = at & 7;
    const take = Math.min(8 - inByte, bit + bits - at);
    const piece = (view.getUint8(at >>> 3) >> (8 - inByte - take)) & ((1 << take) - 1);
    value = (value << BigInt(take)) | BigInt(piece);
    at += take;
  }
  return value;
}

function writeBits(view: DataView, bit: number, bits: number, value: bigint): void {
  let left = BigInt.asUintN(bits, value);
  for (let end = bit + bits; end > bit; ) {
    const start = Math.max(bit, (end - 1) & ~7);
    const take = end - start;
    const shift = (8 - (end & 7)) & 7;
    const mask = ((1 << take) - 1) << shift;
    const piece = Number(left & BigInt((1 << take) - 1)) << shift;
    view.setUint8(start >>> 3, (view.getUint8(start >>> 3) & ~mask) | piece);
    left >>= BigInt(take);
    end = start;
  }
}

interface IntegerOptions {
  readonly signed?: boolean;
}

/** A field of `bits` bits below or across bytes; number up to 53 bits. */
export function bits(count: number): Kind<number> {
  return {
    name: `bits${count}`,
    bits: count,
    integer: true,
    signed: false,
    read: (view, bit) => Number(readBits(view, bit, count)),
    write: (view, bit, value) => writeBits(view, bit, count, BigInt(value)),
    raw: (view, bit) => readBits(view, bit, count),
    setRaw: (view, bit, value) => writeBits(view, bit, count, value),
  };
}

function number(
  name: string,
  bitCount: number,
  get: (view: DataView, byte: number) => number,
  set: (view: DataView, byte: number, value: number) => void,
  options: IntegerOptions = {},
): Kind<number> {
  return {
    name,
    bits: bitCount,
    integer: true,
    signed: options.signed ?? false,
    read: (view, bit) => get(view, bit >>> 3),
    write: (view, bit, value) => set(view, bit >>> 3, value),
    raw: (view, bit) => BigInt.asUintN(bitCount, BigInt(get(view, bit >>> 3))),
    setRaw: (view, bit, value) =>
      set(
        view,
        bit >>> 3,
        Number(options.signed ? BigInt.asIntN(bitCount, value) : BigInt.asUintN(bitCount, value)),
      ),
  };
}

export const u8 = number(
  'u8',
  8,
  (v, o) => v.getUint8(o),
  (v, o, x) => v.setUint8(o, x),
);
export const u16 = number(
  'u16',
  16,
  (v, o) => v.getUint16(o),
  (v, o, x) => v.setUint16(o, x),
);
export const u32 = number(
  'u32',
  32,
  (v, o) => v.getUint32(o),
  (v, o, x) => v.setUint32(o, x),
);
export const i8 = number(
  'i8',
  8,
  (v, o) => v.getInt8(o),
  (v, o, x) => v.setInt8(o, x),
  { signed: true },
);
export const i16 = number(
  'i16',
  16,
  (v, o) => v.getInt16(o),
  (v, o, x) => v.setInt16(o, x),
  { signed: true },
);
export const i32 = number(
  'i32',
  32,
  (v, o) => v.getInt32(o),
  (v, o, x) => v.setInt32(o, x),
  { signed: true },
);
export const le16 = number(
  'le16',
  16,
  (v, o) => v.getUint16(o, true),
  (v, o, x) => v.setUint16(o, x, true),
);
export const le32 = number(
  'le32',
  32,
  (v, o) => v.getUint32(o, true),
  (v, o, x) => v.setUint32(o, x, true),
);
export const lei32 = number(
  'lei32',
  32,
  (v, o) => v.getInt32(o, true),
  (v, o, x) => v.setInt32(o, x, true),
  { signed: true },
);

function wide(name: string, littleEndian: boolean, signed: boolean): Kind<bigint> {
  return {
    name,
    bits: 64,
    integer: true,
    signed,
    read: (view, bit) =>
      signed ? view.getBigInt64(bit >>> 3, littleEndian) : view.getBigUint64(bit >>> 3, littleEndian),
    write: (view, bit, value) => view.setBigUint64(bit >>> 3, BigInt.asUintN(64, value), littleEndian),
    raw: (view, bit) => view.getBigUint64(bit >>> 3, littleEndian),
    setRaw: (view, bit, value) => view.setBigUint64(bit >>> 3, BigInt.asUintN(64, value), littleEndian),
  };
}

export const u64 = wide('u64', false, false);
export const i64 = wide('i64', false, true);
export const le64 = wide('le64', true, false);
export const lei64 = wide('lei64', true, true);

/** Block count, block number or inode number: a number below 2^53, -1 for all ones. */
export const count64: Kind<number> = {
  name: 'count64',
  bits: 64,
  integer: true,
  signed: false,
  read: (view, bit) => readCount64(view, bit >>> 3),
  write: (view, bit, value) => writeCount64(view, bit >>> 3, value),
  raw: u64.raw,
  setRaw: u64.setRaw,
};

function notInteger(name: string): never {
  throw new TypeError(`${name} is not an integer kind`);
}

/** `count` raw bytes; the value is a copy. */
export function bytes(count: number): Kind<Uint8Array> {
  const name = `bytes${count}`;
  return {
    name,
    bits: count * 8,
    integer: false,
    signed: false,
    read: (view, bit) => new Uint8Array(view.buffer, view.byteOffset + (bit >>> 3), count).slice(),
    write: (view, bit, value) =>
      new Uint8Array(view.buffer, view.byteOffset + (bit >>> 3), count).set(value.subarray(0, count)),
    raw: () => notInteger(name),
    setRaw: () => notInteger(name),
  };
}

/** `count` bytes of text, one character a byte (latin1, so that any bytes survive), zero padded. */
export function text(count: number): Kind<string> {
  const name = `text${count}`;
  return {
    name,
    bits: count * 8,
    integer: false,
    signed: false,
    read: (view, bit) => {
      let end = count;
      while (end > 0 && view.getUint8((bit >>> 3) + end - 1) === 0) end--;
      let out = '';
      for (let i = 0; i < end; i++) out += String.fromCharCode(view.getUint8((bit >>> 3) + i));
      return out;
    },
    write: (view, bit, value) => {
      for (let i = 0; i < count; i++)
        view.setUint8((bit >>> 3) + i, i < value.length ? value.charCodeAt(i) : 0);
    },
    raw: () => notInteger(name),
    setRaw: () => notInteger(name),
  };
}

/** One byte of text (latin1); an array of these is one string, of which every byte counts. */
export const char: Kind<string> = {
  name: 'char',
  bits: 8,
  integer: false,
  signed: false,
  read: (view, bit) => String.fromCharCode(view.getUint8(bit >>> 3)),
  write: (view, bit, value) => view.setUint8(bit >>> 3, value.charCodeAt(0)),
  raw: () => notInteger('char'),
  setRaw: () => notInteger('char'),
};

/** A UUID as its usual lower-case text. */
export const uuid: Kind<string> = {
  name: 'uuid',
  bits: 128,
  integer: false,
  signed: false,
  read: (view, bit) => formatUuid(new Uint8Array(view.buffer, view.byteOffset + (bit >>> 3), 16)),
  write: (view, bit, value) =>
    new Uint8Array(view.buffer, view.byteOffset + (bit >>> 3), 16).set(parseUuid(value)),
  raw: () => notInteger('uuid'),
  setRaw: () => notInteger('uuid'),
};

export function formatUuid(sixteen: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < 16; i++) hex += sixteen[i]!.toString(16).padStart(2, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function parseUuid(value: string): Uint8Array {
  const hex = value.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new TypeError(`not a UUID: ${value}`);
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
