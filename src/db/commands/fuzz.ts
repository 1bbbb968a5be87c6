/** `fuzz`: changes a field in one of eight ways, and `crc`: judges, spoils or renews the CRC of the current object. */
import { isShape, type Scope, type Shape } from '../../format/struct.ts';
import { DbError } from '../error.ts';
import { type FieldNode, listAll, presentRows } from '../field.ts';
import { parseOptions } from '../options.ts';
import { fieldsJson, printFields } from '../print.ts';
import { type CommandRow, type Output, objectOf, type Session } from '../session.ts';
import { beginWrite, writeCurrent } from '../write.ts';
import { getBit, numberBytes, putBit, putBits, takeBits } from '../writevalue.ts';
import { startWrite, writeField } from './write.ts';

type Fuzzer = (bytes: Uint8Array, bit: number, bits: number) => boolean;

/** Fields longer than this are no numbers. */
const NUMBER_BITS = 64;

function flip(bytes: Uint8Array, bit: number): boolean {
  putBit(bytes, bit, 1 - getBit(bytes, bit));
  return true;
}

function fill(value: number): Fuzzer {
  return (bytes, bit, bits) => {
    for (let i = 0; i < bits; i++) putBit(bytes, bit + i, value);
    return true;
  };
}

/** Adds a prime that no usual bound divides. */
function step(sign: 1n | -1n): Fuzzer {
  return (bytes, bit, bits) => {
    if (bits > NUMBER_BITS) return false;
    const value = takeBits(bytes, bit, bits) + sign * (bits > 8 ? 2017n : 137n);
    putBits(bytes, bit, bits, numberBytes(BigInt.asUintN(bits, value), bits)!);
    return true;
  };
}

function randomize(bytes: Uint8Array, bit: number, bits: number): boolean {
  const random = Uint8Array.from({ length: Math.ceil(bits / 8) }, () => Math.floor(Math.random() * 256));
  putBits(bytes, bit, bits, random);
  return true;
}

const FUZZERS: ReadonlyMap<string, Fuzzer> = new Map<string, Fuzzer>([
  ['zeroes', fill(0)],
  ['ones', fill(1)],
  ['firstbit', (bytes, bit) => flip(bytes, bit)],
  ['middlebit', (bytes, bit, bits) => flip(bytes, bit + Math.floor(bits / 2))],
  ['lastbit', (bytes, bit, bits) => flip(bytes, bit + bits - 1)],
  ['add', step(1n)],
  ['sub', step(-1n)],
  ['random', randomize],
]);

function runFuzz(session: Session, args: readonly string[]): Output {
  const start = startWrite(session, { name: 'fuzz', doing: 'fuzzing' }, args);
  const { type } = session.cursor.top;
  if (!type!.shape) {
    throw new DbError(
      type!.print === 'text'
        ? 'text writing/fuzzing not supported.'
        : "use 'blocktrash' or 'write' to fuzz a block.",
    );
  }
  const [path, verb] = start.rest;
  if (path === undefined || verb === undefined || start.rest.length !== 2) {
    const verbs = [...FUZZERS.keys()].join(', ');
    throw new DbError(`${start.lead}Usage: fuzz fieldname fuzzcmd\nFuzz commands: ${verbs}.`);
  }
  const fuzzer = FUZZERS.get(verb);
  if (!fuzzer) throw new DbError(`${start.lead}Unknown fuzz command '${verb}'.`);
  return writeField(session, start, path, (bytes, bit, bits) =>
    fuzzer(bytes, bit, bits) ? undefined : `unable to fuzz field '${path}'`,
  );
}

const fuzz: CommandRow = {
  name: 'fuzz',
  args: '[-c] [-d] field fuzzcmd...',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  expert: true,
  completes: 'field',
  summary: 'fuzz values on disk',
  help: [
    `fuzz core.uid VERB, where VERB is one of: ${[...FUZZERS.keys()].join(' ')}`,
    'add and sub change a number by 2017, of up to 8 bits by 137.',
    '-c and -d as with write.',
  ],
  run: runFuzz,
};

/** The CRC field of an object, as the nodes that lead to it; undefined where there is none. */
function crcNode(shape: Shape, scope: Scope): FieldNode | undefined {
  for (const placed of presentRows(shape, scope)) {
    if (placed.row.shown === 'crc') {
      const name = placed.row.alias ?? placed.row.name;
      return { name, placed, scope, low: 0, high: 0, children: [] };
    }
    if (!isShape(placed.row.kind) || placed.row.count !== undefined) continue;
    const [node] = listAll(shape, scope).filter((candidate) => candidate.placed.row === placed.row);
    const child = node && crcNode(placed.row.kind, node.children[0]?.scope ?? scope);
    if (node && child) return { ...node, children: [child] };
  }
  return undefined;
}

/** Adds one to the stored number and stores it with its bytes turned round, as the reference does on x86. */
function spoil(bytes: Uint8Array, bit: number): void {
  const at = bit >>> 3;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 4);
  view.setUint32(0, (view.getUint32(0) + 1) >>> 0, true);
}

const VERBS: Readonly<Record<string, string>> = { i: 'Invalidating', r: 'Recalculating', v: 'Verifying' };

function runCrc(session: Session, args: readonly string[]): Output {
  const { cursor, program, expert, writable } = session;
  const { type } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (!type.shape) throw new DbError(`current type (${type.name}) is not a structure`);
  const { options } = parseOptions(args, 'irv', () => new DbError('bad option for crc command'));
  const letters = new Set(options.map(([letter]) => letter));
  if (letters.size > 1) throw new DbError('crc command accepts only one option');
  const [letter = 'v'] = letters;
  if (letter !== 'v' && !(expert && writable)) {
    throw new DbError(`${program} not in expert mode, writing disabled`);
  }
  const { shape, scope } = objectOf(cursor);
  const node = crcNode(shape, scope);
  if (!node) throw new DbError(`No CRC field found for type ${type.name}`);
  const place = cursor.top;
  let text = `${VERBS[letter]} CRC:\n`;
  let failed = false;
  if (letter !== 'v') {
    let leaf = node;
    while (leaf.children[0]) leaf = leaf.children[0];
    beginWrite(place);
    if (letter === 'i') spoil(place.data, leaf.placed.bit);
    const written = writeCurrent(cursor, letter === 'i' ? 'corrupt' : 'verified');
    text += written.text;
    failed = written.refused;
    cursor.reread(place);
  }
  const json = { type: type.name, fields: fieldsJson([node], place.crc) };
  return { text: text + printFields([node], place.crc), json, failed };
}

const crc: CommandRow = {
  name: 'crc',
  args: '[-i|-r|-v]',
  least: 0,
  most: 1,
  summary: 'manipulate crc values for V5 filesystem structures',
  help: [
    '-v  judge the CRC of the current object (as without an option)',
    '-i  make it wrong (with -x)',
    '-r  compute and write it (with -x)',
  ],
  run: runCrc,
};

export const FUZZ_COMMANDS: readonly CommandRow[] = [fuzz, crc];
