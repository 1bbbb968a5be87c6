/**
 * A folder outside of the image that is being written to. Everything in it is named by one name relative to its
 * descriptor, so that no symlink, whoever made it, can lead elsewhere; names come from the image and are refused
 * unless they are plain. Nothing that exists is overwritten.
 */
import {
  closeSync,
  constants,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { systemError } from '../../device/file.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const MAX_NAME = 255;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Only ourselves, until all is in it. */
const NEW_FOLDER_MODE = 0o700;
const NEW_FILE_MODE = 0o600;

/** Whether a name can be one of an entry: not empty, too long, "." or "..", and without "/" and NUL. */
export function isPlainName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > MAX_NAME) return false;
  if (name.includes(SLASH) || name.includes(0)) return false;
  return !(name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)));
}

export class Folder {
  readonly descriptor: number;
  /** From the top folder, for messages and helper programs; empty for the top. */
  readonly relative: Buffer;
  private readonly base: Buffer;

  private constructor(descriptor: number, relative: Buffer, path: Buffer) {
    this.descriptor = descriptor;
    this.relative = relative;
    // Linux names what a descriptor stands for; elsewhere the path has to do.
    this.base = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${descriptor}`) : path;
  }

  /** Opens `path`, made when missing. Throws DeviceError. */
  static top(path: string): Folder {
    try {
      mkdirSync(path, { mode: 0o755 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw systemError(error, path);
    }
    try {
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      return new Folder(descriptor, Buffer.alloc(0), Buffer.from(path));
    } catch (error) {
      throw systemError(error, path);
    }
  }

  private at(name: Uint8Array): Buffer {
    if (!isPlainName(name)) throw new TypeError('not a plain name');
    return Buffer.concat([this.base, Buffer.from('/'), name]);
  }

  /** Path of an entry from the top folder. */
  pathOf(name: Uint8Array): Buffer {
    return this.relative.length === 0
      ? Buffer.from(name)
      : Buffer.concat([this.relative, Buffer.from('/'), name]);
  }

  /** Opens a folder in this one, made when missing. Throws errors of the system, as all of the following. */
  enter(name: Uint8Array): Folder {
    const path = this.at(name);
    try {
      mkdirSync(path, { mode: NEW_FOLDER_MODE });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return new Folder(openSync(path, DIRECTORY_FLAGS), this.pathOf(name), path);
  }

  /** Makes a file and returns its descriptor. */
  create(name: Uint8Array): number {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    return openSync(this.at(name), flags, NEW_FILE_MODE);
  }

  symlink(name: Uint8Array, target: Uint8Array): void {
    symlinkSync(Buffer.from(target), this.at(name));
  }

  /** A second name for what stands at `path`, counted from `top`. */
  link(name: Uint8Array, top: Folder, path: Buffer): void {
    linkSync(Buffer.concat([top.base, Buffer.from('/'), path]), this.at(name));
  }

  /** Path that names an entry for calls that do not follow symlinks. */
  entry(name: Uint8Array): Buffer {
    return this.at(name);
  }

  setTimes(name: Uint8Array, atime: string, mtime: string): void {
    lutimesSync(this.at(name), atime, mtime);
  }

  remove(name: Uint8Array): void {
    rmSync(this.at(name), { force: true });
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
