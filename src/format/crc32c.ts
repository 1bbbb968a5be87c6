/**
 * CRC32C (Castagnoli), the checksum of every XFS v5 object: reflected polynomial 0x82F63B78, seed all ones,
 * final complement. Slicing by eight: the whole of `check`'s reading goes through here.
 */

const TABLE = buildTables();

function buildTables(): Uint32Array {
  const table = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
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

/** CRC32C of `data[start, end)`. */
export function crc32c(data: Uint8Array, start = 0, end = data.length): number {
  return ~updateCrc32c(0xffffffff, data, start, end) >>> 0;
}
