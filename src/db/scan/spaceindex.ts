/**
 * Who has which blocks, by both sides: what the btrees of each AG say (fs/scan/agrecords), and what the forks of all
 * inodes map. The mappings of an AG are sorted by block, with the greatest end so far beside each, so that the
 * mappings over a range are found without going through all of them.
 *
 * Names come from the directories, and are looked for only when somebody asks for one.
 */
import { DINODE, S_IFDIR, S_IFLNK, S_IFMT } from '../../format/inode.ts';
import { walkDir } from '../../fs/read/dir.ts';
import { readInode } from '../../fs/read/inode.ts';
import { AgRecords } from '../../fs/scan/agrecords.ts';
import { inodePieces, isFree, isHole } from '../../fs/scan/chunk.ts';
import { ForkWalk } from '../../fs/scan/fork.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { SortedRuns } from '../../fs/scan/sortedruns.ts';
import { ExtentColumns } from '../../fs/space/columns.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';

const MOST_NAMES = 4096;
/** AGs that a device may lack before its superblock is not believed. */
const MOST_MISSING = 1000;

interface Name {
  readonly parent: number;
  readonly name: Uint8Array;
}

/** There are columns for each AG: their number must not be one that a broken superblock makes up. */
function refuseMissing({ geometry, device }: Filesystem): void {
  const held = Math.ceil(device.size / (geometry.agblocks * geometry.blocksize));
  if (geometry.agcount - held > MOST_MISSING)
    throw new DbError(`the superblock tells of ${geometry.agcount} AGs, the device holds ${held}`);
}

export class SpaceIndex {
  readonly ags: readonly AgRecords[];
  /** What could not be read or made no sense: then absent owners prove nothing. */
  readonly bad: number;
  private readonly filesystem: Filesystem;
  private readonly mappings: readonly SortedRuns<ExtentColumns>[];
  /** Inode numbers. */
  readonly directories: number[] = [];
  readonly symlinks: number[] = [];
  private names: Map<number, Name> | undefined;

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem;
    const { geometry } = filesystem;
    refuseMissing(filesystem);
    const reader = new ScanReader(filesystem.device, geometry);
    this.ags = Array.from({ length: geometry.agcount }, (_, agno) => new AgRecords(reader, agno).read());
    const columns = this.ags.map(() => new ExtentColumns());
    const forks = new ForkWalk(reader);
    let lost = 0;
    this.ags.forEach((ag, agno) => {
      lost += this.readInodes(reader, forks, agno, ag, columns);
    });
    this.mappings = columns.map((each) => new SortedRuns(each));
    this.bad = lost + forks.bad + this.ags.reduce((sum, ag) => sum + ag.bad, 0);
  }

  /** Collects what the inodes of an AG map; the number of pieces that cannot be read. */
  private readInodes(
    reader: ScanReader,
    forks: ForkWalk,
    agno: number,
    ag: AgRecords,
    columns: readonly ExtentColumns[],
  ): number {
    const { geometry } = reader;
    const pieces = inodePieces(geometry);
    const bytes = pieces.blocks * geometry.blocksize;
    let lost = 0;
    for (const record of ag.chunks) {
      const first = geometry.aginoAgbno(record.startino);
      const offset = record.startino % geometry.inopblock;
      for (let i = 0; i * pieces.inodes < 64 && i * pieces.blocks < pieces.chunkBlocks; i++) {
        const index = i * pieces.inodes;
        if (isHole(record, index)) continue;
        const at = reader.find(geometry.agbnoByte(agno, first + i * pieces.blocks), bytes);
        if (at < 0) {
          lost++;
          continue;
        }
        const ino = geometry.ino(agno, record.startino + index);
        for (let j = 0; j < pieces.inodes; j++) {
          const inode = at + (offset + j) * geometry.inodesize;
          if (isFree(record, index + j) || inode + geometry.inodesize > at + bytes) continue;
          this.readInode(reader.buffered, inode, ino + j, forks, columns);
        }
      }
    }
    return lost;
  }

  private readInode(
    view: DataView,
    at: number,
    ino: number,
    forks: ForkWalk,
    columns: readonly ExtentColumns[],
  ): void {
    const mode = view.getUint16(at + DINODE.offset.mode);
    if (mode === 0) return;
    if ((mode & S_IFMT) === S_IFDIR) this.directories.push(ino);
    if ((mode & S_IFMT) === S_IFLNK) this.symlinks.push(ino);
    forks.read(view, at, (agno, agbno, count, offset, flags) =>
      columns[agno]!.push(agbno, count, ino, offset, flags),
    );
  }

  /** What the forks of all inodes map in an AG. */
  mapped(agno: number): SortedRuns<ExtentColumns> {
    return this.mappings[agno]!;
  }

  /** A path to an inode, one of several perhaps; undefined when no directory that is read names it. */
  path(ino: number): string | undefined {
    if (ino === this.filesystem.geometry.rootino) return '/';
    this.names ??= this.readNames();
    const parts: Uint8Array[] = [];
    let at = ino;
    while (at !== this.filesystem.geometry.rootino) {
      const name = this.names.get(at);
      if (!name || parts.length > MOST_NAMES) return undefined;
      parts.push(name.name);
      at = name.parent;
    }
    return parts
      .reverse()
      .map((part) => `/${Buffer.from(part).toString()}`)
      .join('');
  }

  private readNames(): Map<number, Name> {
    const names = new Map<number, Name>();
    for (const directory of this.directories) {
      const inode = readInode(this.filesystem, directory);
      if (!inode) continue;
      for (const { name, ino } of walkDir(this.filesystem, inode))
        if (!names.has(ino)) names.set(ino, { parent: directory, name: Uint8Array.from(name) });
    }
    return names;
  }
}

/** The index of a filesystem as it is now; made anew when something was written. */
const indexes = new WeakMap<Filesystem, { readonly generation: number; readonly index: SpaceIndex }>();

export function spaceIndexOf(filesystem: Filesystem): SpaceIndex {
  const known = indexes.get(filesystem);
  if (known && known.generation === filesystem.generation) return known.index;
  const index = new SpaceIndex(filesystem);
  indexes.set(filesystem, { generation: filesystem.generation, index });
  return index;
}
