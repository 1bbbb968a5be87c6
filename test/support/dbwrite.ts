/**
 * Write scripts for db, and a place to run them: the same lines by xfs_db and by us, on two copies of one image. Of
 * each script the output and every byte that either wrote are compared, and the copies put back to what they were,
 * so that thousands of scripts, also such as wreck a superblock, need no fresh copy each.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { type FieldNode, listAll } from '../../src/db/field.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { objectOf, Session } from '../../src/db/session.ts';
import { Stage } from '../../src/db/stage.ts';
import { isArrayRow } from '../../src/db/value.ts';
import { fieldBits } from '../../src/db/writefield.ts';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { isShape } from '../../src/format/struct.ts';
import type { Visit } from './dbwalk.ts';
import type { Random } from './random.ts';

export interface Comparison {
  readonly theirs: string;
  readonly ours: string;
  /** First bytes at which the images differ afterwards. */
  readonly different: readonly number[];
  /** Bytes that we changed. */
  readonly changed: number;
}

/** Remembers what a device held where it was written. */
class Recorder implements Device {
  readonly before: { offset: number; bytes: Uint8Array }[] = [];
  private readonly below: Device;
  constructor(below: Device) {
    this.below = below;
  }
  get name() {
    return this.below.name;
  }
  get size() {
    return this.below.size;
  }
  readonly writable = true;
  read(offset: number, into: Uint8Array): void {
    this.below.read(offset, into);
  }
  write(offset: number, from: Uint8Array): void {
    const old = new Uint8Array(from.length);
    this.below.read(offset, old);
    this.before.push({ offset, bytes: old });
    this.below.write(offset, from);
  }
  flush(): void {}
  close(): void {
    this.below.close();
  }
}

function readAt(path: string, offset: number, length: number): Uint8Array {
  const descriptor = openSync(path, 'r');
  const bytes = new Uint8Array(length);
  readSync(descriptor, bytes, 0, length, offset);
  closeSync(descriptor);
  return bytes;
}

function writeAt(path: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

/** Two copies of one image that are equal between scripts. */
export class WriteComparer {
  private readonly theirs: string;
  private readonly ours: string;
  constructor(theirs: string, ours: string) {
    this.theirs = theirs;
    this.ours = ours;
  }

  run(lines: readonly string[]): Comparison {
    const reference = spawnSync('xfs_db', ['-x', ...lines.flatMap((line) => ['-c', line]), this.theirs], {
      encoding: 'latin1',
      env: { ...process.env, TZ: 'UTC' },
      timeout: 60_000,
    });
    const recorder = new Recorder(openDevice(this.ours, { write: true }));
    const stage = new Stage(recorder);
    let out = '';
    try {
      const session = new Session(openFilesystem(stage), COMMANDS, { expert: true });
      for (const line of lines) {
        const result = session.run(line);
        out += result.text;
        if (result.ends) break;
      }
    } finally {
      stage.close();
    }
    const different: number[] = [];
    let changed = 0;
    for (const { offset, bytes } of recorder.before) {
      const a = readAt(this.theirs, offset, bytes.length);
      const b = readAt(this.ours, offset, bytes.length);
      for (let i = 0; i < bytes.length && different.length < 16; i++) {
        if (a[i] !== b[i]) different.push(offset + i);
        if (b[i] !== bytes[i]) changed++;
      }
    }
    for (const { offset, bytes } of recorder.before.reverse()) {
      for (const path of [this.theirs, this.ours]) writeAt(path, offset, bytes);
    }
    if (different.length > 0 || reference.stdout !== out) this.align();
    const crash = reference.signal ? `(xfs_db: ${reference.signal})\n` : '';
    return { theirs: reference.stdout + crash, ours: out, different, changed };
  }

  /** After a difference the other program may have written anywhere. */
  private align(): void {
    spawnSync('cp', ['--sparse=always', this.ours, this.theirs]);
  }

  /** First byte at which the copies differ between scripts: the other program wrote where we did not. */
  compareAll(): string {
    return spawnSync('cmp', [this.theirs, this.ours], { encoding: 'utf8' }).stdout;
  }
}

/** A field of an object. */
export interface Target {
  readonly path: string;
  readonly bits: number;
}

/** Fields of an object, one for each leaf, arrays by some element or range. */
export function listTargets(image: string, visit: Visit, random: Random): Target[] {
  const device = openDevice(image);
  try {
    const session = new Session(openFilesystem(device), COMMANDS);
    for (const line of visit) session.run(line);
    if (!session.cursor.top.type?.shape) return [];
    const { shape, scope } = objectOf(session.cursor);
    const paths = listAll(shape, scope).flatMap((node) => leafPaths(node, '', random));
    return paths.map((path) => ({ path, bits: fieldBits(shape, scope, path).bits }));
  } finally {
    device.close();
  }
}

function leafPaths(node: FieldNode, prefix: string, random: Random): string[] {
  const { placed, low, high } = node;
  const { row } = placed;
  let path = prefix + node.name;
  if (isArrayRow(placed)) {
    const base = row.base ?? 0;
    const first = low + random.below(high - low + 1);
    const last = random.below(4) === 0 ? Math.min(high, first + random.below(3)) : first;
    path += first === last ? `[${first + base}]` : `[${first + base}-${last + base}]`;
    if (row.shown === 'tuple' && node.children.length === 0 && isShape(row.kind)) {
      const single = `${prefix}${node.name}[${first + base}]`;
      const columns = row.kind.rows.filter((column) => !column.hidden);
      return columns.map((column) => `${single}.${column.alias ?? column.name}`);
    }
  }
  if (node.children.length === 0) return [path];
  return node.children.flatMap((child) => leafPaths(child, `${path}.`, random));
}

const VERBS = ['zeroes', 'ones', 'firstbit', 'middlebit', 'lastbit', 'add', 'sub'];

/** Beyond 64 bits xfs_db takes what lies before the number in its memory for its upper bytes. */
const NUMBER_BITS = 64;

function someValue(bits: number, random: Random): string {
  switch (bits > NUMBER_BITS ? 4 + random.below(3) : random.below(9)) {
    case 0:
      return '0';
    case 1:
      return String(random.below(300));
    case 2:
      return `0x${random.next().toString(16)}`;
    case 3:
      return `0${random.below(4096).toString(8)}`;
    case 4:
      return `#${random.next().toString(16).padStart(8, '0')}`;
    case 5:
      return `"x${random.below(100)}\\0${random.below(8)}1"`;
    case 6:
      return `${random.next().toString(16).padStart(8, '0')}-0011-2233-4455-66778899aabb`;
    case 7:
      return `0x${random.below(2 ** 30).toString(16)}${random.next().toString(16).padStart(8, '0')}`;
    default:
      return random.pick(['junk', '0x', '99999999999', '7']);
  }
}

/** One command that changes, or tries to change, a field. */
export function someWrite({ path, bits }: Target, random: Random): string {
  const mode = random.pick(['', '', '', '-c ', '-d ', '-d ']);
  if (random.below(3) === 0) return `fuzz ${mode}${path} ${random.pick(VERBS)}`;
  return `write ${mode}${path} ${someValue(bits, random)}`;
}
