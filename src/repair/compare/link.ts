/**
 * Names against inodes: every link count must be the number of entries that name the inode, every directory must be
 * named once, by the directory that its ".." names, and from the root every name must be in reach.
 *
 * A directory counts its name, its "." and a ".." of each directory in it; so what it should count follows from the
 * entries alone, and a wrong ".." is told once, of the directory that has it. Below a directory that is out of
 * reach nothing is told again.
 */
import type { Geometry } from '../../format/geometry.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import type { Observation } from '../observation.ts';
import { type InodeTable, KIND, NO_ROW } from '../observe/inodetable.ts';
import type { FindingSink } from '../sink.ts';

export function compareLinks(observation: Observation, findings: FindingSink): void {
  new LinkComparison(observation, findings).run();
}

/** Whether the root can be reached from a directory, while that is found out. */
const REACH = { UNKNOWN: 0, REACHED: 1, CUT_OFF: 2, VISITING: 3 } as const;

class LinkComparison {
  private readonly geometry: Geometry;
  private readonly inodes: InodeTable;
  private readonly findings: FindingSink;
  /** Inodes that the superblock names: no directory does. */
  private readonly special: ReadonlySet<number>;
  private readonly root: number;

  constructor(observation: Observation, findings: FindingSink) {
    this.geometry = observation.geometry;
    this.inodes = observation.inodes;
    this.findings = findings;
    const sb = SUPERBLOCK.over(observation.superblock);
    this.special = new Set([sb.rbmino, sb.rsumino, sb.uquotino, sb.gquotino, sb.pquotino]);
    this.root = this.inodes.find(this.geometry.rootino);
  }

  run(): void {
    this.checkRoot();
    this.checkParents();
    const children = this.countChildren();
    const { inodes, root } = this;
    const { kind, links, nlink } = inodes;
    for (let row = 0; row < inodes.length; row++) {
      if (kind[row] === KIND.FREE || kind[row] === KIND.LOST) continue;
      // The root has no name, but counts itself as its own parent.
      const names = links[row]! + (row === root ? 1 : 0);
      if (names === 0) {
        if (nlink[row] !== 0 && kind[row] !== KIND.DIRECTORY) this.tellNameless(row);
        continue;
      }
      const count = kind[row] === KIND.DIRECTORY ? names + 1 + children[row]! : names;
      if (nlink[row] !== count) this.tellCount(row, count);
    }
    this.checkReach();
  }

  private checkRoot(): void {
    const { rootino } = this.geometry;
    if (this.root !== NO_ROW && this.inodes.kind[this.root] === KIND.DIRECTORY) return;
    const why = this.root === NO_ROW ? 'is in no inode chunk' : 'is not a directory in use';
    const where = { agno: this.geometry.inoAgno(rootino), ino: rootino };
    this.findings.add('ROOT_DIRECTORY', where, `root inode ${rootino} ${why}`);
  }

  /** Each ".." leads to the directory that names this one. */
  private checkParents(): void {
    const { inodes, geometry } = this;
    for (let i = 0; i < inodes.directories.length; i++) {
      const row = inodes.directories.at(i);
      const found = inodes.dotdots.at(i);
      const named = inodes.parent[row]!;
      if (found < 0 || (named === 0 && row !== this.root)) continue;
      const expected = row === this.root ? geometry.rootino : inodes.ino(named - 1);
      if (found === expected) continue;
      const ino = inodes.ino(row);
      const text = `directory ${ino}: ".." is inode ${found}, but directory ${expected} names it`;
      const where = { agno: geometry.inoAgno(ino), ino, structure: 'dir3', field: '..' };
      this.findings.add('DIR_PARENT', where, text, { found, expected });
    }
  }

  /** By row: directories that an entry of this directory names. */
  private countChildren(): Uint32Array {
    const { inodes } = this;
    const children = new Uint32Array(inodes.length);
    for (let row = 0; row < inodes.length; row++) {
      const parent = inodes.parent[row]!;
      if (parent !== 0 && inodes.kind[row] === KIND.DIRECTORY) children[parent - 1]!++;
    }
    return children;
  }

  private tellCount(row: number, expected: number): void {
    const ino = this.inodes.ino(row);
    const found = this.inodes.nlink[row]!;
    const where = { agno: this.geometry.inoAgno(ino), ino, field: 'core.nlinkv2' };
    const text = `inode ${ino}: nlink ${found}, the entries that name it make ${expected}`;
    this.findings.add('LINK_COUNT', where, text, { found, expected });
  }

  private tellNameless(row: number): void {
    const ino = this.inodes.ino(row);
    if (this.special.has(ino)) {
      if (this.inodes.nlink[row] !== 1) this.tellCount(row, 1);
      return;
    }
    const found = this.inodes.nlink[row]!;
    const where = { agno: this.geometry.inoAgno(ino), ino };
    this.findings.add('DISCONNECTED', where, `inode ${ino}: nlink ${found}, but no entry names it`, {
      found,
      expected: 0,
    });
  }

  /** Directories from which the root cannot be reached: told of the topmost, and once of each circle. */
  private checkReach(): void {
    const { inodes, root } = this;
    const reach = new Uint8Array(inodes.length);
    if (root !== NO_ROW) reach[root] = REACH.REACHED;
    const path: number[] = [];
    for (let row = 0; row < inodes.length; row++) {
      if (inodes.kind[row] !== KIND.DIRECTORY) continue;
      let at = row;
      path.length = 0;
      while (reach[at] === REACH.UNKNOWN && inodes.parent[at] !== 0) {
        reach[at] = REACH.VISITING;
        path.push(at);
        at = inodes.parent[at]! - 1;
      }
      if (reach[at] === REACH.UNKNOWN) {
        reach[at] = REACH.CUT_OFF;
        this.tellCutOff(at, false);
      } else if (reach[at] === REACH.VISITING) this.tellCutOff(at, true);
      const end = reach[at] === REACH.REACHED ? REACH.REACHED : REACH.CUT_OFF;
      for (const visited of path) reach[visited] = end;
    }
  }

  private tellCutOff(row: number, circle: boolean): void {
    const { inodes } = this;
    // Removed, and waiting on an unlinked list; or no directory at all, which was told where an entry said so.
    if (inodes.kind[row] !== KIND.DIRECTORY || (!circle && inodes.nlink[row] === 0)) return;
    const ino = inodes.ino(row);
    const why = circle ? 'directories name each other in a circle' : 'no entry names it';
    const where = { agno: this.geometry.inoAgno(ino), ino };
    this.findings.add('DISCONNECTED', where, `directory ${ino} is out of reach from the root: ${why}`);
  }
}
