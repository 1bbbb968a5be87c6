/**
 * `attr_set`, `attr_remove`, `attr_get`, `attr_list`: extended attributes of the current inode, changed as the kernel
 * would change them, in whole transactions, and read.
 */
import { readFileSync } from 'node:fs';
import { XfskitError } from '../../format/errors.ts';
import { type AttrNamespace, removeAttr, setAttr } from '../../fs/attr/attr.ts';
import { type FileSystem, openFileSystem } from '../../fs/filesystem.ts';
import { type Attribute, walkAttrs } from '../../fs/read/attr.ts';
import { readInode } from '../../fs/read/inode.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';

const MOST_VALUE = 65536;
const LONGEST_NAME = 255;
const NAMESPACES: Readonly<Record<string, AttrNamespace>> = { u: 'user', r: 'trusted', s: 'secure' };

interface Request {
  readonly ino: number;
  readonly namespace: AttrNamespace;
  readonly letters: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/** Options, of which the last namespace counts, and the current inode. Throws DbError. */
function requestOf({ cursor }: Session, command: string, letters: string, args: readonly string[]): Request {
  const { type, ino } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (type.name !== 'inode') throw new DbError('current type is not inode');
  const bad = () => new DbError(`bad option for ${command} command`);
  const { options, rest } = parseOptions(args, letters, bad);
  let namespace: AttrNamespace = 'user';
  for (const [letter] of options) namespace = NAMESPACES[letter] ?? namespace;
  const values = options.flatMap(([letter, value]) =>
    value === undefined ? [] : [[letter, value] as const],
  );
  return { ino, namespace, letters: new Set(options.map(([l]) => l)), values: new Map(values), rest };
}

function nameOf(command: string, rest: readonly string[]): string {
  const [name] = rest;
  if (name === undefined || rest.length !== 1) {
    throw new DbError(`too few options for ${command} (no name given)`);
  }
  if (Buffer.byteLength(name) > LONGEST_NAME) throw new DbError('name too long');
  return name;
}

/** Runs something on the filesystem as it is staged; what it cannot do is one line. */
function onFilesystem<T>(session: Session, failure: string, use: (fs: FileSystem) => T): T {
  try {
    const { device, putOff } = session.cursor.filesystem;
    return use(openFileSystem(device, { freeListRule: 'single', unwrittenInKeys: true, putOff }));
  } catch (error) {
    if (error instanceof XfskitError) throw new DbError(failure);
    throw error;
  }
}

function needWritable({ writable, program }: Session): void {
  if (!writable) throw new DbError(`${program} started in read only mode, writing disabled`);
}

/** Bytes for attr_set: so many letters v, or what a file holds; undefined when neither was asked for. */
function newValue({ values }: Request): Uint8Array | undefined {
  const path = values.get('f');
  if (path !== undefined) {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new DbError(`${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
    }
  }
  const text = values.get('v');
  if (text === undefined) return undefined;
  const length = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : -1;
  if (length < 0 || length > MOST_VALUE) throw new DbError(`bad attr_set valuelen ${text}`);
  return length === 0 ? undefined : new Uint8Array(length).fill(0x76);
}

function runSet(session: Session, args: readonly string[]): Output {
  const request = requestOf(session, 'attr_set', 'rusCRnv:f:', args);
  const { ino, namespace, letters } = request;
  const value = newValue(request);
  const name = nameOf('attr_set', request.rest);
  needWritable(session);
  const mode = letters.has('C')
    ? { mode: 'create' as const }
    : letters.has('R')
      ? { mode: 'replace' as const }
      : {};
  onFilesystem(session, `failed to set attr ${name} on inode ${ino}`, (fs) => {
    // Without a value the reference takes it for a removal.
    if (value) setAttr(fs, ino, { namespace, name, value, ...mode });
    else removeAttr(fs, ino, { namespace, name });
  });
  session.cursor.moveInode(ino);
  return { text: '', json: { ino, name, namespace, valueBytes: value?.length ?? null } };
}

function runRemove(session: Session, args: readonly string[]): Output {
  const { ino, namespace, rest } = requestOf(session, 'attr_remove', 'rusn', args);
  const name = nameOf('attr_remove', rest);
  needWritable(session);
  onFilesystem(session, `failed to remove attr ${name} from inode ${ino}`, (fs) =>
    removeAttr(fs, ino, { namespace, name }),
  );
  session.cursor.moveInode(ino);
  return { text: '', json: { ino, name, namespace } };
}

const asText = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** Attributes of the current inode as they can be read, even where not all of them can. */
function attributesOf({ cursor }: Session, ino: number): Attribute[] {
  const inode = readInode(cursor.filesystem, ino);
  if (!inode) throw new DbError(`inode ${ino} cannot be read`);
  return [...walkAttrs(cursor.filesystem, inode)];
}

const READ_NAMESPACE = { user: 'user', trusted: 'trusted', secure: 'security' } as const;

function runGet(session: Session, args: readonly string[]): Output {
  const { ino, namespace, rest } = requestOf(session, 'attr_get', 'rus', args);
  const name = nameOf('attr_get', rest);
  const failure = `failed to get attr ${name} on inode ${ino}`;
  const bytes = Buffer.from(name, 'utf8');
  const found = attributesOf(session, ino).find(
    (attr) => attr.namespace === READ_NAMESPACE[namespace] && bytes.equals(attr.name),
  );
  if (!found) throw new DbError(`${failure}: No data available`);
  const value = found.value();
  if (!value) throw new DbError(`${failure}: Structure needs cleaning`);
  return {
    text: `${asText(value)}\n`,
    bytes: true,
    json: { ino, name, namespace, hex: Buffer.from(value).toString('hex') },
  };
}

function runList(session: Session, args: readonly string[]): Output {
  const { ino, namespace, letters, rest } = requestOf(session, 'attr_list', 'ruspv', args);
  if (rest.length > 0) throw new DbError('too many options for attr_list (no name needed)');
  const wanted = letters.has('p') ? 'parent' : READ_NAMESPACE[namespace];
  const found = attributesOf(session, ino).filter((attr) => attr.namespace === wanted);
  const lines = found.map((attr) => {
    const value = letters.has('v') ? attr.value() : undefined;
    return `${asText(attr.name)}${value ? `=${asText(value)}` : ''}\n`;
  });
  return {
    text: lines.join(''),
    bytes: true,
    json: found.map(({ name, valueBytes }) => ({ name: asText(name), namespace: wanted, valueBytes })),
  };
}

const NAMESPACE_HELP = '-r trusted, -s security, -u user namespace (that, if not said)';

export const ATTR_COMMANDS: readonly CommandRow[] = [
  {
    name: 'attr_set',
    args: '[-r|-s|-u] [-n] [-R|-C] [-v n] name',
    least: 1,
    most: Number.POSITIVE_INFINITY,
    expert: true,
    summary: 'set the named attribute on the current inode',
    help: [
      NAMESPACE_HELP,
      '-C must not be there yet, -R must be there; -n is taken and means nothing',
      '-v N: a value of N letters v; -f FILE: what a file holds',
    ],
    run: runSet,
  },
  {
    name: 'attr_remove',
    args: '[-r|-s|-u] [-n] name',
    least: 1,
    most: Number.POSITIVE_INFINITY,
    expert: true,
    summary: 'remove the named attribute from the current inode',
    help: [NAMESPACE_HELP],
    run: runRemove,
  },
  {
    name: 'attr_get',
    args: '[-r|-s|-u] name',
    least: 1,
    most: 3,
    summary: 'show the named attribute of the current inode',
    help: [NAMESPACE_HELP],
    run: runGet,
  },
  {
    name: 'attr_list',
    args: '[-r|-s|-u|-p] [-v]',
    least: 0,
    most: 3,
    summary: 'list the attributes of the current inode',
    help: [NAMESPACE_HELP, '-p parent pointers; -v with their values'],
    run: runList,
  },
];
