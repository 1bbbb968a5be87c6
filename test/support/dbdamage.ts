/**
 * Damage for db: one field or block of a sound image is changed in place and put back afterwards, so that one copy
 * serves many cases. A case is an object, what is done to it, and a script that looks at it and around it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { Session } from '../../src/db/session.ts';
import { openDevice } from '../../src/device/open.ts';
import { type Facts, writeScript } from './dbscripts.ts';
import type { Visit } from './dbwalk.ts';
import { listTargets } from './dbwrite.ts';
import type { Random } from './random.ts';

const VERBS = ['zeroes', 'ones', 'firstbit', 'middlebit', 'lastbit', 'add', 'sub', 'random'];

interface Region {
  readonly offset: number;
  readonly length: number;
}

export interface Case {
  readonly what: string;
  readonly visit: Visit;
}

/** Where an object lies: the buffer around it. */
function regionOf(image: string, visit: Visit): { buffer: Region; object: Region } {
  const device = openDevice(image);
  try {
    const session = new Session(openFilesystem(device), COMMANDS);
    for (const line of visit) session.run(line);
    const { daddr, bbs, start, length } = session.cursor.top;
    return {
      buffer: { offset: daddr * 512, length: bbs * 512 },
      object: { offset: daddr * 512 + start, length },
    };
  } finally {
    device.close();
  }
}

function readAt(path: string, { offset, length }: Region): Uint8Array {
  const file = openSync(path, 'r');
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, offset);
  closeSync(file);
  return bytes;
}

function writeAt(path: string, offset: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

/** Damages an image, a copy of `facts.image`, while `look` runs. */
export function withDamage<T>(copy: string, facts: Facts, random: Random, look: (found: Case) => T): T {
  // Headers are few, and worth as much as all inodes together.
  const headers = facts.objects.filter(([line]) => /^(sb|agf|agi|agfl) /.test(line!));
  const visit = random.below(4) === 0 ? random.pick(headers) : random.pick(facts.objects);
  const { buffer, object } = regionOf(copy, visit);
  const before = readAt(copy, buffer);
  try {
    return look({ what: `${visit.join('; ')}: ${damage(copy, visit, object, random)}`, visit });
  } finally {
    writeAt(copy, buffer.offset, before);
  }
}

/** Two thirds of the fields are given a good CRC afterwards. */
function damage(copy: string, visit: Visit, object: Region, random: Random): string {
  const targets = listTargets(copy, visit, random);
  const target = targets.length > 0 ? random.pick(targets) : undefined;
  const way = random.below(10);
  if (target && way < 8) {
    const command = `fuzz -${way < 5 ? 'd' : 'c'} ${target.path} ${random.pick(VERBS)}`;
    spawnSync('xfs_db', ['-x', ...[...visit, command].flatMap((line) => ['-c', line]), copy], {
      timeout: 20_000,
    });
    return command;
  }
  const bytes = readAt(copy, object);
  const half = bytes.length >> 1;
  if (way === 8) bytes.fill(random.below(256), random.below(2) * half);
  else for (let i = 0; i < 8; i++) bytes[random.below(bytes.length)] = random.below(256);
  writeAt(copy, object.offset, bytes);
  return way === 8 ? 'filled' : 'eight bytes';
}

const AROUND = [
  'stack',
  'p',
  'bmap',
  'ls',
  'ls -i /',
  'path /',
  'dblock 0',
  'p',
  'dblock 1',
  'ablock 0',
  'p',
  'ring',
];

/** Commands that look at the damage from all sides; the lines of `visit` come first. */
export function lookAround(copy: string, facts: Facts, { visit }: Case, random: Random): string[] {
  const first = [...visit, 'p', 'addr', ...AROUND.slice(0, random.below(AROUND.length))];
  const near: Facts = { ...facts, image: copy, objects: [visit, random.pick(facts.objects)] };
  return writeScript(near, random, first.length + 25, first);
}
