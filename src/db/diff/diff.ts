/**
 * The structural difference of two images. Blocks that differ are found by their bytes; what each of them is, by who
 * owns it in either image; and metadata of one type on both sides is compared field by field. File content, the log
 * and free space are only summed up.
 *
 * Images of different sizes are compared as far as both reach. Where block, sector, inode or AG size differ, addresses
 * mean different things: then only the superblocks are compared.
 */
import { DQBLK, dquotsPerBlock } from '../../format/dquot.ts';
import type { Geometry } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import { rowOf } from '../explain/verdict.ts';
import type { Filesystem } from '../filesystem.ts';
import { typeNamed } from '../types.ts';
import { blocksOf, differingRuns } from './blocks.ts';
import type { FieldChange } from './fields.ts';
import { blockBytes, compareObjects, forkBytes, HEADER_TYPES, symlinkPiece } from './object.ts';
import { type ForkRole, isMetadata, type Role, Roles, roleText } from './role.ts';

/** One object that differs. */
export interface Difference {
  /** What db calls it, with its place. */
  readonly object: string;
  readonly type: string;
  readonly agno?: number;
  readonly agbno?: number;
  readonly ino?: number;
  /** A path to the inode, in the second image if it is there. */
  readonly path?: string;
  readonly fields: readonly FieldChange[];
  /** What it was and what it is, where it is not the same kind of object. */
  readonly was?: string;
  readonly is?: string;
  /** Of summed-up space: blocks that differ, and in which runs: file offsets, blocks of the log, or none. */
  readonly blocks?: number;
  readonly runs?: readonly (readonly [from: number, count: number])[];
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** What was not compared, and why. */
  readonly notes: readonly string[];
}

const SAME_SIZES = ['blocksize', 'sectsize', 'inodesize', 'agblocks', 'agblklog', 'dirblocksize'] as const;

/** What of two filesystems is compared; without limits all of them. */
export interface Limits {
  /** These inodes and their blocks. */
  readonly only?: ReadonlySet<number>;
  /** Byte ranges, ascending, outside of which nothing differs. */
  readonly changed?: Iterable<{ readonly offset: number; readonly bytes: Uint8Array }>;
}

/** Compares two filesystems. Throws DeviceError. */
export function compareFilesystems(a: Filesystem, b: Filesystem, limits: Limits = {}): Comparison {
  const other = SAME_SIZES.filter((name) => a.geometry[name] !== b.geometry[name]);
  if (other.length > 0) return compareSuperblocks(a, b, other);
  return new ImageDiff(a, b, limits).run();
}

function compareSuperblocks(
  a: Filesystem,
  b: Filesystem,
  other: readonly (typeof SAME_SIZES)[number][],
): Comparison {
  const sizes = other.map((name) => `${name} ${a.geometry[name]} and ${b.geometry[name]}`).join(', ');
  const sector = ({ device, geometry }: Filesystem) => {
    const bytes = new Uint8Array(geometry.sectsize);
    device.read(0, bytes);
    return bytes;
  };
  const fields = compareObjects(typeNamed('sb'), [a, sector(a)], [b, sector(b)]);
  return {
    differences: [{ object: 'sb 0', type: 'sb', agno: 0, fields }],
    notes: [`${sizes}: addresses mean different things, only the superblocks were compared`],
  };
}

class ImageDiff {
  private readonly a: Filesystem;
  private readonly b: Filesystem;
  private readonly geometry: Geometry;
  private readonly rolesA: Roles;
  private readonly rolesB: Roles;
  private readonly only: ReadonlySet<number> | undefined;
  private readonly changed: Limits['changed'];
  private readonly differences: Difference[] = [];
  /** File content, by inode; the log; space that nobody has. */
  private readonly content = new Map<number, [number, number][]>();
  private readonly log: [number, number][] = [];
  private readonly unused: [number, number][] = [];
  /** Directory blocks of several blocks that were compared. */
  private readonly done = new Set<string>();

  constructor(a: Filesystem, b: Filesystem, { only, changed }: Limits) {
    this.a = a;
    this.b = b;
    this.geometry = b.geometry;
    this.only = only;
    this.changed = changed;
    this.rolesA = new Roles(a);
    this.rolesB = new Roles(b);
  }

  run(): Comparison {
    const { a, b } = this;
    const { blocksize, agblocks } = this.geometry;
    const held = ({ device, geometry }: Filesystem) =>
      Math.min(geometry.dblocks, Math.floor(device.size / blocksize));
    const blocks = Math.min(held(a), held(b));
    const runs = this.changed
      ? blocksOf(this.changed, blocksize, blocks)
      : differingRuns(a.device, b.device, blocksize, blocks);
    for (const { start, count } of runs) {
      for (let block = start; block < start + count; block++)
        this.block(Math.floor(block / agblocks), block % agblocks);
    }
    this.sumUp();
    const notes: string[] = [];
    if (held(a) !== held(b))
      notes.push(`${held(a)} and ${held(b)} blocks: what only one of them has was not compared`);
    for (const [name, { index }] of [
      ['first', this.rolesA],
      ['second', this.rolesB],
    ] as const) {
      if (index.bad > 0)
        notes.push(`${index.bad} records or blocks of metadata of the ${name} image could not be read`);
    }
    return { differences: this.differences, notes };
  }

  private block(agno: number, agbno: number): void {
    const was = this.rolesA.role(agno, agbno);
    const is = this.rolesB.role(agno, agbno);
    if (this.only && !this.isWanted(was, is)) return;
    if (!isMetadata(was) && !isMetadata(is)) this.sum(was, is, agno, agbno);
    else if (was.kind === 'headers' && is.kind === 'headers') this.headers(agno, agbno);
    else if (is.kind === 'inodes') this.inodes(agno, agbno, was);
    else if (typeText(was) === typeText(is)) this.same(agno, agbno, is);
    else this.became(agno, agbno, was, is);
  }

  /** Inodes are looked through one by one, so their blocks are always wanted. */
  private isWanted(...roles: readonly Role[]): boolean {
    return roles.some(
      (role) =>
        role.kind === 'inodes' || (role.kind === 'fork' && role.owners.some((ino) => this.only!.has(ino))),
    );
  }

  private pathOf(ino: number): { readonly path?: string } {
    const path = this.rolesB.index.path(ino) ?? this.rolesA.index.path(ino);
    return path === undefined ? {} : { path };
  }

  private headers(agno: number, agbno: number): void {
    const { sectsize, blocksize } = this.geometry;
    const [a, b] = [blockBytes(this.a, agno, agbno), blockBytes(this.b, agno, agbno)];
    for (let at = 0; at < blocksize; at += sectsize) {
      const [ofA, ofB] = [a.subarray(at, at + sectsize), b.subarray(at, at + sectsize)];
      if (Buffer.compare(ofA, ofB) === 0) continue;
      const type = HEADER_TYPES[(agbno * blocksize + at) / sectsize];
      const fields = type ? compareObjects(type, [this.a, ofA], [this.b, ofB]) : [];
      const name = type?.name ?? 'unused sector';
      this.differences.push({ object: `${name} ${agno}`, type: type?.name ?? 'data', agno, agbno, fields });
    }
  }

  private inodes(agno: number, agbno: number, was: Role): void {
    const { inodesize, inopblock } = this.geometry;
    const [a, b] = [blockBytes(this.a, agno, agbno), blockBytes(this.b, agno, agbno)];
    for (let i = 0; i < inopblock; i++) {
      const ino = this.geometry.ino(agno, this.geometry.agbnoAgino(agbno) + i);
      if (this.only && !this.only.has(ino)) continue;
      const [ofA, ofB] = [a, b].map((bytes) => bytes.subarray(i * inodesize, (i + 1) * inodesize));
      if (Buffer.compare(ofA!, ofB!) === 0) continue;
      const place = { object: `inode ${ino}`, type: 'inode', agno, agbno, ino, ...this.pathOf(ino) };
      if (was.kind === 'inodes') {
        const fields = compareObjects(typeNamed('inode'), [this.a, ofA!], [this.b, ofB!]);
        this.differences.push({ ...place, fields });
      } else if (isInUse(ofB!)) {
        this.differences.push({ ...place, fields: [], was: roleText(was), is: 'inode in a new chunk' });
      }
    }
  }

  /** A block of the same type in both images. */
  private same(agno: number, agbno: number, is: Role): void {
    const place = `${agno}/${agbno}`;
    if (is.kind !== 'fork') {
      const type = typeText(is);
      const fields = this.fieldsOf(type, blockBytes(this.a, agno, agbno), blockBytes(this.b, agno, agbno));
      this.differences.push({ object: `${type} ${place}`, type, agno, agbno, fields });
      return;
    }
    if (is.type === 'dqblk') this.quotas(agno, agbno, is);
    else if (is.type === 'dir3') this.directory(agno, agbno, is);
    else if (is.type === 'symlink') this.symlink(agno, agbno, is);
    else {
      const [a, b] = [blockBytes(this.a, agno, agbno), blockBytes(this.b, agno, agbno)];
      this.pushFork(agno, agbno, is, this.fieldsOf(is.type, a, b), rowOf(is.type, b)?.form ?? '');
    }
  }

  private pushFork(agno: number, agbno: number, role: ForkRole, fields: FieldChange[], form: string): void {
    const { ino, type } = role;
    const shown = form === '' ? type : `${type} (${form})`;
    const object = `${shown} ${agno}/${agbno} of inode ${ino}`;
    this.differences.push({ object, type, agno, agbno, ino, ...this.pathOf(ino), fields });
  }

  private fieldsOf(type: string, a: Uint8Array, b: Uint8Array): FieldChange[] {
    return compareObjects(typeNamed(type), [this.a, a], [this.b, b]);
  }

  /** A directory block may be of several blocks; it is compared once, as a whole. */
  private directory(agno: number, agbno: number, role: ForkRole): void {
    const { dirblocksize, blocksize } = this.geometry;
    const count = dirblocksize / blocksize;
    const fileoff = role.fileoff - (role.fileoff % count);
    const key = `${role.ino} ${fileoff}`;
    if (this.done.has(key)) return;
    this.done.add(key);
    const range = { fileoff, count };
    const a = forkBytes(this.a, role.ino, 'data', range) ?? blockBytes(this.a, agno, agbno);
    const b = forkBytes(this.b, role.ino, 'data', range) ?? blockBytes(this.b, agno, agbno);
    this.pushFork(agno, agbno, role, this.fieldsOf('dir3', a, b), rowOf('dir3', b)?.form ?? '');
  }

  /** A piece of a symlink is as long as its extent. */
  private symlink(agno: number, agbno: number, role: ForkRole): void {
    const [a, b] = [this.a, this.b].map((filesystem) => symlinkPiece(filesystem, role.ino, role.fileoff));
    const key = `${role.ino} ${b?.fileoff ?? role.fileoff}`;
    if (this.done.has(key)) return;
    this.done.add(key);
    const ofA = a?.bytes ?? blockBytes(this.a, agno, agbno);
    const ofB = b?.bytes ?? blockBytes(this.b, agno, agbno);
    this.pushFork(agno, agbno, role, this.fieldsOf('symlink', ofA, ofB), '');
  }

  private quotas(agno: number, agbno: number, role: ForkRole): void {
    const [a, b] = [blockBytes(this.a, agno, agbno), blockBytes(this.b, agno, agbno)];
    const count = dquotsPerBlock(this.geometry.blocksize);
    for (let i = 0; i < count; i++) {
      const [ofA, ofB] = [a, b].map((bytes) => bytes.subarray(i * DQBLK.size, (i + 1) * DQBLK.size));
      if (Buffer.compare(ofA!, ofB!) === 0) continue;
      const fields = this.fieldsOf('dqblk', ofA!, ofB!);
      const object = `dqblk ${role.fileoff * count + i} of inode ${role.ino}`;
      this.differences.push({ object, type: 'dqblk', agno, agbno, ino: role.ino, fields });
    }
  }

  private became(agno: number, agbno: number, was: Role, is: Role): void {
    const owner = is.kind === 'fork' ? is : was.kind === 'fork' ? was : undefined;
    const inode = owner === undefined ? {} : { ino: owner.ino, ...this.pathOf(owner.ino) };
    const place = { object: `block ${agno}/${agbno}`, type: typeText(is), agno, agbno };
    this.differences.push({ ...place, ...inode, fields: [], was: roleText(was), is: roleText(is) });
  }

  private sum(was: Role, is: Role, agno: number, agbno: number): void {
    const owner = is.kind === 'fork' ? is : was.kind === 'fork' ? was : undefined;
    if (owner) {
      const runs = this.content.get(owner.ino) ?? [];
      this.content.set(owner.ino, runs);
      addRun(runs, owner.fileoff);
    } else if (was.kind === 'log' && is.kind === 'log') {
      addRun(this.log, agbno - this.geometry.fsbnoAgbno(this.geometry.logstart));
    } else addRun(this.unused, this.geometry.fsbno(agno, agbno));
  }

  private sumUp(): void {
    for (const [ino, runs] of [...this.content].sort(([x], [y]) => x - y)) {
      runs.sort(([x], [y]) => x - y);
      this.differences.push({ ...summed(`content of inode ${ino}`, 'data', runs), ino, ...this.pathOf(ino) });
    }
    if (this.log.length > 0) this.differences.push(summed('log', 'log', this.log));
    if (this.unused.length > 0)
      this.differences.push(summed('space that is free or of nobody', 'data', this.unused));
  }
}

function summed(object: string, type: string, runs: readonly [number, number][]): Difference {
  const blocks = runs.reduce((sum, [, count]) => sum + count, 0);
  return { object, type, fields: [], blocks, runs };
}

function addRun(runs: [number, number][], at: number): void {
  const last = runs.at(-1);
  if (last && last[0] + last[1] === at) last[1]++;
  else runs.push([at, 1]);
}

function typeText(role: Role): string {
  return role.kind === 'tree' || role.kind === 'fork' ? role.type : role.kind;
}

function isInUse(inode: Uint8Array): boolean {
  const view = viewOf(inode);
  return view.getUint16(DINODE.offset.magic) === INODE_MAGIC && view.getUint16(DINODE.offset.mode) !== 0;
}
