/**
 * CRC32C (Castagnoli), the checksum of every XFS v5 object: reflected polynomial 0x82F63B78, seed all ones,
 * final complement. Slicing by eight: the whole of `check`'s reading goes through here.
 */

const POLYNOMIAL = 0x82f63b78;
const TABLE = buildTables();

function buildTables(): Uint32Array {
  const table = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[n] = crc;
  }
  for (let n = 0; n < 256; n++) {
    for (let k = 1; k < 8; k++) {
      const before = table[(k - 1) * 256 + n]!;
      table[k * 256 + n] = table[before & 0xff]! ^ (before >>> 8);
    }
  }
  return table;
}

/** What byte `n` comes to when `k` further bytes follow it. */
export function crcTable(k: number, n: number): number {
  if (k < 8) return TABLE[k * 256 + n]!;
  const before = crcTable(k - 1, n);
  return TABLE[before & 0xff]! ^ (before >>> 8);
}

/** Continues a raw (not complemented) CRC over `data[start, end)`; start with `0xffffffff`. */
export function updateCrc32c(crc: number, data: Uint8Array, start: number, end: number): number {
  const t = TABLE;
  let c = crc;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    c ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    c =
      t[1792 + (c & 0xff)]! ^
      t[1536 + ((c >>> 8) & 0xff)]! ^
      t[1280 + ((c >>> 16) & 0xff)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + data[i + 4]!]! ^
      t[512 + data[i + 5]!]! ^
      t[256 + data[i + 6]!]! ^
      t[data[i + 7]!]!;
  }
  for (; i < end; i++) c = t[(c ^ data[i]!) & 0xff]! ^ (c >>> 8);
  return c;
}

/** Product of two polynomials modulo the CRC's own; bit 31 is the coefficient of x^0, as the register has it. */
function multiply(a: number, b: number): number {
  let product = 0;
  let power = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= power;
    power = power & 1 ? (power >>> 1) ^ POLYNOMIAL : power >>> 1;
  }
  return product;
}

/** x^8, x^16, x^32, ...: what 1, 2, 4, ... bytes of zeros multiply the register by. */
const ZERO_BYTES: number[] = [0x00800000];

/**
 * Continues a raw CRC over `length` zero bytes, fewer than 2^31. As quick for a thousand as for ten: a new process,
 * whose code is not compiled yet, spends most of a block's time on the zeros behind its records.
 */
export function updateCrc32cZeros(crc: number, length: number): number {
  let c = crc;
  for (let k = 0; length >>> k !== 0; k++) {
    ZERO_BYTES[k] ??= multiply(ZERO_BYTES[k - 1]!, ZERO_BYTES[k - 1]!);
    if ((length >>> k) & 1) c = multiply(ZERO_BYTES[k]!, c);
  }
  return c;
}

/** CRC32C of `data[start, end)`. */
export function crc32c(data: Uint8Array, start = 0, end = data.length): number {
  return ~updateCrc32c(0xffffffff, data, start, end) >>> 0;
}
