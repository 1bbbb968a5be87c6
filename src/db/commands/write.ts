/** `write`: sets a field of the current object, or changes a buffer of plain bytes. */
import { magicComplaints } from '../badmagic.ts';
import { blockVerb } from '../blockwrite.ts';
import { DbError } from '../error.ts';
import type { FieldNode } from '../field.ts';
import { parseOptions } from '../options.ts';
import { fieldsJson, printFields } from '../print.ts';
import { type CommandRow, type Output, objectOf, type Session } from '../session.ts';
import type { CrcState } from '../value.ts';
import { beginWrite, type WriteMode, writeCurrent } from '../write.ts';
import { fieldBits } from '../writefield.ts';
import { convertValue, putBits } from '../writevalue.ts';

/** What `write` and `fuzz` have in common: the words of their messages differ. */
export interface Verb {
  readonly name: 'write' | 'fuzz';
  readonly doing: 'writing' | 'fuzzing';
}

export interface Start {
  readonly mode: WriteMode;
  readonly rest: readonly string[];
  /** What was said about the mode, with its newline. */
  readonly lead: string;
}

/** Options, and whether there is anything that can be written. Throws DbError. */
export function startWrite(
  { cursor, program, writable }: Session,
  verb: Verb,
  args: readonly string[],
): Start {
  if (!writable) throw new DbError(`${program} started in read only mode, ${verb.doing} disabled`);
  const { type } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (type.print === 'none') {
    throw new DbError(`no handler function for type ${type.name}, ${verb.name} unsupported.`);
  }
  const bad = () => new DbError(`bad option for ${verb.name} command`);
  // A negative number is a value, though it begins as an option does.
  const guarded = args.map((word) => (/^-\d/.test(word) ? ` ${word}` : word));
  const { options, rest } = parseOptions(guarded, 'cd', bad);
  const has = (letter: string) => options.some(([given]) => given === letter);
  if (has('c') && has('d')) throw new DbError('Cannot specify both -c and -d options');
  if (has('d') && !type.shape) throw new DbError('Cannot recalculate CRCs on this type of object');
  const mode: WriteMode = has('c') ? 'corrupt' : has('d') ? 'sealed' : 'verified';
  const crc = mode === 'corrupt' ? 'bad' : 'good';
  const isFree = mode !== 'verified' && type.shape !== undefined;
  return {
    mode,
    rest: rest.map((word) => word.trimStart()),
    lead: isFree
      ? `Allowing ${verb.name} of corrupted data ${crc === 'bad' ? 'and bad' : 'with good'} CRC\n`
      : '',
  };
}

/** Changes a field's bits, writes the object and shows the field again. `change` returns why it cannot, or nothing. */
export function writeField(
  session: Session,
  { mode, lead }: Start,
  path: string,
  change: (bytes: Uint8Array, bit: number, bits: number) => string | undefined,
): Output {
  const { cursor } = session;
  const place = cursor.top;
  const { shape, scope } = objectOf(cursor);
  try {
    const field = fieldBits(shape, scope, path);
    const complaints = magicComplaints(place.type!.name, field.nodes);
    beginWrite(place);
    const trouble = change(place.data, field.bit, field.bits);
    if (trouble !== undefined) throw new DbError(complaints + trouble);
    const written = writeCurrent(cursor, mode);
    return {
      text:
        lead + complaints + written.text + field.nodes.map((node) => shownAfter(node, place.crc)).join(''),
      json: { type: place.type!.name, refused: written.refused, fields: fieldsJson(field.nodes, place.crc) },
      failed: written.refused,
    };
  } catch (error) {
    if (error instanceof DbError && lead !== '') throw new DbError(lead + error.message);
    throw error;
  }
}

/** A field that the write made vanish (a name that has become a free area) is shown without a value. */
function shownAfter(node: FieldNode, crc: CrcState): string {
  const text = printFields([node], crc);
  let leaf = node;
  while (leaf.children[0]) leaf = leaf.children[0];
  const isThere = leaf.placed.row.when?.(leaf.scope) ?? true;
  return isThere ? text : `${text.slice(0, text.indexOf(' = '))} = \n`;
}

function writeStruct(session: Session, start: Start): Output {
  const [path, text] = start.rest;
  if (path === undefined || text === undefined || start.rest.length !== 2) {
    throw new DbError(`${start.lead}usage: write fieldname value`);
  }
  return writeField(session, start, path, (bytes, bit, bits) => {
    const value = convertValue(text, bits);
    if (!value) return `unable to convert value '${text}'.`;
    putBits(bytes, bit, bits, value);
    return undefined;
  });
}

const run = (session: Session, args: readonly string[]): Output => {
  const start = startWrite(session, { name: 'write', doing: 'writing' }, args);
  const { type, data } = session.cursor.top;
  if (type!.shape) return writeStruct(session, start);
  if (type!.print === 'text') throw new DbError('text writing/fuzzing not supported.');
  const changed = blockVerb(data, start.rest);
  data.set(changed);
  writeCurrent(session.cursor, start.mode);
  return { text: '', json: { type: type!.name, bytes: changed.length } };
};

const write: CommandRow = {
  name: 'write',
  args: '[-c|-d] [field or value]...',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  expert: true,
  completes: 'field',
  summary: 'write value to disk',
  help: [
    'write core.uid 23              a number: decimal, 0x.., 0.., negative',
    'write fname "hello\\000"         bytes of a string, octal escapes; not terminated',
    'write fname #6669736800        bytes in hexadecimal',
    'write uuid 00112233-4455-6677-8899-aabbccddeeff',
    'write bno[3-4] #0000000f00000010   elements of an array, together',
    '-c  write data that is wrong, and leave the CRC as it is, wrong',
    '-d  write data that is wrong, with the right CRC',
    'Without either, what the kernel would not read is refused.',
    'On plain bytes (daddr, type data) a verb is wanted: write alone lists them.',
  ],
  run,
};

export const WRITE_COMMANDS: readonly CommandRow[] = [write];
