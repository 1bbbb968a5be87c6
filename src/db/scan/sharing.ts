/** With whom a file shares its blocks, and its forks as they lie on disk. */
import { attrForkBytes, DIFLAG, DIFLAG2, DINODE } from '../../format/inode.ts';
import { readInode } from '../../fs/read/inode.ts';
import { ForkWalk } from '../../fs/scan/fork.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../../fs/space/columns.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import type { SpaceIndex } from './spaceindex.ts';

const FORMATS = ['dev', 'local', 'extents', 'btree', 'uuid', 'meta_btree'];

interface Named {
  readonly ino: number;
  readonly path?: string;
}

export interface ShareReport extends Named {
  /** Blocks that the data fork maps, the extents they are in; those with other mappings, and those without. */
  readonly blocks: number;
  readonly extents: number;
  readonly shared: number;
  readonly own: number;
  /** Most blocks first. */
  readonly with: readonly (Named & { readonly blocks: number; readonly extents: number })[];
}

/** What an inode maps, AG by AG. */
interface Mapped {
  readonly agno: Uint32Array;
  readonly columns: ExtentColumns;
  readonly view: DataView;
}

function mappedBy(filesystem: Filesystem, ino: number): Mapped {
  const inode = readInode(filesystem, ino);
  if (!inode) throw new DbError(`inode ${ino} cannot be read`);
  const columns = new ExtentColumns();
  const agnos: number[] = [];
  new ForkWalk(new ScanReader(filesystem.device, filesystem.geometry)).read(
    inode.view,
    0,
    (agno, agbno, count, offset, flags) => {
      agnos.push(agno);
      columns.push(agbno, count, ino, offset, flags);
    },
  );
  return { agno: Uint32Array.from(agnos), columns, view: inode.view };
}

function named(index: SpaceIndex, ino: number): Named {
  const path = index.path(ino);
  return path === undefined ? { ino } : { ino, path };
}

/** Parts of a range that others map as well: start and end, without overlap. */
type Parts = [start: number, end: number][];

function unionLength(parts: Parts): number {
  let total = 0;
  let reach = 0;
  for (const [start, end] of parts.sort((a, b) => a[0] - b[0])) {
    const from = Math.max(start, reach);
    if (end > from) {
      total += end - from;
      reach = end;
    }
  }
  return total;
}

export function shareReport(filesystem: Filesystem, index: SpaceIndex, ino: number): ShareReport {
  const { agno, columns } = mappedBy(filesystem, ino);
  const others = new Map<number, { blocks: number; extents: number }>();
  let blocks = 0;
  let extents = 0;
  let shared = 0;
  for (let i = 0; i < columns.length; i++) {
    if ((columns.flags[i]! & (FLAG_ATTR | FLAG_BMBT)) !== 0) continue;
    const start = columns.start[i]!;
    const count = columns.count[i]!;
    blocks += count;
    extents++;
    const parts: Parts = [];
    const runs = index.mapped(agno[i]!);
    for (const row of runs.over(start, count)) {
      const owner = runs.columns.owner[row]!;
      // The mapping itself is in the index, too.
      if (owner === ino && runs.columns.offset[row] === columns.offset[i]) continue;
      const from = Math.max(start, runs.columns.start[row]!);
      const end = Math.min(start + count, runs.columns.start[row]! + runs.columns.count[row]!);
      parts.push([from, end]);
      const sum = others.get(owner) ?? { blocks: 0, extents: 0 };
      others.set(owner, { blocks: sum.blocks + end - from, extents: sum.extents + 1 });
    }
    shared += unionLength(parts);
  }
  const list = [...others].map(([other, sum]) => ({ ...named(index, other), ...sum }));
  list.sort((a, b) => b.blocks - a.blocks || a.ino - b.ino);
  return { ...named(index, ino), blocks, extents, shared, own: blocks - shared, with: list };
}

interface Place {
  readonly fsbno: number;
  readonly agno: number;
  readonly agbno: number;
}

interface ForkView {
  readonly name: 'data' | 'attr';
  readonly format: string;
  readonly blocks: number;
  readonly extents: readonly (Place & {
    readonly fileoff: number;
    readonly blocks: number;
    /** unwritten, shared (all of it), partly-shared. */
    readonly flags: readonly string[];
  })[];
  readonly bmbtBlocks: readonly Place[];
}

export interface ForkReport extends Named {
  /** Flags of the inode that decide how its blocks are written. */
  readonly flags: readonly string[];
  readonly forks: readonly ForkView[];
  readonly cow: {
    readonly enabled: boolean;
    readonly sharedBlocks: number;
    /** cowextsize, blocks. */
    readonly extentHint: number;
    readonly staged: readonly (Place & { readonly blocks: number })[];
    readonly stagedBlocks: number;
  };
}

export function describeForks(filesystem: Filesystem, index: SpaceIndex, ino: number): ForkReport {
  const mapped = mappedBy(filesystem, ino);
  const { view } = mapped;
  const { inodesize } = filesystem.geometry;
  const flags2 = view.getUint32(DINODE.offset.flags2 + 4);
  const flags = view.getUint16(DINODE.offset.flags);
  const names: string[] = [];
  for (const [bit, name] of [
    [DIFLAG.REALTIME, 'realtime'],
    [DIFLAG.PREALLOC, 'prealloc'],
    [DIFLAG.EXTSIZE, 'extsize'],
  ] as const)
    if ((flags & (1 << bit)) !== 0) names.push(name);
  for (const [bit, name] of [
    [DIFLAG2.REFLINK, 'reflink'],
    [DIFLAG2.COWEXTSIZE, 'cowextsize'],
    [DIFLAG2.DAX, 'dax'],
    [DIFLAG2.NREXT64, 'nrext64'],
  ] as const)
    if ((flags2 & (1 << bit)) !== 0) names.push(name);
  const format = (byte: number) => FORMATS[view.getUint8(byte)] ?? String(view.getUint8(byte));
  const forks = [forkView(filesystem, index, mapped, ino, 'data', format(DINODE.offset.format))];
  if (attrForkBytes(view, 0, inodesize) > 0)
    forks.push(forkView(filesystem, index, mapped, ino, 'attr', format(DINODE.offset.aformat)));
  const staged = stagedExtents(filesystem, index);
  const hasHint = (flags2 & (1 << DIFLAG2.COWEXTSIZE)) !== 0;
  return {
    ...named(index, ino),
    flags: names,
    forks,
    cow: {
      enabled: (flags2 & (1 << DIFLAG2.REFLINK)) !== 0,
      sharedBlocks: shareReport(filesystem, index, ino).shared,
      extentHint: hasHint ? view.getUint32(DINODE.offset.cowextsize) : 0,
      staged,
      stagedBlocks: staged.reduce((sum, { blocks }) => sum + blocks, 0),
    },
  };
}

function forkView(
  filesystem: Filesystem,
  index: SpaceIndex,
  { agno, columns }: Mapped,
  ino: number,
  name: 'data' | 'attr',
  format: string,
): ForkView {
  const { geometry } = filesystem;
  const extents: ForkView['extents'][number][] = [];
  const bmbtBlocks: Place[] = [];
  for (let i = 0; i < columns.length; i++) {
    const flags = columns.flags[i]!;
    if (((flags & FLAG_ATTR) !== 0) !== (name === 'attr')) continue;
    const agbno = columns.start[i]!;
    const place = { fsbno: geometry.fsbno(agno[i]!, agbno), agno: agno[i]!, agbno };
    if ((flags & FLAG_BMBT) !== 0) {
      bmbtBlocks.push(place);
      continue;
    }
    const marks: string[] = (flags & FLAG_UNWRITTEN) !== 0 ? ['unwritten'] : [];
    const shared = sharedBlocks(index, agno[i]!, columns, i, ino);
    if (shared > 0) marks.push(shared === columns.count[i] ? 'shared' : 'partly-shared');
    extents.push({ ...place, fileoff: columns.offset[i]!, blocks: columns.count[i]!, flags: marks });
  }
  const blocks = extents.reduce((sum, extent) => sum + extent.blocks, 0);
  return { name, format, blocks, extents, bmbtBlocks };
}

/** Blocks of one mapping that another maps as well. */
function sharedBlocks(
  index: SpaceIndex,
  agno: number,
  columns: ExtentColumns,
  i: number,
  ino: number,
): number {
  const start = columns.start[i]!;
  const count = columns.count[i]!;
  const runs = index.mapped(agno);
  const parts: Parts = [];
  for (const row of runs.over(start, count)) {
    const isItself = runs.columns.owner[row] === ino && runs.columns.offset[row] === columns.offset[i];
    if (isItself && runs.columns.flags[row] === columns.flags[i]) continue;
    const end = runs.columns.start[row]! + runs.columns.count[row]!;
    parts.push([Math.max(start, runs.columns.start[row]!), Math.min(start + count, end)]);
  }
  return unionLength(parts);
}

function stagedExtents(filesystem: Filesystem, index: SpaceIndex): ForkReport['cow']['staged'] {
  const { geometry } = filesystem;
  return index.ags.flatMap(({ refcounts }, agno) => {
    const found = [];
    for (let i = 0; i < refcounts.length; i++) {
      if (refcounts.cow[i] !== 1) continue;
      const agbno = refcounts.start[i]!;
      found.push({ fsbno: geometry.fsbno(agno, agbno), agno, agbno, blocks: refcounts.count[i]! });
    }
    return found;
  });
}
