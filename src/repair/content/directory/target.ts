/**
 * What directory entries lead to: inodes in use, of the file type that the entry gives, each directory named once.
 * Counts the links that inodes get, and notes who names whom.
 */
import type { FindingCode } from '../../../format/findings.ts';
import { CONTENT } from '../../observe/forkextents.ts';
import { type InodeTable, KIND, NO_ROW } from '../../observe/inodetable.ts';
import { NumberList } from '../../observe/list.ts';
import type { Contents } from '../contents.ts';

/** Second namings that are remembered; more make no difference to what is wrong. */
const MOST_NAMINGS = 10_000;

/** What is wrong with an entry's target. */
export interface TargetFault {
  readonly code: FindingCode;
  readonly field: 'inumber' | 'filetype';
  readonly text: string;
  readonly found: number;
  readonly expected?: number;
  /** The inode. */
  readonly target: number;
}

export class DirTargets {
  private readonly contents: Contents;
  private readonly inodes: InodeTable;
  private readonly ftype: boolean;
  private readonly root: number;
  /** Rows of inodes that the superblock names, and the range of them. */
  private readonly special: ReadonlySet<number>;
  private readonly lowest: number;
  private readonly highest: number;
  // Directories named once more: by whom, and in which block.
  private readonly namer = new NumberList();
  private readonly named = new NumberList();
  private readonly fileoff = new NumberList();

  constructor(contents: Contents) {
    this.contents = contents;
    this.inodes = contents.inodes;
    const { geometry } = contents.context;
    this.ftype = geometry.features.ftype;
    this.root = contents.inodes.find(geometry.rootino);
    const { forks } = contents;
    const special = new Set<number>();
    for (let i = 0; i < forks.length; i++) {
      if (forks.content.at(i) === CONTENT.SPECIAL) special.add(forks.row.at(i));
    }
    this.special = special;
    this.lowest = Math.min(...special);
    this.highest = Math.max(...special);
  }

  /**
   * Follows one entry of the directory of row `from` (any but "." and ".."). Undefined: it leads to what it says.
   * `fileoff`: block of the entry.
   */
  follow(from: number, ino: number, type: number, fileoff: number): TargetFault | undefined {
    const { inodes } = this;
    const row = inodes.find(ino);
    if (row !== NO_ROW) {
      const kind = inodes.kind[row]!;
      const ordinary = kind === type && kind !== KIND.DIRECTORY && kind !== KIND.FREE;
      if (ordinary && (row < this.lowest || row > this.highest)) {
        inodes.links[row]!++;
        return undefined;
      }
    }
    return this.followOther(from, row, ino, type, fileoff);
  }

  /** Row of the entry's target, for those who keep a list of names; NO_ROW when it leads nowhere. */
  rowOf(ino: number): number {
    const row = this.inodes.find(ino);
    return row !== NO_ROW && this.inodes.isInUse(row) ? row : NO_ROW;
  }

  private followOther(
    from: number,
    row: number,
    ino: number,
    type: number,
    fileoff: number,
  ): TargetFault | undefined {
    const { inodes } = this;
    const kind = row === NO_ROW ? KIND.FREE : inodes.kind[row]!;
    if (kind === KIND.FREE) {
      const why = row === NO_ROW ? 'is in no inode chunk' : 'is free';
      return {
        code: 'DIR_ENTRY_INODE',
        field: 'inumber',
        text: `inode ${ino} ${why}`,
        found: ino,
        target: ino,
      };
    }
    if (this.special.has(row)) {
      const text = `inode ${ino} is one that the superblock names`;
      return { code: 'DIR_ENTRY_INODE', field: 'inumber', text, found: ino, target: ino };
    }
    if (kind === KIND.DIRECTORY) this.name(from, row, fileoff);
    else inodes.links[row]!++;
    // What an unreadable inode is, nobody knows.
    if (kind === KIND.LOST || kind === type || !this.ftype) return undefined;
    const text = `file type ${type}, inode ${ino} is of type ${kind}`;
    return { code: 'DIR_FTYPE', field: 'filetype', text, found: type, expected: kind, target: ino };
  }

  private name(from: number, row: number, fileoff: number): void {
    const { parent, links } = this.inodes;
    if (parent[row] === 0 && row !== this.root) {
      parent[row] = from + 1;
      links[row]!++;
    } else if (this.named.length < MOST_NAMINGS) {
      this.namer.push(from);
      this.named.push(row);
      this.fileoff.push(fileoff);
    }
  }

  /** Tells which of two directories that name a third has no right to: its ".." decides. */
  finish(): void {
    if (this.named.length === 0) return;
    const { inodes, named } = this;
    const dotdots = new Map<number, number>();
    for (let i = 0; i < named.length; i++) dotdots.set(named.at(i), -1);
    for (let i = 0; i < inodes.directories.length; i++) {
      const row = inodes.directories.at(i);
      if (dotdots.has(row)) dotdots.set(row, inodes.dotdots.at(i));
    }
    for (let i = 0; i < named.length; i++) {
      const row = named.at(i);
      const second = this.namer.at(i);
      const first = inodes.parent[row]! - 1;
      const dotdot = dotdots.get(row)!;
      if (row !== this.root && inodes.ino(second) === dotdot && inodes.ino(first) !== dotdot) {
        inodes.parent[row] = second + 1;
        this.tell(first, row, second, -1);
      } else this.tell(second, row, row === this.root ? row : first, this.fileoff.at(i));
    }
  }

  /** The directory of row `wrong` names that of `row`, which is `right`'s. */
  private tell(wrong: number, row: number, right: number, fileoff: number): void {
    const { inodes } = this;
    const { context } = this.contents;
    const ino = inodes.ino(wrong);
    const child = inodes.ino(row);
    const where = { agno: context.geometry.inoAgno(ino), ino, structure: 'dir3', field: 'inumber' };
    const place = fileoff < 0 ? where : { ...where, fileoff };
    const owner = inodes.ino(right);
    const why =
      row === this.root ? 'the root directory' : wrong === right ? 'a second time' : `which is in ${owner}`;
    const text = `directory ${ino}: an entry names directory ${child}, ${why}`;
    context.sink.add('DIR_PARENT', place, text, { found: ino, expected: owner });
  }
}
