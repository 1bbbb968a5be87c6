/**
 * What every block is and which inode has it, as blockget finds out: two maps an AG, one byte and one inode row a
 * block, and the rules of how a block may change from one kind into another. Everything that does not fit is said,
 * in xfs_db's words, and counted.
 */
import type { Geometry } from '../../../format/geometry.ts';
import { DbError } from '../../error.ts';
import { InodeTable, IS_LISTED, IS_REFLINK, NO_INODE } from './inodetable.ts';
import { BLOCK_KINDS, KIND } from './kind.ts';

/** The maps take five bytes a block. */
const MOST_BLOCKS = 2 ** 30;

export interface UsageOptions {
  /** Only severe errors. */
  silent: boolean;
  verbose: boolean;
  /** Keep names. */
  names: boolean;
  /** Do not look for blocks that nobody has. */
  noFreeCheck: boolean;
  /** What every message begins with. */
  prefix: string;
}

export class BlockUsage {
  readonly geometry: Geometry;
  readonly inodes: InodeTable;
  readonly options: UsageOptions = {
    silent: false,
    verbose: false,
    names: false,
    noFreeCheck: false,
    prefix: '',
  };
  errors = 0;
  /** Errors after which the results mean nothing. */
  serious = 0;
  readonly messages: string[] = [];
  /** Fsbnos the user asked about; empty once the AGs are scanned. */
  readonly asked = new Set<number>();
  private readonly kinds: Uint8Array[];
  private readonly owners: Int32Array[];

  constructor(geometry: Geometry, icount: number) {
    if (geometry.agcount * geometry.agblocks > MOST_BLOCKS) {
      throw new DbError(`too many blocks to keep in memory: ${geometry.dblocks}`);
    }
    this.geometry = geometry;
    this.inodes = new InodeTable(geometry, icount);
    const { agblocks, agcount } = geometry;
    this.kinds = Array.from({ length: agcount }, () => new Uint8Array(agblocks));
    this.owners = Array.from({ length: agcount }, () => new Int32Array(agblocks));
  }

  say(text: string): void {
    this.messages.push(this.options.prefix + text);
  }

  /** Counts an error, and says it unless silent (`loud` overrides that). */
  fail(text: string, loud = false): void {
    if (!this.options.silent || loud) this.say(text);
    this.errors++;
  }

  kind(agno: number, agbno: number): number {
    return this.kinds[agno]![agbno]!;
  }
  /** Row of the inode that has a block, or NO_INODE. */
  owner(agno: number, agbno: number): number {
    return this.owners[agno]![agbno]! - 1;
  }

  /** Whether the user asked about a block. */
  isAsked(agno: number, agbno: number): boolean {
    if (this.asked.size === 0) return false;
    const { agblklog } = this.geometry;
    if (agbno < 2 ** agblklog) return this.asked.has(agno * 2 ** agblklog + agbno);
    return this.asked.has(Number((BigInt(agno) << BigInt(agblklog)) | BigInt(agbno)));
  }
  isAskedFsbno(fsbno: number): boolean {
    return this.asked.size > 0 && this.asked.has(fsbno);
  }
  isListed(inode: number): boolean {
    return (this.inodes.flags[inode]! & IS_LISTED) !== 0;
  }

  /** False, and said, when blocks lie outside of any AG. The end is reckoned in 32 bits. */
  private inRange(agno: number, agbno: number, length: number): boolean {
    const { geometry } = this;
    if (agno < geometry.agcount && (agbno + length - 1) >>> 0 < geometry.agblocks) return true;
    for (const [low, high] of this.shownRuns(agno, agbno, length)) {
      this.say(
        low === high
          ? `block ${agno}/${low} out of range\n`
          : `blocks ${agno}/${low}..${high} out of range\n`,
      );
    }
    this.errors++;
    return false;
  }

  /** The parts of a run that may be spoken of. */
  private shownRuns(agno: number, agbno: number, length: number): [number, number][] {
    if (length === 0) return [];
    if (!this.options.silent) return [[agbno, (agbno + length - 1) >>> 0]];
    const runs: [number, number][] = [];
    const wanted = [...this.asked].map((fsbno) => this.geometry.fsbnoAgbno(fsbno)).sort((a, b) => a - b);
    for (const block of wanted) {
      if (block < agbno || block >= agbno + length || !this.isAsked(agno, block)) continue;
      const last = runs.at(-1);
      if (last && block <= last[1] + 1) last[1] = block;
      else runs.push([block, block]);
    }
    return runs;
  }

  /** Makes unknown blocks something. `byAgno`/`byAgbno` is the block that claims them. */
  set(agno: number, agbno: number, length: number, kind: number, byAgno: number, byAgbno: number): void {
    this.change(agno, agbno, length, KIND.unknown, kind, byAgno, byAgbno);
  }

  /** Makes blocks of one kind another. */
  change(
    agno: number,
    agbno: number,
    length: number,
    from: number,
    to: number,
    byAgno: number,
    byAgbno: number,
  ): void {
    if (!this.inRange(agno, agbno, length)) {
      const last = (agbno + length - 1) >>> 0;
      this.say(`blocks ${agno}/${agbno}..${last} claimed by block ${byAgno}/${byAgbno}\n`);
      return;
    }
    const { agblocks, features } = this.geometry;
    const shareable = features.reflink && (to === KIND.data || to === KIND.rldata);
    const inside = Math.min(length, agbno < agblocks ? agblocks - agbno : 0);
    const map = this.kinds[agno]!;
    for (let i = agbno; i < agbno + inside; i++) {
      const found = map[i]!;
      if (found === from) continue;
      if (shareable && (found === KIND.unknown || found === KIND.data || found === KIND.rldata)) continue;
      const text = `expected type ${BLOCK_KINDS[from]} got ${BLOCK_KINDS[found]}`;
      this.fail(`block ${agno}/${i} ${text}\n`, this.isAsked(agno, i));
    }
    if (inside < length) this.beyond(agno, agbno + inside);
    const { verbose } = this.options;
    for (let i = agbno; i < agbno + inside; i++) {
      const found = map[i]!;
      // A data block that is met again is a shared one, and stays so.
      if (to !== KIND.data) map[i] = to;
      else if (found === KIND.data) map[i] = KIND.rldata;
      else if (found !== KIND.rldata) map[i] = to;
      if (verbose || this.isAsked(agno, i)) this.say(`setting block ${agno}/${i} to ${BLOCK_KINDS[to]}\n`);
    }
    if (inside < length) this.beyond(agno, agbno + inside);
  }

  private beyond(agno: number, agbno: number): void {
    this.say(`block ${agno}/${agbno} beyond end of expected area\n`);
    this.errors++;
  }

  /** Gives blocks to an inode; none of them when any belongs to another that shares nothing. */
  setOwner(agno: number, agbno: number, length: number, inode: number): void {
    const { inodes } = this;
    const ino = inodes.ino[inode]!;
    if (!this.inRange(agno, agbno, length)) {
      this.say(`blocks ${agno}/${agbno}..${(agbno + length - 1) >>> 0} claimed by inode ${ino}\n`);
      return;
    }
    const map = this.owners[agno]!;
    const end = Math.min(agbno + length, this.geometry.agblocks);
    let free = true;
    for (let i = agbno; i < end; i++) {
      const other = map[i]! - 1;
      if (other === NO_INODE || (inodes.flags[other]! & IS_REFLINK) !== 0) continue;
      const text = `claimed by inode ${ino}, previous inum ${inodes.ino[other]}`;
      this.fail(`block ${agno}/${i} ${text}\n`, this.isListed(other) || this.isAsked(agno, i));
      free = false;
    }
    if (!free) return;
    const loud = this.options.verbose || this.isListed(inode);
    for (let i = agbno; i < end; i++) {
      map[i] = inode + 1;
      if (loud || this.isAsked(agno, i)) this.say(`setting inode to ${ino} for block ${agno}/${i}\n`);
    }
  }

  /** Blocks that are still unknown, or free in one tree only. */
  checkAllKnown(agno: number): void {
    const map = this.kinds[agno]!;
    for (let i = 0; i < map.length; i++) {
      const kind = map[i]!;
      if (kind !== KIND.unknown && kind !== KIND.free1) continue;
      this.fail(`block ${agno}/${i} type ${BLOCK_KINDS[kind]} not expected\n`, this.isAsked(agno, i));
    }
  }
}
