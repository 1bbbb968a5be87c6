/** `print` and what else only shows something. */
import { findNoting, magicComplaints } from '../badmagic.ts';
import { convertUnits, UNIT_NAMES } from '../convert.ts';
import { DbError } from '../error.ts';
import { type FieldNode, listAll } from '../field.ts';
import { parsePath } from '../path.ts';
import { dumpData, dumpText, fieldsJson, MISMATCH, printFields } from '../print.ts';
import { type CommandRow, type Output, objectOf, type Session } from '../session.ts';

import { type CrcState, integerJson } from '../value.ts';

const print: CommandRow = {
  name: 'print',
  alias: 'p',
  args: '[value]...',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  completes: 'field',
  summary: 'show the fields of the current object, all or those named',
  help: ['print core.size', 'print recs[1-4]', 'print bu[0-9].name'],
  run: (session, args) => printCurrent(session, args),
};

function printCurrent({ cursor }: Session, args: readonly string[]): Output {
  const { type, data, crc } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (type.print === 'none') throw new DbError(`no print function for type ${type.name}`);
  if (type.print !== 'fields') {
    const text = type.print === 'data' ? dumpData(data) : dumpText(data);
    return { text, json: { type: type.name, hex: Buffer.from(data).toString('hex') } };
  }
  const { shape, scope } = objectOf(cursor);
  const paths = args.map((text) => parsePath(text));
  const nodes: FieldNode[] = paths.flatMap((path) => findNoting(cursor, path));
  const shown = args.length === 0 ? listAll(shape, scope) : nodes;
  if (shown.length === 0) return { text: ` = ${MISMATCH}\n`, json: { type: type.name, fields: null } };
  return outputOf(type.name, shown, crc, args.length === 0 ? magicComplaints(type.name, shown) : '');
}

function outputOf(type: string, nodes: readonly FieldNode[], crc: CrcState, complaints: string): Output {
  return {
    text: complaints + printFields(nodes, crc),
    bytes: true,
    get json() {
      return { type, fields: fieldsJson(nodes, crc) };
    },
  };
}

const convert: CommandRow = {
  name: 'convert',
  args: 'type num [type num]... type',
  least: 3,
  most: 9,
  completes: 'unit',
  summary: 'turn an address into another unit',
  help: [`Units: ${UNIT_NAMES.join(' ')}`, 'convert agno 1 agbno 17 fsb'],
  run: ({ cursor }, args) => {
    const value = convertUnits(args, cursor.filesystem.geometry, cursor.agno);
    return { text: `0x${value.toString(16)} (${value})\n`, json: { value: integerJson(value) } };
  },
};

const echo: CommandRow = {
  name: 'echo',
  args: '[args]...',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  summary: 'print the words',
  run: (_session, args) => ({
    text: `${args.map((word) => `${word} `).join('')}\n`,
    json: args.join(' '),
  }),
};

const help: CommandRow = {
  name: 'help',
  alias: '?',
  args: '[command]',
  least: 0,
  most: 1,
  completes: 'command',
  summary: 'list the commands, or tell about one',
  run: (session, [name]) => {
    if (name === undefined) {
      const lines = session.commands.map((row) => helpLine(row, row.name));
      return {
        text: `${lines.join('')}\nhelp COMMAND tells more about one.\n`,
        json: session.commands.map((row) => ({ name: row.name, args: row.args ?? '', summary: row.summary })),
      };
    }
    const row = session.find(name);
    if (!row) throw new DbError(`command ${name} not found`);
    const also = row.alias === undefined ? [] : [`Also: ${row.name === name ? row.alias : row.name}`];
    const more = [...also, ...(row.help ?? [])].map((line) => ` ${line}\n`).join('');
    return {
      text: helpLine(row, name) + (more === '' ? '' : `\n${more}\n`),
      json: { name: row.name, args: row.args ?? '', summary: row.summary, help: [...(row.help ?? [])] },
    };
  },
};

function helpLine(row: CommandRow, name: string): string {
  return `${name} ${row.args === undefined ? '' : `${row.args} `}-- ${row.summary}\n`;
}

const quit: CommandRow = {
  name: 'quit',
  alias: 'q',
  least: 0,
  most: 0,
  summary: 'end the session',
  run: () => ({ text: '', ends: true }),
};

export const SHOW_COMMANDS: readonly CommandRow[] = [print, convert, echo, help, quit];
