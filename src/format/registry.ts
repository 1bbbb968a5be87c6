/**
 * Block types: one row for each kind of object that stands on its own on disk. A row says how long the object is,
 * how to know it, where it keeps checksum, identity and owner, and which verifier knows it. `name` is the db type;
 * a type with several forms (dir3, attr3) has a row for each form.
 */
import { AGF, AGF_LISTED, AGF_MAGIC } from './agf.ts';
import { AGFL, AGFL_HEADER, AGFL_MAGIC } from './agfl.ts';
import { AGI, AGI_MAGIC } from './agi.ts';
import { ATTR_LEAF_MAGIC, ATTR_REMOTE_HEADER, ATTR_REMOTE_MAGIC, ATTR3 } from './attr.ts';
import { type AgBtreeName, BTREE, LONG_HEADER, SHORT_HEADER } from './btree.ts';
import * as blocks from './btreeblock.ts';
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_DATA_MAGIC,
  DIR_FREE_MAGIC,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR3,
} from './dir.ts';
import { DQBLK, DQUOT_MAGIC } from './dquot.ts';
import type { Geometry } from './geometry.ts';
import { DINODE, INODE, INODE_MAGIC } from './inode.ts';
import { BASIC_BLOCK, LOG_RECORD, LOG_RECORD_MAGIC } from './log.ts';
import type { Problem } from './problem.ts';
import {
  RT_BITMAP_MAGIC,
  RT_BLOCK_HEADER,
  RT_REFCOUNT_MAGIC,
  RT_RMAP_MAGIC,
  RT_SUMMARY_MAGIC,
  RT_SUPERBLOCK_MAGIC,
  RTBITMAP,
  RTREFCNTBT_BLOCK,
  RTRMAPBT_BLOCK,
  RTSB,
  RTSUMMARY,
} from './realtime.ts';
import { type Shape, viewOf } from './struct.ts';
import { SB_MAGIC, SUPERBLOCK } from './superblock.ts';
import { SYMLINK, SYMLINK_HEADER, SYMLINK_MAGIC } from './symlink.ts';
import { verifyAgf, verifyAgfl, verifyAgi } from './verifyag.ts';
import { verifyLongBlock, verifyShortBlock } from './verifybtree.ts';
import { verifyAttrBlock, verifyDirBlock, verifySymlink } from './verifyda.ts';
import { verifyDinode } from './verifyinode.ts';
import { verifySuperblock } from './verifysuperblock.ts';

/** Where an object is, and whose it should be. */
export interface ObjectPlace {
  readonly agno: number;
  readonly agbno: number;
  /** Inode that owns it, or for an inode its own number. */
  readonly ino?: number;
}

export interface BlockType {
  /** xfs_db's type name. */
  readonly name: string;
  /** Which form of that type; empty if there is only one. */
  readonly form: string;
  readonly shape: Shape | undefined;
  /** Bytes of one object. A symlink piece or log record may be longer than this. */
  readonly bytes: (geometry: Geometry) => number;
  readonly magic?: { readonly value: number; readonly at: number; readonly bytes: 2 | 4 };
  /** Byte offsets. The CRC covers the whole object, little-endian, itself taken as zero. */
  readonly crc?: number;
  readonly lsn?: number;
  readonly uuid?: number;
  /** Own daddr, 8 bytes. */
  readonly blkno?: number;
  readonly owner?: { readonly at: number; readonly bytes: 4 | 8 };
  readonly verify?: (bytes: Uint8Array, geometry: Geometry, place: ObjectPlace) => readonly Problem[];
}

const sector = (g: Geometry) => g.sectsize;
const block = (g: Geometry) => g.blocksize;
const dirBlock = (g: Geometry) => g.dirblocksize;
const wide = (value: number, at = 0) => ({ value, at, bytes: 4 as const });
const narrow = (value: number, at: number) => ({ value, at, bytes: 2 as const });

interface Header {
  readonly offset: {
    readonly crc: number;
    readonly lsn: number;
    readonly uuid: number;
    readonly bno: number;
    readonly owner: number;
  };
}

/** The five identity fields of a header that has them all. */
function identity(header: Header, ownerBytes: 4 | 8) {
  const { crc, lsn, uuid, bno, owner } = header.offset;
  return { crc, lsn, uuid, blkno: bno, owner: { at: owner, bytes: ownerBytes } };
}

const DA_IDENTITY = identity({ offset: { crc: 12, bno: 16, lsn: 24, uuid: 32, owner: 48 } }, 8);

const forkPlace = (g: Geometry, p: ObjectPlace) => ({
  daddr: g.agbnoDaddr(p.agno, p.agbno),
  ...(p.ino === undefined ? {} : { owner: p.ino }),
});

function agBtree(name: AgBtreeName, shape: Shape): BlockType {
  return {
    name,
    form: '',
    shape,
    bytes: block,
    magic: wide(BTREE[name].magic),
    ...identity(SHORT_HEADER, 4),
    verify: (b, g, p) => verifyShortBlock(b, g, name, p.agno, p.agbno),
  };
}

function bmbt(name: string, shape: Shape): BlockType {
  return {
    name,
    form: '',
    shape,
    bytes: block,
    magic: wide(BTREE.bmapbt.magic),
    ...identity(LONG_HEADER, 8),
    verify: (b, g, p) => verifyLongBlock(b, g, g.fsbno(p.agno, p.agbno), p.ino ?? ownerOf(b)),
  };
}

/** Owner as the block tells it, where the caller does not know better. */
function ownerOf(bytes: Uint8Array): number {
  return LONG_HEADER.over(bytes).owner;
}

function dir(form: string, magic: BlockType['magic'], where: ReturnType<typeof identity>): BlockType {
  return {
    name: 'dir3',
    form,
    shape: DIR3,
    bytes: dirBlock,
    ...(magic ? { magic } : {}),
    ...where,
    verify: (b, g, p) => verifyDirBlock(b, g, forkPlace(g, p)),
  };
}

function attr(form: string, magic: BlockType['magic'], where: ReturnType<typeof identity>): BlockType {
  return {
    name: 'attr3',
    form,
    shape: ATTR3,
    bytes: block,
    ...(magic ? { magic } : {}),
    ...where,
    verify: (b, g, p) => verifyAttrBlock(b, g, forkPlace(g, p)),
  };
}

const DIR_IDENTITY = identity(DIR_BLOCK_HEADER, 8);

const AG_HEADERS: readonly BlockType[] = [
  {
    name: 'sb',
    form: '',
    shape: SUPERBLOCK,
    bytes: sector,
    magic: wide(SB_MAGIC),
    crc: SUPERBLOCK.offset.crc,
    lsn: SUPERBLOCK.offset.lsn,
    uuid: SUPERBLOCK.offset.uuid,
    verify: (b, _g, p) => verifySuperblock(b, undefined, { secondary: p.agno > 0 }),
  },
  {
    name: 'agf',
    form: '',
    shape: AGF_LISTED,
    bytes: sector,
    magic: wide(AGF_MAGIC),
    crc: AGF.offset.crc,
    lsn: AGF.offset.lsn,
    uuid: AGF.offset.uuid,
    owner: { at: AGF.offset.seqno, bytes: 4 },
    verify: (b, g, p) => verifyAgf(b, g, p.agno),
  },
  {
    name: 'agi',
    form: '',
    shape: AGI,
    bytes: sector,
    magic: wide(AGI_MAGIC),
    crc: AGI.offset.crc,
    lsn: AGI.offset.lsn,
    uuid: AGI.offset.uuid,
    owner: { at: AGI.offset.seqno, bytes: 4 },
    verify: (b, g, p) => verifyAgi(b, g, p.agno),
  },
  {
    name: 'agfl',
    form: '',
    shape: AGFL,
    bytes: sector,
    magic: wide(AGFL_MAGIC),
    crc: AGFL_HEADER.offset.crc,
    lsn: AGFL_HEADER.offset.lsn,
    uuid: AGFL_HEADER.offset.uuid,
    owner: { at: AGFL_HEADER.offset.seqno, bytes: 4 },
    verify: (b, g, p) => verifyAgfl(b, g, p.agno),
  },
];

const FORK_BLOCKS: readonly BlockType[] = [
  dir('block', wide(DIR_BLOCK_MAGIC), DIR_IDENTITY),
  dir('data', wide(DIR_DATA_MAGIC), DIR_IDENTITY),
  dir('free', wide(DIR_FREE_MAGIC), DIR_IDENTITY),
  attr('remote', wide(ATTR_REMOTE_MAGIC), identity(ATTR_REMOTE_HEADER, 8)),
  {
    name: 'symlink',
    form: '',
    shape: SYMLINK,
    bytes: block,
    magic: wide(SYMLINK_MAGIC),
    ...identity(SYMLINK_HEADER, 8),
    verify: (b, g, p) => verifySymlink(b, g, forkPlace(g, p)),
  },
  dir('leaf1', narrow(DIR_LEAF1_MAGIC, 8), DA_IDENTITY),
  dir('leafn', narrow(DIR_LEAFN_MAGIC, 8), DA_IDENTITY),
  dir('node', narrow(DA_NODE_MAGIC, 8), DA_IDENTITY),
  attr('leaf', narrow(ATTR_LEAF_MAGIC, 8), DA_IDENTITY),
  attr('node', narrow(DA_NODE_MAGIC, 8), DA_IDENTITY),
];

const META_BLOCKS: readonly BlockType[] = [
  {
    name: 'rtrmapbt',
    form: '',
    shape: RTRMAPBT_BLOCK,
    bytes: block,
    magic: wide(RT_RMAP_MAGIC),
    ...identity(LONG_HEADER, 8),
  },
  {
    name: 'rtrefcntbt',
    form: '',
    shape: RTREFCNTBT_BLOCK,
    bytes: block,
    magic: wide(RT_REFCOUNT_MAGIC),
    ...identity(LONG_HEADER, 8),
  },
  {
    name: 'rtbitmap',
    form: '',
    shape: RTBITMAP,
    bytes: block,
    magic: wide(RT_BITMAP_MAGIC),
    ...identity(RT_BLOCK_HEADER, 8),
  },
  {
    name: 'rtsummary',
    form: '',
    shape: RTSUMMARY,
    bytes: block,
    magic: wide(RT_SUMMARY_MAGIC),
    ...identity(RT_BLOCK_HEADER, 8),
  },
  {
    name: 'rtsb',
    form: '',
    shape: RTSB,
    bytes: block,
    magic: wide(RT_SUPERBLOCK_MAGIC),
    crc: RTSB.offset.crc,
  },
];

const RECORDS: readonly BlockType[] = [
  {
    name: 'inode',
    form: '',
    shape: INODE,
    bytes: (g) => g.inodesize,
    magic: narrow(INODE_MAGIC, 0),
    crc: DINODE.offset.crc,
    lsn: DINODE.offset.lsn,
    uuid: DINODE.offset.uuid,
    owner: { at: DINODE.offset.ino, bytes: 8 },
    verify: (b, g, p) => verifyDinode(viewOf(b), 0, g, p.ino ?? DINODE.over(b).ino),
  },
  {
    name: 'dqblk',
    form: '',
    shape: DQBLK,
    bytes: () => DQBLK.size,
    magic: narrow(DQUOT_MAGIC, 0),
    crc: DQBLK.offset.crc,
    lsn: DQBLK.offset.lsn,
    uuid: DQBLK.offset.uuid,
  },
  // Its CRC has a rule of its own: see log.ts.
  { name: 'log', form: '', shape: LOG_RECORD, bytes: () => BASIC_BLOCK, magic: wide(LOG_RECORD_MAGIC) },
  { name: 'data', form: '', shape: undefined, bytes: block },
  { name: 'text', form: '', shape: undefined, bytes: block },
];

/** Every type; of those that share a magic the first is what `identify` answers. */
export const BLOCK_TYPES: readonly BlockType[] = [
  ...AG_HEADERS,
  agBtree('bnobt', blocks.BNOBT_BLOCK),
  agBtree('cntbt', blocks.CNTBT_BLOCK),
  agBtree('inobt', blocks.INOBT_BLOCK),
  agBtree('finobt', blocks.FINOBT_BLOCK),
  agBtree('rmapbt', blocks.RMAPBT_BLOCK),
  agBtree('refcntbt', blocks.REFCNTBT_BLOCK),
  bmbt('bmapbtd', blocks.BMAPBTD_BLOCK),
  bmbt('bmapbta', blocks.BMAPBTA_BLOCK),
  ...FORK_BLOCKS,
  ...META_BLOCKS,
  ...RECORDS,
];

/**
 * Guesses by magic what begins at the start of `bytes`; undefined for data. Any bytes can look like anything: with
 * `geometry`, an object that carries the metadata UUID must carry this filesystem's.
 */
export function identify(bytes: Uint8Array, geometry?: Geometry): BlockType | undefined {
  const view = viewOf(bytes);
  for (const type of BLOCK_TYPES) {
    const { magic } = type;
    if (!magic || magic.at + magic.bytes > bytes.length) continue;
    const found = magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at);
    if (found !== magic.value) continue;
    const foreign =
      geometry !== undefined &&
      type.uuid !== undefined &&
      type.name !== 'sb' &&
      (type.uuid + 16 > bytes.length || !geometry.isMetaUuid(view, type.uuid));
    if (!foreign) return type;
  }
  return undefined;
}
