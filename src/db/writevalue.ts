/**
 * Values as `write` takes them, turned into bits: numbers (decimal, 0x, 0, negative), strings in double quotes with
 * octal escapes, hexadecimal bytes (`#0011..`, or any word with hyphens in it, as UUIDs are). The bits of a value are
 * left-aligned in its bytes, most significant first, as they stand on disk.
 */

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
/** Fields of up to 64 bits are numbers; longer ones are bytes. */
const NUMBER_BITS = 64;

/** Bytes of a value for a field of `bits` bits; undefined when it is none, or does not fit. */
export function convertValue(text: string, bits: number): Uint8Array | undefined {
  if (text.startsWith('"')) return convertString(text, bits);
  if (text.startsWith('#') || text.slice(1).includes('-')) return convertHex(text, bits);
  const value = parseInteger(text);
  return value === undefined || bits > NUMBER_BITS ? undefined : numberBytes(value, bits);
}

/** A whole number as C writes it: decimal, 0x, or octal with a leading 0. */
function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return match[1] === '-' ? -value : value;
}

/** A number in `bits` bits, negative ones in two's complement; undefined when it does not fit. */
export function numberBytes(value: bigint, bits: number): Uint8Array | undefined {
  if (bits === 0) return value === 0n ? new Uint8Array(0) : undefined;
  const size = BigInt(bits);
  if (value >= 1n << size || value < -(1n << (size - 1n))) return undefined;
  const length = Math.ceil(bits / 8);
  const spare = BigInt(length * 8 - bits);
  let left = BigInt.asUintN(bits, value) << spare;
  const out = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--) {
    out[i] = Number(left & 0xffn);
    left >>= 8n;
  }
  return out;
}

function convertString(text: string, bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits / 8));
  const source = Buffer.from(text, 'utf8');
  const closing = source.lastIndexOf(QUOTE);
  const end = closing > 0 ? closing : source.length;
  let at = 1;
  for (let i = 0; i < out.length && at < end; i++) {
    const digits =
      source[at] === BACKSLASH ? /^[0-7]{1,3}/.exec(source.toString('latin1', at + 1, end)) : null;
    out[i] = digits ? Number.parseInt(digits[0], 8) & 0xff : source[at]!;
    at += digits ? digits[0].length + 1 : 1;
  }
  return out;
}

/** Pairs of digits, hyphens anywhere before a digit; fewer bytes than the field has are filled up with zeros. */
function convertHex(text: string, bits: number): Uint8Array | undefined {
  if (bits % 8 !== 0) return undefined;
  const digits = text.replace(/^#/, '').match(/^(?:-*[0-9a-fA-F]-*[0-9a-fA-F])*$/);
  if (!digits) return undefined;
  const hex = digits[0].replaceAll('-', '');
  if (hex.length > bits / 4) return undefined;
  const out = new Uint8Array(bits / 8);
  for (let i = 0; i < hex.length; i += 2) out[i / 2] = Number.parseInt(hex.slice(i, i + 2), 16);
  return out;
}

/** Copies the first `bits` bits of `from` to bit `bit` of `bytes`. */
export function putBits(bytes: Uint8Array, bit: number, bits: number, from: Uint8Array): void {
  if (bit % 8 === 0 && bits % 8 === 0) {
    bytes.set(from.subarray(0, bits / 8), bit / 8);
    return;
  }
  for (let i = 0; i < bits; i++) putBit(bytes, bit + i, getBit(from, i));
}

export function getBit(bytes: Uint8Array, bit: number): number {
  return (bytes[bit >>> 3]! >> (7 - (bit & 7))) & 1;
}

export function putBit(bytes: Uint8Array, bit: number, value: number): void {
  const mask = 0x80 >> (bit & 7);
  bytes[bit >>> 3] = value ? bytes[bit >>> 3]! | mask : bytes[bit >>> 3]! & ~mask;
}

/** Up to 64 bits as a number. */
export function takeBits(bytes: Uint8Array, bit: number, bits: number): bigint {
  let value = 0n;
  for (let i = 0; i < bits; i++) value = (value << 1n) | BigInt(getBit(bytes, bit + i));
  return value;
}
