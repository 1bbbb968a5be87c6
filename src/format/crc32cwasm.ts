/**
 * CRC32C over data that lies in a WebAssembly memory: the same sums as crc32c.ts, several times as fast. JavaScript
 * loads a byte at a time and checks each index; the machine code that V8 makes of this module loads words, takes
 * sixteen bytes a round and passes over zeros at the end of an object, which are most of an inode, by their number.
 *
 * The module is assembled here, from the text below, when it is first asked for: 300 bytes, no build step, and
 * nothing that could differ from its source. Where an engine has no WebAssembly, or no address space for it
 * (`ulimit -v`), there is none, and the caller keeps to crc32c.ts.
 *
 * Memory: slicing tables (16 KiB), tables that multiply a register by zeros (4 KiB for each power of two), data.
 */
import { crcTable, updateCrc32cZeros } from './crc32c.ts';

/** Bytes taken in one round. */
const ROUND = 16;
const TABLE_BYTES = 1024;
/** Zeros are counted in steps of this many bytes. */
const STEP_BITS = 5;
const STEP = 1 << STEP_BITS;
/** Powers of two of steps: enough for 64 KiB, the largest block. */
const POWERS = 12;
const ZERO_TABLES = ROUND * TABLE_BYTES;
const PAGE = 65_536;
const DATA = PAGE * Math.ceil((ZERO_TABLES + POWERS * 4 * TABLE_BYTES) / PAGE);

/** The longest object that may be summed: its zeros must be fewer steps than the tables have powers for. */
const LONGEST = (STEP << POWERS) - 1;

// --- the assembler: what WebAssembly calls an instruction, as bytes -----------------------------------------

type Code = readonly number[];

const I32 = 0x7f;
const VOID = 0x40;

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** Offsets and lengths are unsigned. */
function uleb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(value >>> 7)];
}

const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];
const constant = (value: number): Code => [0x41, ...leb(value)];
const operation =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, opcode];
const add = operation(0x6a);
const subtract = operation(0x6b);
const and = operation(0x71);
const or = operation(0x72);
const xor = operation(0x73);
const shiftLeft = operation(0x74);
const shiftRight = operation(0x76);
const isLess = operation(0x49);
const isMore = operation(0x4b);
const load = (address: Code, offset: number): Code => [...address, 0x28, 0, ...uleb(offset)];
const loadByte = (address: Code): Code => [...address, 0x2d, 0, 0];
const store = (address: Code, value: Code): Code => [...address, ...value, 0x36, 0, 0];
const not = (value: Code): Code => [...value, 0x45];
/** Repeats `body` while `condition` holds. */
const loop = (condition: Code, ...body: Code[]): Code => [
  ...[0x02, VOID, 0x03, VOID],
  ...not(condition),
  ...[0x0d, 1],
  ...body.flat(),
  ...[0x0c, 0, 0x0b, 0x0b],
];
const when = (condition: Code, body: Code): Code => [...condition, 0x04, VOID, ...body, 0x0b];

const section = (id: number, content: Code): number[] => [id, ...uleb(content.length), ...content];
const name = (text: string): number[] => [text.length, ...[...text].map((c) => c.charCodeAt(0))];

// --- the program --------------------------------------------------------------------------------------------

/** Parameters, then locals. */
const [START, END, HOLE, CRC, AT, STOP, KEPT, W0, W1, W2, W3, TABLE] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const LOCALS = 9;

/** What byte `byte` of `word` contributes, by the table at `offset`; the index comes out as an offset of words. */
function lookUp(word: Code, byte: number, table: Code | undefined, offset: number): Code {
  const moved = byte === 0 ? shiftLeft(word, constant(2)) : shiftRight(word, constant(8 * byte - 2));
  const index = and(moved, constant(0x3fc));
  return load(table ? add(index, table) : index, offset);
}

/** Four bytes of a word, the first by the table at `offset`, each further one by the table `step` bytes on. */
function lookUpWord(word: Code, table: Code | undefined, offset: number, step: number): Code {
  const one = (byte: number): Code => lookUp(word, byte, table, offset + byte * step);
  return xor(xor(one(0), one(1)), xor(one(2), one(3)));
}

/**
 * sum(start, end, hole): the CRC of the bytes from start up to end, the four at `hole` taken as zeros. They are
 * zeros while it runs, and what they were when it returns.
 */
function program(): Code {
  const words = [W0, W1, W2, W3] as number[];
  const at = get(AT!);
  const crc = get(CRC!);
  const word = (i: number): Code => load(subtract(get(STOP!), constant(STEP)), 4 * i);
  const allZero = not([0, 1, 2, 3, 4, 5, 6, 7].map(word).reduce((a, b) => or(a, b)));
  const tableOf = (i: number): number => (ROUND - 1 - 4 * i) * TABLE_BYTES;
  const later = [1, 2, 3].map((i) => lookUpWord(get(words[i]!), undefined, tableOf(i), -TABLE_BYTES));
  // The first word waits for the register; all others are independent of it and go ahead.
  const first = lookUpWord(get(W0!), undefined, tableOf(0), -TABLE_BYTES);
  const isRoom = not(isLess(subtract(get(STOP!), constant(STEP)), get(START!)));
  return [
    ...set(KEPT!, load(get(HOLE!), 0)),
    ...store(get(HOLE!), constant(0)),
    ...set(STOP!, get(END!)),
    ...loop(and(isRoom, allZero), set(STOP!, subtract(get(STOP!), constant(STEP)))),
    ...set(CRC!, constant(-1)),
    ...set(AT!, get(START!)),
    ...loop(
      not(isMore(add(at, constant(ROUND)), get(STOP!))),
      set(W0!, xor(load(at, 0), crc)),
      ...[1, 2, 3].map((i) => set(words[i]!, load(at, 4 * i))),
      set(CRC!, xor(xor(xor(later[0]!, later[1]!), later[2]!), first)),
      set(AT!, add(at, constant(ROUND))),
    ),
    ...loop(
      isLess(at, get(STOP!)),
      set(CRC!, xor(shiftRight(crc, constant(8)), lookUp(xor(crc, loadByte(at)), 0, undefined, 0))),
      set(AT!, add(at, constant(1))),
    ),
    ...set(AT!, shiftRight(subtract(get(END!), get(STOP!)), constant(STEP_BITS))),
    ...set(TABLE!, constant(ZERO_TABLES)),
    ...loop(
      at,
      when(and(at, constant(1)), set(CRC!, lookUpWord(crc, get(TABLE!), 0, TABLE_BYTES))),
      set(TABLE!, add(get(TABLE!), constant(4 * TABLE_BYTES))),
      set(AT!, shiftRight(at, constant(1))),
    ),
    ...store(get(HOLE!), get(KEPT!)),
    ...xor(crc, constant(-1)),
  ];
}

function assemble(): Uint8Array<ArrayBuffer> {
  const body = [1, LOCALS, I32, ...program(), 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('sum'), 0, 0]),
    ...section(10, [1, ...uleb(body.length), ...body]),
  ]);
}

function fillTables(memory: ArrayBuffer): void {
  const words = new Uint32Array(memory);
  for (let k = 0; k < ROUND; k++) {
    for (let n = 0; n < 256; n++) words[k * 256 + n] = crcTable(k, n);
  }
  for (let power = 0, base = ZERO_TABLES >> 2; power < POWERS; power++, base += 1024) {
    const twice = (crc: number): number =>
      multiplied(words, base - 1024, multiplied(words, base - 1024, crc));
    for (let bit = 0; bit < 32; bit++) {
      const one = power === 0 ? updateCrc32cZeros(1 << bit, STEP) : twice(1 << bit);
      // Multiplying is linear: a byte comes to the sum of what its bits come to.
      const row = base + 256 * (bit >> 3);
      const high = 1 << (bit & 7);
      for (let n = 0; n < high; n++) words[row + high + n] = words[row + n]! ^ one;
    }
  }
}

/** A register multiplied by the zeros of the tables at `base`. */
function multiplied(words: Uint32Array, base: number, crc: number): number {
  let product = 0;
  for (let byte = 0; byte < 4; byte++) product ^= words[base + 256 * byte + ((crc >>> (8 * byte)) & 0xff)]!;
  return product;
}

// --- its use ------------------------------------------------------------------------------------------------

export interface SummingMemory {
  readonly buffer: ArrayBufferLike;
  /** Where data may lie. */
  readonly from: number;
  /** CRC32C of `buffer[start, end)`, at most `longest` bytes, with the four bytes at `hole` as zeros. */
  readonly sum: (start: number, end: number, hole: number) => number;
  readonly longest: number;
}

/** The part of WebAssembly that is needed; the types of neither Node nor ECMAScript know it. */
interface Engine {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly sum: SummingMemory['sum'] } };
}

/** A memory with room for `length` bytes of data, all zeros; undefined where there is no WebAssembly. */
export function summingMemory(length: number): SummingMemory | undefined {
  const { WebAssembly } = globalThis as { WebAssembly?: Engine };
  if (!WebAssembly) return undefined;
  try {
    const pages = Math.ceil((DATA + length) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const module = new WebAssembly.Module(assemble());
    const { exports } = new WebAssembly.Instance(module, { m: { m: memory } });
    fillTables(memory.buffer);
    const { sum } = exports;
    return { buffer: memory.buffer, from: DATA, longest: LONGEST, sum: (a, b, c) => sum(a, b, c) >>> 0 };
  } catch {
    return undefined; // No address space, or an embedder that forbids compiling.
  }
}
