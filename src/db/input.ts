/**
 * Files of commands that are being read, one inside another. A file whose reading is given up (`quit` in it) stays
 * open and goes on when the one that named it asks for its next line: so it is in xfs_db, and scripts see it.
 */
import { readFileSync } from 'node:fs';

interface Source {
  readonly lines: readonly string[];
  at: number;
}

/** A file that names itself ends here. */
const MOST_FILES = 100;

export class Input {
  private readonly files: Source[] = [];

  get hasMore(): boolean {
    return this.files.length > 0;
  }

  /** Gives up all files. */
  clear(): void {
    this.files.length = 0;
  }

  /** Starts reading a file; false when it cannot be read. */
  open(path: string): boolean {
    if (this.files.length >= MOST_FILES) return false;
    try {
      const lines = readFileSync(path, 'utf8').split('\n');
      if (lines.at(-1) === '') lines.pop();
      this.files.push({ lines, at: 0 });
      return true;
    } catch {
      return false;
    }
  }

  /** The next line of the innermost file, with those that backslashes join to it; undefined at its end. */
  next(): string | undefined {
    const file = this.files.at(-1);
    let line = file?.lines[file.at++];
    if (!file || line === undefined) {
      this.files.pop();
      return undefined;
    }
    while (line.endsWith('\\') && file.at < file.lines.length) {
      line = `${line.slice(0, -1)} ${file.lines[file.at++]}`;
    }
    return line;
  }
}
