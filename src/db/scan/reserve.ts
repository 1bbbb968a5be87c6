/**
 * Blocks that the kernel keeps back in each AG so that its btrees can grow: what finobt, rmapbt and refcountbt could
 * need at the worst, and what of that they have already. In memory only; nothing on disk says it.
 */
import { AGF } from '../../format/agf.ts';
import { AGI } from '../../format/agi.ts';
import { BTREE, type BtreeFamily, maxRecords } from '../../format/btree.ts';
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';
import { readHeader } from '../../fs/scan/agheader.ts';
import type { ScanReader } from '../../fs/scan/reader.ts';
import { TreeWalk } from '../../fs/scan/tree.ts';
import { agfFault, agiFault } from './verdict.ts';

export interface Reserve {
  readonly agno: number;
  readonly length: number;
  readonly free: number;
  /** Blocks kept back, and those of them in use. */
  readonly reserved: number;
  readonly used: number;
}

/** Blocks of a tree of `records` records with every block half full. */
function treeBlocks(family: BtreeFamily, records: number, blocksize: number): number {
  const leaf = maxRecords(family, 0, blocksize) >>> 1;
  const node = maxRecords(family, 1, blocksize) >>> 1;
  let width = Math.ceil(records / leaf);
  let blocks = width;
  while (width > 1) {
    width = Math.ceil(width / node);
    blocks += width;
  }
  return blocks;
}

/** Blocks of the AG that are not the log's. */
function withoutLog(geometry: Geometry, agno: number, blocks: number): number {
  const { logstart, logblocks } = geometry;
  return logstart !== 0 && geometry.fsbnoAgno(logstart) === agno ? blocks - logblocks : blocks;
}

/** What is kept back in an AG; undefined when its headers are refused. With `unjudged` they are taken as they are. */
export function reserveOf(reader: ScanReader, agno: number, unjudged: boolean): Reserve | undefined {
  const { geometry } = reader;
  const { features, blocksize } = geometry;
  const agfSector = readHeader(reader, agno, 'agf');
  const agiSector = readHeader(reader, agno, 'agi');
  if (!agfSector || !agiSector) return undefined;
  const refused = agfFault(agfSector, geometry, agno) !== 0 || agiFault(agiSector, geometry, agno) !== 0;
  if (refused && !unjudged) return undefined;
  const agf = AGF.over(agfSector);
  const agi = AGI.over(agiSector);
  const blocks = withoutLog(geometry, agno, agf.length);
  let reserved = 0;
  let used = 0;
  if (features.reflink) {
    reserved += treeBlocks(BTREE.refcntbt, blocks, blocksize);
    used += agf.refcntblocks;
  }
  if (features.finobt) {
    const ownBlocks = withoutLog(geometry, agno, geometry.agLength(agno));
    const chunks = Math.floor((ownBlocks * geometry.inopblock) / CHUNK_INODES);
    reserved += treeBlocks(BTREE.finobt, chunks, blocksize);
    used += features.inobtcnt ? agi.fino_blocks : countBlocks(reader, agno, agi.free_root, agi.free_level);
  }
  if (features.rmapbt) {
    reserved += Math.max(Math.floor(blocks / 100), treeBlocks(BTREE.rmapbt, blocks, blocksize));
    used += agf.rmapblocks;
  }
  return { agno, length: agf.length, free: agf.freeblks + agf.flcount, reserved, used };
}

/** Blocks of the finobt, where no header counts them. */
function countBlocks(reader: ScanReader, agno: number, agbno: number, levels: number): number {
  let count = 0;
  new TreeWalk(reader).short(
    { family: BTREE.finobt, agno, agbno, levels },
    {
      block(view, level) {
        if (view.getUint32(0) !== BTREE.finobt.magic) return 0;
        count++;
        return level === 0 ? 0 : view.getUint16(6);
      },
      lost: () => undefined,
    },
  );
  return count;
}
