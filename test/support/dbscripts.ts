/**
 * Scripts for db that a seed makes: every kind of command, each written with the place in view to which the lines
 * before it led, so that fields, indices and pointers are mostly there, and sometimes just not. xfs_db runs each
 * script in a process of its own; ours in this one.
 *
 * What xfs_db prints from memory that it never read is left out: another type behind the start of a buffer.
 */
import { spawnSync } from 'node:child_process';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { UNIT_NAMES } from '../../src/db/convert.ts';
import { presentRows } from '../../src/db/field.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { objectOf, type Result, Session } from '../../src/db/session.ts';
import { TYPES } from '../../src/db/types.ts';
import { isArrayRow } from '../../src/db/value.ts';
import { openDevice } from '../../src/device/open.ts';
import { DINODE, S_IFDIR, S_IFMT } from '../../src/format/inode.ts';
import { elementScope, isShape, type Scope, type Shape, viewOf } from '../../src/format/struct.ts';
import { isDots, walkDir } from '../../src/fs/read/dir.ts';
import { readInode } from '../../src/fs/read/inode.ts';
import { listObjects, type Visit } from './dbwalk.ts';
import type { Random } from './random.ts';

export interface Facts {
  readonly image: string;
  readonly objects: readonly Visit[];
  readonly inodes: readonly number[];
  /** Inodes by absolute path. */
  readonly paths: readonly string[];
}

const MOST_PATHS = 3000;

/** What scripts for an image are made of. */
export function learn(image: string): Facts {
  const objects = listObjects(image);
  const inodes = objects
    .filter((visit) => visit.length === 1 && visit[0]!.startsWith('inode '))
    .map((visit) => Number(visit[0]!.slice(6)));
  return { image, objects, inodes, paths: withFilesystem(image, walkPaths) };
}

function withFilesystem<T>(image: string, use: (fs: ReturnType<typeof openFilesystem>) => T): T {
  const device = openDevice(image);
  try {
    return use(openFilesystem(device));
  } finally {
    device.close();
  }
}

/** Paths that a command line can hold, breadth first; of a large directory only some. */
function walkPaths(fs: ReturnType<typeof openFilesystem>): string[] {
  const paths = ['/'];
  const folders: [string, number][] = [['', fs.geometry.rootino]];
  for (const [path, ino] of folders) {
    const inode = readInode(fs, ino);
    if (!inode || (inode.view.getUint16(DINODE.offset.mode) & S_IFMT) !== S_IFDIR) continue;
    let taken = 0;
    for (const entry of walkDir(fs, inode)) {
      const name = Buffer.from(entry.name).toString('utf8');
      if (isDots(entry.name) || /[\s"\\\ufffd]|^-/.test(name)) continue;
      if (++taken > 40 || paths.length > MOST_PATHS) break;
      paths.push(`${path}/${name}`);
      folders.push([`${path}/${name}`, entry.ino]);
    }
  }
  return paths;
}

const WRONG = [
  '-1',
  '99999999999999999999',
  '0x',
  '08',
  '1x',
  'x',
  '18446744073709551615',
  '4294967296',
  '+1',
];
const UNITS = UNIT_NAMES;

class Writer {
  readonly lines: string[] = [];
  private readonly facts: Facts;
  private readonly random: Random;
  private readonly session: Session;

  constructor(facts: Facts, random: Random, session: Session) {
    this.facts = facts;
    this.random = random;
    this.session = session;
  }

  add(line: string): void {
    this.lines.push(line);
    this.session.run(line);
  }

  private chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  private number(limit: number): string {
    if (this.chance(6)) return this.random.pick(WRONG);
    const value = this.chance(5) ? limit + this.random.below(3) : this.random.below(Math.max(1, limit));
    return this.chance(15)
      ? `0x${value.toString(16)}`
      : this.chance(3)
        ? `0${value.toString(8)}`
        : String(value);
  }

  /** A path to a field of the current object. */
  private field(): string {
    const { type } = this.session.cursor.top;
    if (!type?.shape || this.chance(3))
      return this.random.pick(['nosuch', 'core', 'a.b', 'A', 'crc', 'magic', 'x[', '1']);
    let { shape, scope }: { shape: Shape; scope: Scope } = objectOf(this.session.cursor);
    let path = '';
    for (let depth = 0; depth < 5; depth++) {
      const rows = presentRows(shape, scope);
      if (rows.length === 0) return path === '' ? 'nosuch' : path.slice(0, -1);
      const placed = this.random.pick(rows);
      path += placed.row.alias ?? placed.row.name;
      let element = 0;
      if (isArrayRow(placed)) {
        const base = placed.row.base ?? 0;
        element = this.random.below(placed.count);
        const last = element + this.random.below(6);
        // Of what the object has no room for, xfs_db reads on behind it.
        const form = placed.declared > placed.count ? 0 : this.random.below(20);
        if (form < 8) path += `[${element + base}]`;
        else if (form < 14) path += `[${element + base}-${Math.min(last, placed.count - 1) + base}]`;
        else if (form === 14) path += `[${element + base}-${base}]`;
        else if (form === 15) path += `[${placed.count + base - this.random.below(2)}]`;
        else if (form === 16) path += `[${base}-${placed.count + base}]`;
      } else if (this.chance(2)) path += '[0]';
      if (!isShape(placed.row.kind)) return this.chance(2) ? `${path}.x` : path;
      if (this.chance(25)) return path;
      scope = elementScope(scope, placed, element);
      shape = placed.row.kind;
      path += '.';
    }
    return `${path}nosuch`;
  }

  /** Whether xfs_db holds all bytes of the current object. */
  private get isWhole(): boolean {
    const { top } = this.session.cursor;
    return top.start + top.length <= top.bbs * 512;
  }

  private move(): string {
    const { random } = this;
    const { geometry } = this.session.cursor.filesystem;
    const blocks = geometry.agcount * 2 ** geometry.agblklog;
    switch (random.below(9)) {
      case 0:
        return `${random.pick(['sb', 'agf', 'agi', 'agfl'])}${this.chance(70) ? ` ${this.number(geometry.agcount)}` : ''}`;
      case 1:
        return `daddr${this.chance(90) ? ` ${this.number(Math.floor((geometry.dblocks * geometry.blocksize) / 512))}` : ''}`;
      case 2:
        return `${random.pick(['fsblock', 'fsb'])}${this.chance(90) ? ` ${this.number(blocks)}` : ''}`;
      case 3:
        return `dblock ${this.number(12)}`;
      case 4:
        // It looks at the current object, which of a place that is none is whatever lies in memory.
        return this.session.cursor.top.type ? `ablock ${this.number(6)}` : 'stack';
      case 5:
        return `${random.pick(['addr', 'a'])}${this.chance(90) ? ` ${this.field()}` : ''}`;
      case 6:
        return `inode ${this.number(blocks * geometry.inopblock)}`;
      default:
        return `inode${this.chance(95) ? ` ${random.pick(this.facts.inodes)}` : ''}`;
    }
  }

  private convert(): string {
    const parts: string[] = [];
    for (let i = 0; i <= this.random.below(3); i++) parts.push(this.random.pick(UNITS), this.number(100000));
    if (this.chance(95)) parts.push(this.random.pick(UNITS));
    return `convert ${parts.join(' ')}`;
  }

  private path(): string {
    const path = this.random.pick(this.facts.paths);
    switch (this.random.below(12)) {
      case 0:
        return `${path}/nosuch`;
      case 1:
        return `//${path}//`;
      case 2:
        return path.slice(1) || '.';
      case 3:
        return `${path}/..`;
      case 4:
        return this.random.pick(['.', '..', 'nosuch', './..', '/../..']);
      default:
        return path;
    }
  }

  private listing(): string {
    switch (this.random.below(6)) {
      case 0:
        return `path ${this.path()}`;
      case 1:
        return `ls -i ${this.path()} ${this.path()}`;
      case 2:
        return this.random.pick(['ls', 'l', 'ls -i', 'path', 'ls -i -i', 'path a b', 'ls --']);
      case 3:
        return `ls ${this.path()}`;
      default:
        return this.chance(50) ? 'ls' : `path ${this.path()}`;
    }
  }

  private bmap(): string {
    // xfs_db never ends where an extent goes on behind the range.
    const range = this.chance(60)
      ? ''
      : ` ${this.random.pick(['99999999', '0x7fffffff', '4000000000 16', 'x', '1x', '1 x'])}`;
    return `bmap${this.random.pick(['', '', ' -a', ' -d', ' -ad', ' -x'])}${range}`;
  }

  private other(): string {
    const { random } = this;
    return random.pick([
      'nosuch',
      'echo',
      'echo a  "b c" d\\ e \'f g\' "open',
      '#comment',
      'sb 0; print',
      'sb 1 2 3',
      'quit now',
      'dblock',
      'ablock 1 2',
      'type a b',
      'print a."b',
      'log',
      'log stop',
      'log x',
      'debug',
      'debug 4',
      'source /nonexistent/file',
      'source',
      'pop now',
      'stack 1',
      'forward 1',
      'convert',
      'dquot 0',
      'dquot -g 1',
      'dquot -z 1',
      '',
      '   ',
      '\t',
    ]);
  }

  private stacking(): string {
    const { random } = this;
    switch (random.below(8)) {
      case 0:
        return 'push';
      case 1:
        return `push ${random.pick(['nosuch', 'push', 'print', 'stack', 'agf', 'sb 1', 'agi 0', 'addr', 'inode', 'ls'])}`;
      case 2:
        return `push ${random.pick(['addr', 'a'])} ${this.field()}`;
      case 3:
        return `ring ${this.number(20)}`;
      default:
        return random.pick(['pop', 'stack', 'ring', 'back', 'b', 'forward', 'f', 'addr']);
    }
  }

  private retype(): void {
    if (this.session.cursor.top.start > 0 && this.chance(90)) return;
    this.add(this.chance(10) ? 'type' : `type ${this.chance(3) ? 'nosuch' : this.random.pick(TYPES).name}`);
    this.add('stack');
    if (this.isWhole) this.show();
    else this.add('sb 0');
  }

  private show(): void {
    if (this.chance(40)) this.add(this.random.pick(['print', 'p']));
    else this.add(`p ${Array.from({ length: 1 + this.random.below(3) }, () => this.field()).join(' ')}`);
  }

  /** One more command, or a few that belong together. */
  step(): void {
    const dice = this.random.below(100);
    if (dice < 22) this.visit();
    else if (dice < 38) this.show();
    else if (dice < 54) this.add(this.move());
    else if (dice < 60) this.retype();
    else if (dice < 74) this.add(this.stacking());
    else if (dice < 80) this.add(this.bmap());
    else if (dice < 88) this.add(this.listing());
    else if (dice < 94) this.add(this.convert());
    else this.add(this.other());
  }

  private visit(): void {
    for (const line of this.random.pick(this.facts.objects)) this.add(line);
    if (this.chance(50)) this.show();
    if (this.chance(40)) this.add(`a ${this.field()}`);
  }
}

/** A script of about `length` lines, those of `first` included. */
export function writeScript(
  facts: Facts,
  random: Random,
  length: number,
  first: readonly string[] = [],
): string[] {
  return withFilesystem(facts.image, (fs) => {
    const writer = new Writer(facts, random, new Session(fs, COMMANDS));
    for (const line of first) writer.add(line);
    while (writer.lines.length < length) writer.step();
    return writer.lines;
  });
}

export interface Outcome {
  /** Bytes, a character each. */
  readonly stdout: string;
  readonly stderr: string;
  readonly signal: string | null;
  readonly status: number | null;
}

/** What a program like xfs_db prints for a script. */
export function askProgram(program: readonly string[], image: string, lines: readonly string[]): Outcome {
  const [command, ...first] = program;
  const args = [...first, '-r', ...lines.flatMap((line) => ['-c', line]), image];
  const result = spawnSync(command!, args, {
    encoding: 'latin1',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    timeout: 20_000,
    killSignal: 'SIGKILL',
    maxBuffer: 256 * 1024 * 1024,
  });
  return { stdout: result.stdout, stderr: result.stderr, signal: result.signal, status: result.status };
}

function bytesOf({ text, bytes }: Result): string {
  return bytes ? text : Buffer.from(text).toString('latin1');
}

/** What ours prints, line by line of the script. */
export function askSession(image: string, lines: readonly string[]): { stdout: string[]; stderr: string } {
  return withFilesystem(image, (fs) => {
    const session = new Session(fs, COMMANDS);
    const stdout: string[] = [];
    let stderr = '';
    for (const line of lines) {
      const result = session.run(line);
      stdout.push(bytesOf(result));
      stderr += result.stderr ?? '';
      if (result.ends) break;
    }
    return { stdout, stderr };
  });
}

export interface Difference {
  readonly script: readonly string[];
  readonly command: string;
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

/** The first lines that differ, and the command that printed them; undefined for none. */
export function findDifference(
  script: readonly string[],
  ours: readonly string[],
  theirs: string,
): Difference | undefined {
  const all = ours.join('');
  if (all === theirs) return undefined;
  let at = 0;
  while (at < all.length && all[at] === theirs[at]) at++;
  let before = 0;
  let i = 0;
  for (; i < ours.length - 1 && before + ours[i]!.length <= at; i++) before += ours[i]!.length;
  const lineStart = all.lastIndexOf('\n', at - 1) + 1;
  const part = (text: string) =>
    text
      .slice(lineStart, lineStart + 400)
      .split('\n')
      .slice(0, 4);
  return { script: script.slice(0, i + 1), command: script[i]!, ours: part(all), theirs: part(theirs) };
}

/** The mode of the current inode is a directory's; for tests of listings. */
export function isDirectory(bytes: Uint8Array): boolean {
  return (viewOf(bytes).getUint16(DINODE.offset.mode) & S_IFMT) === S_IFDIR;
}
