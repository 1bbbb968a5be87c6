/**
 * Seeded work on a mounted filesystem, of every kind that a kernel offers: files written, cut, punched, cloned and
 * written again, preallocated, collapsed and stretched; names made, moved, linked and removed in directories of all
 * sizes; attributes, symbolic links, devices, hints, project ids, files without a name. What cannot be done (no
 * space, no such range) is left: the kernel must keep its metadata sound whatever is asked of it.
 *
 * Bound by the seed alone: the same seed asks for the same operations.
 */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from './oracle.ts';
import type { Random } from './random.ts';
import { type TarEntry, unpack } from './tar.ts';

export interface WorkloadOptions {
  readonly blocksize: number;
  readonly reflink: boolean;
  /** Operations of a round. */
  readonly steps: number;
}

/** Errors that a filesystem may answer. */
const MAY_FAIL = new Set([
  'ENOSPC',
  'EEXIST',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ENOTEMPTY',
  'EINVAL',
  'EMLINK',
  'EPERM',
  'EDQUOT',
  'EFBIG',
  'EXDEV',
  'ENAMETOOLONG',
  'ENXIO',
]);

function attempt(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!MAY_FAIL.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

export class Workload {
  private readonly root: string;
  private readonly random: Random;
  private readonly options: WorkloadOptions;
  private readonly files: string[] = [];
  private readonly folders: string[] = ['.'];
  /** Commands of xfs_io that wait to be run together. */
  private waiting: string[] = [];
  private made = 0;

  constructor(root: string, random: Random, options: WorkloadOptions) {
    this.root = root;
    this.random = random;
    this.options = options;
  }

  /** One round of operations. */
  round(): void {
    for (let i = 0; i < this.options.steps; i++) {
      const kind = this.random.below(100);
      if (kind < 40) this.ask(this.rangeCommands());
      else if (kind < 60) this.write();
      else if (kind < 70) this.name();
      else if (kind < 76) this.crowd();
      else if (kind < 82) this.attributes();
      else if (kind < 90) this.remove();
      else if (kind < 97) this.hints();
      else this.special();
    }
    this.settle();
  }

  private below(bound: number): number {
    return this.random.below(bound);
  }

  private path(name: string): string {
    return join(this.root, name);
  }

  private file(): string {
    if (this.files.length === 0 || this.below(8) === 0) return this.fresh();
    return this.random.pick(this.files);
  }

  /** A new name, some of them long. */
  private fresh(): string {
    const length = this.below(5) === 0 ? this.below(200) : this.below(12);
    const name = `${this.random.pick(this.folders)}/f${this.made++}${'n'.repeat(length)}`;
    this.files.push(name);
    return name;
  }

  private bytes(blocks: number): number {
    return this.options.blocksize * this.below(blocks);
  }

  private ask(commands: readonly string[]): void {
    this.waiting.push(...commands);
    if (this.waiting.length > 60) this.settle();
  }

  /** Lets xfs_io do what waits for it. What it complains about it has not done. */
  private settle(): void {
    if (this.waiting.length === 0) return;
    const { signal } = run('xfs_io', ['-x'], { cwd: this.root, input: `${this.waiting.join('\n')}\nquit\n` });
    if (signal !== null) throw new Error(`xfs_io ended by ${signal}`);
    this.waiting = [];
  }

  /** What is done to ranges of a file. */
  private rangeCommands(): string[] {
    const { blocksize, reflink } = this.options;
    const direct = this.below(4) === 0 ? ' -d' : '';
    const open = `open -f${direct} ${this.file()}`;
    const from = this.bytes(200);
    const length = blocksize * (1 + this.below(64));
    const odd = direct === '' && this.below(3) === 0 ? this.below(blocksize) : 0;
    const write = `pwrite -q -S ${this.below(256)} ${from + odd} ${length - odd}`;
    const kinds: (() => string[])[] = [
      () => [write],
      () => [write, 'fsync'],
      () => [`falloc ${this.below(2) === 0 ? '-k ' : ''}${from} ${length}`],
      () => [`fpunch ${from} ${length}`],
      () => [`fzero ${this.below(2) === 0 ? '-k ' : ''}${from} ${length}`],
      () => [`fcollapse ${from} ${length}`],
      () => [`finsert ${from} ${length}`],
      () => [`truncate ${this.below(300 * blocksize)}`],
      () => this.scattered(),
    ];
    if (reflink) {
      const to = this.bytes(200);
      kinds.push(
        () => [`reflink ${this.file()}`],
        () => [`reflink ${this.file()} ${from} ${to} ${length}`],
        () => [`reflink ${this.file()} ${from} ${to} ${length}`, write, 'fsync'],
        () => [`dedupe ${this.file()} ${from} ${to} ${length}`],
      );
    }
    return [open, ...this.random.pick(kinds)()];
  }

  /** Blocks apart from one another: the extents of a btree. */
  private scattered(): string[] {
    const { blocksize } = this.options;
    const start = this.below(100);
    const count = 5 + this.below(this.below(6) === 0 ? 150 : 25);
    return Array.from({ length: count }, (_, i) => `pwrite -q ${blocksize * (start + 2 * i)} ${blocksize}`);
  }

  private write(): void {
    attempt(() => {
      const file = openSync(this.path(this.file()), this.below(2) === 0 ? 'a' : 'w');
      try {
        const content = this.random.bytes(1 + this.below(6 * this.options.blocksize));
        for (let i = this.below(4); i >= 0; i--) writeSync(file, content);
      } finally {
        closeSync(file);
      }
    });
    if (this.below(4) === 0) {
      // Far out, with nothing before it.
      attempt(() => truncateSync(this.path(this.file()), 2 ** (20 + this.below(22)) + this.below(5000)));
    }
  }

  private name(): void {
    this.settle();
    const from = this.file();
    const to = this.fresh();
    switch (this.below(5)) {
      case 0:
        attempt(() => linkSync(this.path(from), this.path(to)));
        break;
      case 1:
        attempt(() =>
          symlinkSync('s'.repeat(1 + this.below(this.below(2) === 0 ? 60 : 1020)), this.path(to)),
        );
        break;
      case 2: {
        const folder = `${this.random.pick(this.folders)}/d${this.made++}`;
        attempt(() => {
          mkdirSync(this.path(folder));
          this.folders.push(folder);
        });
        break;
      }
      case 3:
        attempt(() => renameSync(this.path(from), this.path(this.file())));
        break;
      default:
        attempt(() => renameSync(this.path(from), this.path(to)));
    }
  }

  /** A directory of many names; some go again, so that its blocks have holes. */
  private crowd(): void {
    const folder = `${this.random.pick(this.folders)}/many${this.made++}`;
    const count = 3 + this.below(this.below(3) === 0 ? 600 : 60);
    const width = 1 + this.below(100);
    const entries: TarEntry[] = [{ name: folder, type: '5' }];
    for (let i = 0; i < count; i++) entries.push({ name: `${folder}/${`${i}`.padEnd(width, 'entry')}` });
    this.unpack(entries);
    this.folders.push(folder);
    attempt(() => {
      const step = 1 + this.below(4);
      readdirSync(this.path(folder)).forEach((name, i) => {
        if (i % step === 0) rmSync(join(this.path(folder), name), { force: true, recursive: true });
      });
    });
  }

  private attributes(): void {
    const sizes = [5, 40, 200, 900, 3000, 9000, 60_000];
    const values = (): (readonly [string, Uint8Array])[] =>
      Array.from({ length: 1 + this.below(this.below(4) === 0 ? 40 : 5) }, () => [
        `user.a${this.below(60)}${'x'.repeat(this.below(3) === 0 ? this.below(150) : 0)}`,
        this.random.bytes(this.below(this.random.pick(sizes))),
      ]);
    // A directory keeps what it has and gets more; a file of the name is made anew.
    const target: TarEntry =
      this.below(3) === 0
        ? { name: this.random.pick(this.folders), type: '5', xattrs: values() }
        : { name: this.fresh(), data: this.random.bytes(this.below(3000)), xattrs: values() };
    this.unpack([target]);
  }

  private unpack(entries: TarEntry[]): void {
    try {
      unpack(this.root, entries);
    } catch (error) {
      if (!/No space left|No such file|Cannot|Exiting/.test((error as Error).message)) throw error;
    }
  }

  private remove(): void {
    this.settle();
    const victim =
      this.below(10) === 0 && this.folders.length > 3
        ? this.folders.splice(1 + this.below(this.folders.length - 1), 1)[0]!
        : this.file();
    attempt(() => rmSync(this.path(victim), { recursive: true, force: true }));
  }

  private hints(): void {
    const { blocksize, reflink } = this.options;
    const hint = blocksize * 2 ** this.below(6);
    const commands: string[] = [
      `chproj ${this.below(70_000)}`,
      `chattr +${this.random.pick(['n', 'd', 'f', 'A', 'S', 's'])}`,
      `chattr -${this.random.pick(['n', 'd', 'f', 'A', 'S', 's'])}`,
    ];
    if (this.below(3) === 0) {
      const folder = this.random.pick(this.folders);
      const inherited = [...commands, `extsize ${hint}`, `chattr +${this.random.pick(['P', 't', 'e'])}`];
      this.ask([`open -r ${folder}`, this.random.pick(inherited)]);
      return;
    }
    // An extent size hint must be there before the first block.
    const file = this.below(2) === 0 ? this.fresh() : this.file();
    commands.push(`extsize ${hint}`, ...(reflink ? [`cowextsize ${hint}`, 'cowextsize 0'] : []));
    this.ask([`open -f ${file}`, this.random.pick(commands), `pwrite -q ${this.bytes(50)} ${blocksize}`]);
  }

  private special(): void {
    if (this.below(2) === 0) {
      // Not among the files: to open one would wait for its other end.
      const name = `${this.random.pick(this.folders)}/s${this.made++}`;
      this.unpack([
        { name: `${name}p`, type: '6' },
        { name: `${name}c`, type: '3', major: 1, minor: 3 },
        { name: `${name}b`, type: '4', major: 250, minor: 70_000 },
      ]);
      return;
    }
    // A file that never has a name.
    const { blocksize } = this.options;
    this.ask([`open -T -f .`, `pwrite -q 0 ${blocksize * (1 + this.below(20))}`, 'fsync', 'close']);
  }
}
