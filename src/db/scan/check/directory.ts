/**
 * Directories in blockget: every form is read to count links and keep names, and what a form repeats (hashes, free
 * lengths, tags) must agree. Blocks are taken as the map gives them; nothing in them is trusted to end them.
 */
import { DIR_LEAF_BYTE } from '../../../format/dir.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { DINODE, dataForkBytes, FORK, INODE_CORE_BYTES } from '../../../format/inode.ts';
import type { ScanReader } from '../../../fs/scan/reader.ts';
import { typeNamed } from '../../types.ts';
import type { Run } from './blockmap.ts';
import { DataBlockCheck } from './dirdata.ts';
import { DirHashes } from './dirhash.ts';
import { LeafCheck } from './dirleaf.ts';
import { ShortForm } from './dirshort.ts';
import { BAD_PARENT, type DirState } from './dirstate.ts';
import type { InodeFound } from './inode.ts';
import { NO_INODE } from './inodetable.ts';
import type { BlockUsage } from './usage.ts';

export class DirectoryCheck {
  private readonly usage: BlockUsage;
  private readonly geometry: Geometry;
  private readonly reader: ScanReader;
  private readonly addLink: (inode: number) => void;
  private readonly buffer: DataView;
  private readonly hashes = new DirHashes();
  private readonly dirType = typeNamed('dir3');
  /** First blocks of directory blocks of no known kind. */
  private readonly unknown = new Set<number>();
  private readonly data: DataBlockCheck;

  constructor(usage: BlockUsage, reader: ScanReader, addLink: (inode: number) => void) {
    this.usage = usage;
    this.geometry = usage.geometry;
    this.reader = reader;
    this.addLink = addLink;
    this.buffer = new DataView(new ArrayBuffer(usage.geometry.dirblocksize));
    this.data = new DataBlockCheck(usage, this.hashes, addLink);
  }

  check(found: InodeFound): void {
    const { usage, geometry } = this;
    const { ino, inode } = found;
    const dir: DirState = { ino, inode, dots: 0, dotdots: 0 };
    const parent = this.read(found, dir);
    if (parent === undefined) return;
    const fsbno = geometry.fsbno(geometry.inoAgno(ino), geometry.aginoAgbno(geometry.inoAgino(ino)));
    const loud = usage.isListed(inode) || usage.isAskedFsbno(fsbno);
    const { rootino } = geometry;
    if (dir.dots === 0) usage.fail(`no . entry for directory ${ino}\n`, loud);
    if (dir.dotdots === 0) usage.fail(`no .. entry for directory ${ino}\n`, loud);
    else if (parent === ino && ino !== rootino)
      usage.fail(`. and .. same for non-root directory ${ino}\n`, loud);
    else if (ino === rootino && ino !== parent) usage.fail(`root directory ${ino} has .. ${parent}\n`, loud);
    else if (parent !== BAD_PARENT && ino !== parent) this.setParent(inode, ino, parent);
  }

  private setParent(inode: number, ino: number, parent: number): void {
    const { inodes, options } = this.usage;
    const row = inodes.find(parent, true);
    inodes.parent[inode] = row;
    const listed = this.usage.isListed(inode) || (row !== NO_INODE && this.usage.isListed(row));
    if (options.verbose || listed) this.usage.say(`inode ${ino} parent ${parent}\n`);
  }

  /** Parent of the directory, 0 when nothing says it; undefined when the form makes no sense. */
  private read(found: InodeFound, dir: DirState): number | undefined {
    const { view, at, map } = found;
    const { blocksize, dirblocksize, inodesize } = this.geometry;
    const format = view.getUint8(at + DINODE.offset.format);
    const size = view.getBigInt64(at + DINODE.offset.size);
    const bytes = dataForkBytes(view, at, inodesize);
    const perBlock = dirblocksize / blocksize;
    const mapped = format === FORK.EXTENTS || format === FORK.BTREE;
    if (format === FORK.LOCAL && size <= BigInt(bytes))
      return this.shortForm(found, dir, Number(size), bytes);
    if (mapped && map.end === perBlock) return this.blockForm(found, dir);
    if (mapped && map.end >= DIR_LEAF_BYTE / blocksize + perBlock) return this.leafForm(found, dir);
    this.usage.say(`bad size (${size}) or format (${format}) for directory inode ${dir.ino}\n`);
    this.usage.errors++;
    return undefined;
  }

  private blockForm({ map }: InodeFound, dir: DirState): number {
    const { usage } = this;
    const pieces = map.pieces(0, this.geometry.dirblocksize / this.geometry.blocksize);
    const loud = usage.options.verbose || usage.isListed(dir.inode);
    if (pieces.length === 0) {
      usage.fail(`block 0 for directory inode ${dir.ino} is missing\n`, loud);
      return 0;
    }
    const shown = loud || this.hasAsked(pieces);
    if (!this.readPieces(pieces)) {
      usage.fail(`can't read block 0 for directory inode ${dir.ino}\n`, shown);
      return 0;
    }
    this.hashes.clear();
    const parent = this.data.check(this.buffer, dir, 0, shown, undefined);
    this.checkUnseen(dir, shown);
    return parent;
  }

  private leafForm({ map }: InodeFound, dir: DirState): number {
    const { usage, geometry } = this;
    const perBlock = geometry.dirblocksize / geometry.blocksize;
    const leafBlock = DIR_LEAF_BYTE / geometry.blocksize;
    const always = usage.options.verbose || usage.isListed(dir.inode);
    const leaves = new LeafCheck(usage, this.hashes);
    let shown = always;
    let parent = 0;
    this.hashes.clear();
    let next = map.nextFrom(0);
    for (; next !== undefined; next = map.nextFrom(next + perBlock)) {
      const pieces = map.pieces(next, perBlock);
      shown = always || this.hasAsked(pieces);
      if (shown) usage.say(`dir inode ${dir.ino} block ${next >>> 0}=${pieces[0]!.fsbno}\n`);
      if (!this.readPieces(pieces)) {
        usage.fail(`can't read block ${next >>> 0} for directory inode ${dir.ino}\n`, shown);
        continue;
      }
      if (next >= leafBlock) {
        leaves.check(this.buffer, dir, next, shown);
        continue;
      }
      const found = this.data.check(this.buffer, dir, next, shown, leaves.free);
      if (found === 0) continue;
      if (parent !== 0) usage.fail(`multiple .. entries in dir ${dir.ino}\n`, shown);
      else parent = found;
    }
    this.checkUnseen(dir, shown);
    leaves.checkUnseen(dir, shown);
    return parent;
  }

  private checkUnseen(dir: DirState, shown: boolean): void {
    for (const [hash, address] of this.hashes.unseen()) {
      const text = `dir ino ${dir.ino} missing leaf entry for ${hash.toString(16)}/${address.toString(16)}\n`;
      this.usage.fail(text, shown || this.usage.isListed(dir.inode));
    }
  }

  private hasAsked(pieces: readonly Run[]): boolean {
    if (this.usage.asked.size === 0) return false;
    return pieces.some(({ fsbno, blocks }) =>
      [...this.usage.asked].some((asked) => asked >= fsbno && asked < fsbno + blocks),
    );
  }

  /** A directory block from its pieces. What is not mapped stays zero. */
  private readPieces(pieces: readonly Run[]): boolean {
    if (!this.fillBuffer(pieces)) return false;
    // Said once a block, as it is xfs_db's cache that says it.
    const first = pieces[0]!.fsbno;
    const note = this.dirType.unknown?.(new Uint8Array(this.buffer.buffer));
    if (note !== undefined && !this.unknown.has(first)) {
      this.unknown.add(first);
      this.usage.say(`${note}\n`);
    }
    return true;
  }

  private fillBuffer(pieces: readonly Run[]): boolean {
    const bytes = new Uint8Array(this.buffer.buffer);
    bytes.fill(0);
    const { blocksize } = this.geometry;
    // One piece is read to the full length of a directory block, wherever that leads.
    if (pieces.length === 1) return this.reader.read(this.geometry.fsbnoByte(pieces[0]!.fsbno), bytes);
    let at = 0;
    for (const { fsbno, blocks } of pieces) {
      if (!this.reader.read(this.geometry.fsbnoByte(fsbno), bytes.subarray(at, at + blocks * blocksize)))
        return false;
      at += blocks * blocksize;
    }
    return true;
  }

  private shortForm({ view, at }: InodeFound, dir: DirState, size: number, forkBytes: number): number {
    const form = new ShortForm(this.usage, view, at + INODE_CORE_BYTES, size, forkBytes, dir);
    return form.read(this.addLink);
  }
}
