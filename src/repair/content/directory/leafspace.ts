/**
 * Blocks from 32 GiB on: the single leaf of a leaf form directory, or the leaves and nodes of a node form one. They
 * are read in file order, as they lie on disk; who leads to whom is judged afterwards.
 */
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_LEAF_ENTRY,
  DIR_LEAF_HEADER,
  DIR_LEAF_TAIL,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR_NODE_HEADER,
} from '../../../format/dir.ts';
import type { Contents } from '../contents.ts';
import type { BlockLeaf } from './data.ts';
import { DaTree } from './datree.ts';
import type { FreeLengths } from './freeindex.ts';
import type { HashIndex } from './hashindex.ts';
import { BlockHeaders } from './header.ts';
import type { DirBlockPlace, DirReport } from './report.ts';

const AT = DIR_LEAF_HEADER.offset;
const HEADER = DIR_LEAF_HEADER.size;
const HASH = DIR_LEAF_ENTRY.size;
const TAIL = DIR_LEAF_TAIL.size;
const FORW = 0;
const BACK = 4;
const MAGIC = 8;
const LSN = 24;
const MOST_LEVELS = 5;

export class LeafSpace {
  readonly tree: DaTree;
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly index: HashIndex;
  private readonly headers: BlockHeaders;

  constructor(contents: Contents, report: DirReport, index: HashIndex) {
    this.contents = contents;
    this.report = report;
    this.index = index;
    this.headers = new BlockHeaders(contents, report);
    this.tree = new DaTree(report);
  }

  /** The hashes inside a block form directory's only block. */
  readBlockLeaf({ view, place, first, count, damaged }: BlockLeaf): void {
    const staleSaid = view.getUint32(view.byteLength - DIR_BLOCK_TAIL.size + 4);
    const names = { staleField: 'btail.stale', entryField: 'bleaf' };
    this.index.readLeaf(view, first, count, damaged, { place, staleSaid, ...names });
  }

  /** The leaf of a leaf form directory whose last data block is `lastBlock` (in directory blocks). */
  readLeaf1(fileoff: number, lastBlock: number, lengths: FreeLengths): void {
    const read = this.headers.read(fileoff, [DIR_LEAF1_MAGIC], 'leaf');
    if (!read) {
      this.index.complete = false;
      return;
    }
    const place = { fileoff, fsbno: this.contents.blocks.fsbno };
    const { view } = read;
    const tail = read.bytes.length - TAIL;
    const damaged = !read.crcIsGood;
    this.report.checkLsn(view, LSN, place);
    // Lengths end at the tail, so where they begin follows from how many there should be.
    const wanted = lastBlock + 1;
    const bests = Math.max(HEADER, tail - 2 * wanted);
    this.takeEntries(view, place, bests, damaged);
    for (const side of ['forw', 'back'] as const) {
      const found = view.getUint32(side === 'forw' ? FORW : BACK);
      if (found === 0 || damaged) continue;
      const text = `${side} ${found} in a leaf that is alone`;
      this.report.block('DIR_LEAF', place, `lhdr.info.hdr.${side}`, text, { found, expected: 0 });
    }
    if (damaged) return;
    const count = view.getUint32(tail);
    if (count === wanted) lengths.compare(view, bests, count, 0, place, 'lbests');
    else {
      const text = `bestcount ${count}, the last data block is ${lastBlock}`;
      this.report.block('DIR_FREE', place, 'ltail.bestcount', text, { found: count, expected: wanted });
    }
  }

  /** A block of a node form directory, whatever it is; false when it cannot be used at all. */
  readNodeForm(fileoff: number): boolean {
    const read = this.headers.read(fileoff, [DIR_LEAFN_MAGIC, DA_NODE_MAGIC], 'leaf or node');
    const place = { fileoff, fsbno: this.contents.blocks.fsbno };
    if (!read) {
      this.lose(place);
      return false;
    }
    const { view } = read;
    const damaged = !read.crcIsGood;
    const magic = view.getUint16(MAGIC);
    this.report.checkLsn(view, LSN, place);
    const forw = view.getUint32(FORW);
    const back = view.getUint32(BACK);
    if (magic === DA_NODE_MAGIC) this.takeNode(view, place, forw, back, damaged);
    else if (magic === DIR_LEAFN_MAGIC) {
      const leaf = this.takeEntries(view, place, view.byteLength, damaged);
      if (leaf) this.tree.addLeaf(place, forw, back, leaf, damaged);
      else this.tree.addLost(place);
    } else this.lose(place);
    return true;
  }

  private lose(place: DirBlockPlace): void {
    this.index.complete = false;
    this.tree.addLost(place);
  }

  /** The hashes of a leaf, which may reach up to byte `end`. */
  private takeEntries(view: DataView, place: DirBlockPlace, end: number, damaged: boolean) {
    const count = view.getUint16(AT.count);
    const staleSaid = view.getUint16(AT.stale);
    const most = Math.floor((end - HEADER) / HASH);
    if (count > most) {
      const text = `count ${count}, there is room for ${most}`;
      if (!damaged) {
        this.report.block('DIR_LEAF', place, 'lhdr.count', text, {
          found: count,
          expected: `at most ${most}`,
        });
      }
      this.index.complete = false;
      return undefined;
    }
    const about = { place, staleSaid, staleField: 'lhdr.stale', entryField: 'lents' };
    return this.index.readLeaf(view, HEADER, count, damaged, about);
  }

  private takeNode(view: DataView, place: DirBlockPlace, forw: number, back: number, damaged: boolean): void {
    const level = view.getUint16(DIR_NODE_HEADER.offset.level);
    const count = view.getUint16(DIR_NODE_HEADER.offset.count);
    const most = Math.floor((view.byteLength - DIR_NODE_HEADER.size) / HASH);
    const bad = (field: string, found: number, highest: number): void => {
      const numbers = { found, expected: `1 to ${highest}` };
      const text = `${field} ${found}, expected 1 to ${highest}`;
      if (!damaged) this.report.block('DIR_TREE', place, `nhdr.${field}`, text, numbers);
      // Leaves are found without nodes: names and hashes are still complete.
      this.tree.addLost(place);
    };
    if (level < 1 || level > MOST_LEVELS) bad('level', level, MOST_LEVELS);
    else if (count < 1 || count > most) bad('count', count, most);
    else this.tree.addNode(place, forw, back, level, view, count, damaged);
  }
}
