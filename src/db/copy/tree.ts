/**
 * Copies trees out of an image into a folder: files with their holes, folders, symlinks, hard links, devices and
 * pipes (as root), then owners, extended attributes, modes and times.
 *
 * The image may be hostile. Names that are not plain never reach the system, everything is made new and addressed
 * from the descriptor of its folder (`folder.ts`), a directory is entered once. Memory: the path down the tree, one
 * entry for each directory, and one for each file with several links.
 */
import { closeSync, fchmodSync, fchownSync, futimesSync, lchownSync } from 'node:fs';
import type { Device } from '../../device/device.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../format/inode.ts';
import type { Timestamp } from '../../format/time.ts';
import { walkAttrs } from '../../fs/read/attr.ts';
import { type DirEntry, walkDir } from '../../fs/read/dir.ts';
import { type Inode, type InodeFacts, inodeFacts, readInode } from '../../fs/read/inode.ts';
import { readSymlink } from '../../fs/read/symlink.ts';
import type { Volume } from '../../fs/read/volume.ts';
import { DbError } from '../error.ts';
import { ContentCopy } from './content.ts';
import { type Folder, isPlainName } from './folder.ts';
import { makeNode } from './node.ts';
import { CopyReport } from './report.ts';
import { AttributeBatch } from './xattr.ts';

const PERMISSIONS = 0o7777;
const OWNER_ALL = 0o700;
const OWNER_WRITE = 0o200;
/** With these nothing more can be written, whatever comes next. */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

interface Level {
  readonly folder: Folder;
  readonly inode: Inode;
  readonly entries: Iterator<DirEntry>;
  /** False for the top folder, which is not ours to close. */
  readonly closes: boolean;
}

export class TreeCopy {
  readonly report = new CopyReport();
  private readonly volume: Volume;
  private readonly top: Folder;
  private readonly strict: boolean;
  private readonly content: ContentCopy;
  private readonly attributes: AttributeBatch;
  private readonly entered = new Set<number>();
  /** Where a file with several names was copied to. */
  private readonly links = new Map<number, Buffer>();
  private readonly isRoot = process.getuid?.() === 0;

  /** With `strict` the first thing that cannot be copied ends all. */
  constructor(
    volume: Volume,
    realtime: Device | undefined,
    target: { readonly folder: Folder; readonly path: string },
    strict: boolean,
  ) {
    this.volume = volume;
    this.top = target.folder;
    this.strict = strict;
    this.content = new ContentCopy(volume, realtime, this.report);
    this.attributes = new AttributeBatch(target.path);
  }

  /** Copies what is in a directory into the top folder, which also gets the directory's attributes. */
  copyInside(inode: Inode): void {
    this.entered.add(inode.ino);
    this.walk({ folder: this.top, inode, entries: this.entriesOf(inode, '/'), closes: false });
  }

  /** Copies one file or tree into the top folder under a name. */
  copyAs(inode: Inode, name: Uint8Array): void {
    const level = this.copyEntry(this.top, name, inode);
    if (level) this.walk(level);
  }

  /** To be called last. */
  finish(): void {
    this.attributes.flush();
    if (this.attributes.lost === 0) return;
    const why = [...this.attributes.reasons].sort().join(', ');
    this.report.lose('xattrs', `${this.attributes.lost}: ${why}`);
  }

  private walk(start: Level): void {
    const levels = [start];
    try {
      for (let level = levels.at(-1); level; level = levels.at(-1)) {
        const next = level.entries.next();
        if (next.done) {
          levels.pop();
          this.leave(level);
          continue;
        }
        const below = this.copyNamed(level, next.value);
        if (below) levels.push(below);
      }
    } finally {
      for (const level of levels) if (level.closes) level.folder.close();
    }
  }

  private tell(path: Uint8Array | string, text: string): void {
    const line = `${showPath(path)}: ${text}`;
    if (this.strict) throw new DbError(line);
    this.report.tell(line);
  }

  private entriesOf(inode: Inode, what: string): Iterator<DirEntry> {
    return walkDir(this.volume, inode, (text) => this.tell(what, text))[Symbol.iterator]();
  }

  /** An entry of a directory: a level to go down to when it is one itself. */
  private copyNamed({ folder, inode: parent }: Level, { name, ino }: DirEntry): Level | undefined {
    if (!isPlainName(name)) {
      this.tell(folder.relative, `entry ${showPath(name)} of inode ${parent.ino} is no name for a file`);
      return undefined;
    }
    const inode = readInode(this.volume, ino);
    if (!inode || inodeFacts(inode).mode === 0) {
      this.tell(folder.pathOf(name), `inode ${ino} cannot be read`);
      return undefined;
    }
    return this.copyEntry(folder, Buffer.from(name), inode);
  }

  private copyEntry(folder: Folder, name: Uint8Array, inode: Inode): Level | undefined {
    const facts = inodeFacts(inode);
    const path = folder.pathOf(name);
    try {
      if (facts.type === S_IFDIR) return this.enterDirectory(folder, name, inode);
      const first = this.links.get(inode.ino);
      if (first) folder.link(name, this.top, first);
      else {
        this.copyFile(folder, name, inode, facts);
        if (facts.nlink > 1) this.links.set(inode.ino, path);
      }
    } catch (error) {
      this.fail(path, error);
    }
    return undefined;
  }

  /** Errors of the system become messages, unless nothing can go on. */
  private fail(path: Uint8Array, error: unknown): void {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof DbError || code === undefined || syscall === undefined) throw error;
    const text = `${syscall}: ${code}`;
    if (FATAL.has(code)) throw new DbError(`${showPath(path)}: ${text}`);
    this.tell(path, text);
  }

  private enterDirectory(folder: Folder, name: Uint8Array, inode: Inode): Level | undefined {
    const path = folder.pathOf(name);
    if (this.entered.has(inode.ino)) {
      this.tell(path, `directory inode ${inode.ino} is in two places`);
      return undefined;
    }
    this.entered.add(inode.ino);
    this.report.directories++;
    const below = folder.enter(name);
    return { folder: below, inode, entries: this.entriesOf(inode, showPath(path)), closes: true };
  }

  private leave({ folder, inode, closes }: Level): void {
    const facts = inodeFacts(inode);
    const path = folder.relative.length === 0 ? Buffer.from('.') : folder.relative;
    try {
      this.setOwner(facts, (uid, gid) => fchownSync(folder.descriptor, uid, gid));
      this.addAttributes(path, inode);
      // What is still to be done inside must not be locked out.
      if (!this.isRoot && (facts.mode & OWNER_ALL) !== OWNER_ALL) this.attributes.flush();
      this.setMode(facts, (mode) => fchmodSync(folder.descriptor, mode));
      this.setTimes(facts, (atime, mtime) => futimesSync(folder.descriptor, atime, mtime));
    } catch (error) {
      this.fail(path, error);
    } finally {
      if (closes) folder.close();
    }
  }

  private copyFile(folder: Folder, name: Uint8Array, inode: Inode, facts: InodeFacts): void {
    const path = folder.pathOf(name);
    if (facts.type === S_IFREG) this.copyRegular(folder, name, inode, facts);
    else if (facts.type === S_IFLNK) {
      const target = readSymlink(this.volume, inode);
      if (!target || target.includes(0)) {
        this.tell(path, 'its target cannot be read');
        return;
      }
      folder.symlink(name, target);
      this.finishEntry(folder, name, inode, facts);
    } else {
      const refusal = makeNode(folder, name, inode, facts);
      if (refusal === undefined) this.finishEntry(folder, name, inode, facts);
      else this.tell(path, refusal);
    }
    this.report.files++;
  }

  private copyRegular(folder: Folder, name: Uint8Array, inode: Inode, facts: InodeFacts): void {
    const path = folder.pathOf(name);
    const { size, isRealtime } = facts;
    if (size === undefined) {
      this.tell(path, 'its size is negative or too large to be copied');
      return;
    }
    const descriptor = folder.create(name);
    const before = this.report.count;
    try {
      this.content.copy(inode, { descriptor, size, isRealtime }, showPath(path));
      if (this.strict && this.report.count > before) throw new DbError(this.report.messages.at(-1)!);
      this.setOwner(facts, (uid, gid) => fchownSync(descriptor, uid, gid));
      this.addAttributes(path, inode);
      if (!this.isRoot && (facts.mode & OWNER_WRITE) === 0) this.attributes.flush();
      this.setMode(facts, (mode) => fchmodSync(descriptor, mode));
      this.setTimes(facts, (atime, mtime) => futimesSync(descriptor, atime, mtime));
    } finally {
      closeSync(descriptor);
    }
    if (facts.flags !== 0) this.report.lose('flags');
  }

  /** Owner, attributes and times of what has no descriptor; its mode was given when it was made. */
  private finishEntry(folder: Folder, name: Uint8Array, inode: Inode, facts: InodeFacts): void {
    this.setOwner(facts, (uid, gid) => lchownSync(folder.entry(name), uid, gid));
    this.addAttributes(folder.pathOf(name), inode);
    this.setTimes(facts, (atime, mtime) => folder.setTimes(name, atime, mtime));
  }

  private addAttributes(path: Buffer, inode: Inode): void {
    const report = (text: string) => this.tell(path, text);
    this.attributes.add(path, walkAttrs(this.volume, inode, report));
  }

  private setOwner({ uid, gid }: InodeFacts, set: (uid: number, gid: number) => void): void {
    this.attempt('owner', () => set(uid, gid));
  }

  private setMode({ mode }: InodeFacts, set: (mode: number) => void): void {
    this.attempt('mode', () => set(mode & PERMISSIONS));
  }

  private setTimes({ atime, mtime }: InodeFacts, set: (atime: string, mtime: string) => void): void {
    this.attempt('times', () => set(secondsOf(atime), secondsOf(mtime)));
  }

  private attempt(what: 'owner' | 'mode' | 'times', action: () => void): void {
    try {
      action();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EPERM' && code !== 'EACCES' && code !== 'EINVAL' && code !== 'EOVERFLOW') throw error;
      this.report.lose(what);
      if (this.strict) throw error;
    }
  }
}

/**
 * Seconds as Node takes them: as text, because it takes numbers below 0 for "now". It cuts them to microseconds, so
 * half of one is added to have the nearest.
 */
function secondsOf({ seconds, nanoseconds }: Timestamp): string {
  return String(seconds + (seconds < 0 ? nanoseconds : nanoseconds + 500) / 1e9);
}

/** A path as text; control characters as escapes. */
export function showPath(path: Uint8Array | string): string {
  const text = typeof path === 'string' ? path : Buffer.from(path).toString('utf8');
  const shown = text === '' ? '/' : text;
  return shown.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
