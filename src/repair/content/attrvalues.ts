/**
 * Attribute values in blocks of their own. Leaves note where each is; when all are known they are read in the order
 * of the fork, each block once: none may be missing, belong to two values, or be a block of the tree.
 */
import { ATTR_REMOTE_HEADER, ATTR_REMOTE_MAGIC } from '../../format/attr.ts';
import { hex } from '../../format/problem.ts';
import { viewOf } from '../../format/struct.ts';
import { verifyAttrBlock } from '../../format/verify.ts';
import { attrValueFault } from '../../format/verifyattr.ts';
import { NumberList } from '../observe/list.ts';
import type { BlockReport } from './blockreport.ts';
import type { Contents } from './contents.ts';

const LONGEST_VALUE = 65536;
const AT = ATTR_REMOTE_HEADER.offset;
const ALL_ONES = 0xffffffff;

export class AttrValues {
  /** Of the leaf that notes values: where it is. */
  fileoff = 0;
  fsbno = -1;
  private readonly contents: Contents;
  private readonly report: BlockReport;
  private readonly room: number;
  private ino = 0;
  // Of each value: its first block, blocks, bytes, meaning, and the entry.
  private block = new NumberList();
  private blocks = new NumberList();
  private length = new NumberList();
  private meaning = new NumberList();
  private entry = new NumberList();
  private leaf = new NumberList();
  private leafBlock = new NumberList();
  /** The value being read; made when the first is. */
  private assembled: Uint8Array | undefined;

  constructor(contents: Contents, report: BlockReport) {
    this.contents = contents;
    this.report = report;
    this.room = contents.context.geometry.blocksize - ATTR_REMOTE_HEADER.size;
  }

  begin(ino: number): void {
    this.ino = ino;
    if (this.block.length === 0) return;
    for (const list of [
      this.block,
      this.blocks,
      this.length,
      this.meaning,
      this.entry,
      this.leaf,
      this.leafBlock,
    ])
      list.length = 0;
  }

  /** Entry `i` of the leaf has its value of `length` bytes from file block `block` on. */
  push(i: number, block: number, length: number, meaning: number): void {
    if (block === 0 || length === 0 || length > LONGEST_VALUE) {
      const text = `nvlist[${i}]: a value of ${length} bytes at block ${block}, expected 1 to ${LONGEST_VALUE} bytes behind block 0`;
      this.report.add('ATTR_ENTRY', `nvlist[${i}].valuelen`, text);
      return;
    }
    this.block.push(block);
    this.blocks.push(Math.ceil(length / this.room));
    this.length.push(length);
    this.meaning.push(meaning);
    this.entry.push(i);
    this.leaf.push(this.fileoff);
    this.leafBlock.push(this.fsbno);
  }

  /**
   * Reads all of them. `tree`: file offsets of the blocks of leaves and nodes, ascending. Returns how many blocks the
   * values take.
   */
  read(tree: Float64Array): number {
    const n = this.block.length;
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    order.sort((a, b) => this.block.at(a) - this.block.at(b) || a - b);
    let end = 0;
    let taken = 0;
    let t = 0;
    for (const i of order) {
      const from = this.block.at(i);
      const to = from + this.blocks.at(i);
      while (t < tree.length && tree[t]! < from) t++;
      if (from < end) this.blame(i, `overlap the value before, which ends at ${end}`);
      else if (t < tree.length && tree[t]! < to) this.blame(i, `take in block ${tree[t]} of the tree`);
      else {
        taken += to - from;
        this.value(i);
      }
      end = Math.max(end, to);
    }
    return taken;
  }

  private blame(i: number, text: string): void {
    this.report.begin(this.ino, this.leaf.at(i), this.leafBlock.at(i));
    const field = `nvlist[${this.entry.at(i)}].valueblk`;
    const from = this.block.at(i);
    this.report.add('ATTR_REMOTE', field, `${field} ${from}: ${this.blocks.at(i)} blocks ${text}`);
  }

  private value(i: number): void {
    const length = this.length.at(i);
    const meaning = this.meaning.at(i);
    if (meaning !== 0) this.assembled ??= new Uint8Array(LONGEST_VALUE);
    let whole = true;
    for (let k = 0; k < this.blocks.at(i); k++) {
      const offset = k * this.room;
      const good = this.piece(i, this.block.at(i) + k, offset, Math.min(this.room, length - offset), meaning);
      if (good === undefined) return;
      whole &&= good;
    }
    if (meaning === 0 || !whole) return;
    const wrong = attrValueFault(meaning, this.assembled!.subarray(0, length));
    if (wrong === undefined) return;
    this.report.begin(this.ino, this.leaf.at(i), this.leafBlock.at(i));
    const field = `nvlist[${this.entry.at(i)}].value`;
    this.report.add('ATTR_VALUE', field, `${field} at block ${this.block.at(i)}, expected ${wrong}`);
  }

  /** One block. False: it is damaged; undefined: the rest of the value is not worth a look. */
  private piece(
    i: number,
    fileoff: number,
    offset: number,
    bytes: number,
    meaning: number,
  ): boolean | undefined {
    const { contents, report } = this;
    const { geometry } = contents.context;
    if (!contents.blocks.isMapped(fileoff)) {
      // Extents that were not good were reported, and are not mapped here.
      if (!contents.forks.lost.at(contents.blocks.fork)) this.blame(i, `, of which ${fileoff} is not mapped`);
      return undefined;
    }
    const block = contents.blocks.read(fileoff, 1, `inode ${this.ino} attribute value`);
    if (!block) {
      report.count++;
      return false;
    }
    report.begin(this.ino, fileoff, contents.blocks.fsbno);
    const view = viewOf(block);
    if (view.getUint32(0) !== ATTR_REMOTE_MAGIC) {
      const found = hex(view.getUint32(0));
      const expected = hex(ATTR_REMOTE_MAGIC);
      report.add('ATTR_REMOTE', 'hdr.magic', `hdr.magic ${found}, expected ${expected}`, { found, expected });
      return false;
    }
    const place = { daddr: contents.blocks.daddr, owner: this.ino };
    const before = report.count;
    if (!report.accept(verifyAttrBlock(block, geometry, place), 'hdr.offset')) return false;
    this.expect('hdr.offset', view.getUint32(AT.offset), offset);
    this.expect('hdr.bytes', view.getUint32(AT.bytes), bytes);
    if (view.getUint32(AT.lsn) !== ALL_ONES || view.getUint32(AT.lsn + 4) !== ALL_ONES) {
      const found = hex(view.getBigUint64(AT.lsn));
      report.add('ATTR_HEADER', 'hdr.lsn', `hdr.lsn ${found}, expected all ones`, { found });
    }
    if (meaning !== 0) {
      this.assembled!.set(block.subarray(ATTR_REMOTE_HEADER.size, ATTR_REMOTE_HEADER.size + bytes), offset);
    }
    return report.count === before;
  }

  private expect(field: string, found: number, expected: number): void {
    if (found === expected) return;
    this.report.add('ATTR_HEADER', field, `${field} ${found}, expected ${expected}`, { found, expected });
  }
}
