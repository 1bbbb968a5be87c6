/**
 * What check has seen of an image: plain columns, no judgement. `observe/` fills it and reports what could not be
 * read; `compare` derives the expected space indexes from it and holds them against the observed ones.
 */
import type { AgBtreeName } from '../format/btree.ts';
import type { Finding } from '../format/findings.ts';
import type { Geometry } from '../format/geometry.ts';
import type { ChunkColumns, ExtentColumns, RefcountColumns, RunColumns } from '../fs/space/columns.ts';
import type { ParentRecords } from './content/parentrecords.ts';
import type { InodeTable } from './observe/inodetable.ts';

/** One AG btree as found on disk. */
export interface TreeObservation<Records> {
  readonly name: AgBtreeName;
  /** agbnos of every block reached, root first, each once. */
  readonly blocks: readonly number[];
  /** Levels by the header's account. */
  readonly level: number;
  /** Records of all readable leaves, in tree order. */
  readonly records: Records;
  /** Structure is sound: every block verified, keys, siblings and record order right. When false, findings say why,
   * blocks and records may be missing, and the tree must be rebuilt before anything relies on it. */
  readonly sound: boolean;
}

/**
 * The rmapbt. Its records are as many as all extents and are wanted twice at most, so they are not kept: what is
 * kept is what their readers asked for while the tree was verified.
 */
export interface RmapObservation extends TreeObservation<ExtentColumns> {
  /** Read from the leaves at every access: to be held by whoever needs them more than once. */
  readonly records: ExtentColumns;
  /** Records in all. */
  readonly count: number;
  /** Those of inode chunks and of CoW staging, in tree order. */
  readonly inodes: RunColumns;
  readonly staging: RunColumns;
  /** Whether the tree's records are just these rows, in this order. */
  holds(rows: ExtentColumns): boolean;
}

export interface AgObservation {
  readonly agno: number;
  /** Blocks. */
  readonly length: number;
  /** Header sectors as read; undefined when unreadable. `sound` tells whether they passed their verifier. */
  readonly agf: Uint8Array | undefined;
  readonly agi: Uint8Array | undefined;
  readonly agfl: Uint8Array | undefined;
  readonly agfSound: boolean;
  readonly agiSound: boolean;
  readonly agflSound: boolean;
  /** agbnos in the live slots of the AGFL; only those in range and met for the first time. */
  readonly freeList: readonly number[];
  readonly bnobt: TreeObservation<RunColumns>;
  readonly cntbt: TreeObservation<RunColumns>;
  readonly rmapbt: RmapObservation | undefined;
  readonly refcntbt: TreeObservation<RefcountColumns> | undefined;
  readonly inobt: TreeObservation<ChunkColumns>;
  readonly finobt: TreeObservation<ChunkColumns> | undefined;
  /** Chunks as their inodes tell: existence from inobt (and, where that is unsound, from finobt, rmapbt and the
   * blocks themselves), free masks from mode == 0. Sorted by startino. */
  readonly chunks: ChunkColumns;
  /** Owners of this AG's blocks as observed: AG headers, internal log, inode chunks, data and attribute forks
   * and bmbt blocks. NOT the AG btrees' own blocks, the AGFL or CoW staging. In
   * no order until compare has been through them: it sorts and merges them where they are. */
  readonly owners: ExtentColumns;
}

export interface UnlinkedInode {
  readonly agno: number;
  readonly bucket: number;
  readonly ino: number;
}

export interface LogObservation {
  /** 'clean', 'dirty' (needs replay) or 'unreadable' (no head and tail to be found). */
  readonly state: 'clean' | 'dirty' | 'unreadable' | 'external';
  /** Cycle and block (basic blocks) of the head, for messages and for the LSN of what we write. */
  readonly headCycle: number;
  readonly headBlock: number;
  readonly detail: string;
}

export interface Observation {
  readonly geometry: Geometry;
  /** Primary superblock sector; fields in which all else contradicts it as they should be. */
  readonly superblock: Uint8Array;
  /** The same as it is on disk. */
  readonly superblockOnDisk: Uint8Array;
  /** The primary cannot be used: `superblock` is made of the copies in other AGs, its counters mean nothing. */
  readonly superblockLost: boolean;
  readonly log: LogObservation;
  readonly ags: readonly AgObservation[];
  readonly unlinked: readonly UnlinkedInode[];
  readonly inodes: InodeTable;
  /** Directory entries and PARENT attributes; only on filesystems with parent pointers. */
  readonly parents: ParentRecords | undefined;
  /** False when some inode, fork or bmbt block could not be read in full: then blocks may be owned that we do not
   * know of, and nothing may be declared free. */
  readonly filesComplete: boolean;
  /** Highest cycle of LSNs that lie ahead of the log; 0: there are none. */
  readonly cycleAhead: number;
  readonly inodesAllocated: number;
  readonly findings: readonly Finding[];
}
