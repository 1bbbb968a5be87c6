/**
 * Classic realtime section: the bitmap and summary inodes, the extents of realtime files, the bitmap against those
 * extents in both directions, and summary and counter against the bitmap.
 *
 * Where bitmap and files disagree, a summary or a counter that agrees with either of them is a consequence, not
 * another fault. All sizes are derived from rblocks and rextsize; what the superblock says of them besides is held
 * against the same by its own rules. Without a section both inodes are empty. The device itself holds only data and
 * is never read.
 */

import { viewOf } from '../../format/struct.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import type { LogObservation } from '../observation.ts';
import type { RealtimeExtents } from '../observe/rtextent.ts';
import { ForkBlocks } from './forkblocks.ts';
import { BitmapScan } from './rtbitmap.ts';
import { mapRealtime, type RealtimeSection } from './rtmap.ts';
import { floorLog2, type SummaryCounts, summaryOfMapped } from './rtsummary.ts';
import {
  findFork,
  type NamedInode,
  type NamedInodes,
  NO_FORK,
  readNamedInode,
  reportNamed,
  sizeOf,
} from './special.ts';

const WORD_BYTES = 4;

export interface RealtimeQuestion extends NamedInodes {
  readonly superblock: Uint8Array;
  readonly log: LogObservation;
  readonly extents: RealtimeExtents;
  /** Every file was read: what nobody maps is really unmapped. */
  readonly complete: boolean;
}

export function checkRealtime(from: RealtimeQuestion): void {
  const sb = SUPERBLOCK.over(from.superblock);
  const { blocksize } = from.context.geometry;
  const section = sectionOf(from.superblock);
  // Sizes that are out of range were reported with the superblock, and nothing follows from them.
  if (!section) return;
  const sumBlocks = Math.ceil((WORD_BYTES * section.levels * section.rbmblocks) / blocksize);
  const bitmap = openNamed(from, 'rbmino', 'realtime bitmap', section.rbmblocks);
  const summary = openNamed(from, 'rsumino', 'realtime summary', sumBlocks);
  if (section.rextents === 0) return;
  const runs = mapRealtime(from.context, from.extents, section);
  if (bitmap === undefined) return;
  const scan = new BitmapScan(from.context, sb.rbmino, section, runs, from.complete);
  scan.run(bitmap);
  const perBlock = 8 * blocksize;
  const accounts: SummaryCounts[] = scan.unread ? [] : [scan.counts];
  if ((scan.disagrees || scan.unread) && from.complete) {
    accounts.push(summaryOfMapped(runs, section, perBlock));
  }
  if (accounts.length === 0) return;
  if (summary) compareSummary(from, summary, sumBlocks, accounts);
  compareCounter(from, accounts);
}

/** Undefined when the superblock's sizes cannot be used. */
function sectionOf(superblock: Uint8Array): RealtimeSection | undefined {
  const { rblocks, rextsize, rextslog, blocksize, dblocks } = SUPERBLOCK.over(superblock);
  if (rblocks === 0) return { rextsize, rextents: 0, rbmblocks: 0, levels: 0 };
  const bytes = rextsize * blocksize;
  if (!(rblocks > 0) || bytes < 4096 || bytes > 2 ** 30) return undefined;
  const rextents = Math.floor(rblocks / rextsize);
  const rbmblocks = Math.ceil(rextents / (8 * blocksize));
  if (rextents === 0 || rbmblocks > dblocks) return undefined;
  // Tools before 6.8 take the logarithm of the low half of a number beyond 2^32.
  const low = rextents % 2 ** 32;
  const old = low === 0 ? 0 : floorLog2(low);
  const levels = 1 + (rextents >= 2 ** 32 && rextslog === old ? old : floorLog2(rextents));
  return { rextsize, rextents, rbmblocks, levels };
}

/** Judges one of the two inodes and opens its blocks; undefined when it does not map all that it should. */
function openNamed(
  from: RealtimeQuestion,
  field: 'rbmino' | 'rsumino',
  name: string,
  blocks: number,
): ForkBlocks | undefined {
  const { context, forks } = from;
  const sb = SUPERBLOCK.over(from.superblock);
  const ino = sb[field];
  // Another number than mkfs gives them was reported with the superblock.
  if (ino !== sb.rootino + (field === 'rbmino' ? 1 : 2)) return undefined;
  const named: NamedInode = { ino, what: `${name} inode`, field, code: 'RT_INODE' };
  const inode = readNamedInode(from, named);
  if (!inode) return undefined;
  const size = blocks * context.geometry.blocksize;
  if (sizeOf(inode) !== size) reportNamed(context, named, 'core.size', sizeOf(inode), size);
  const fork = findFork(forks, ino);
  if (fork === NO_FORK || forks.lost.at(fork) !== 0) return undefined;
  const mapped = mappedFromStart(from, fork);
  if (blocks === 0) {
    if (forks.count(fork) > 0) reportNamed(context, named, 'core.nextents', forks.count(fork), 0);
    return undefined;
  }
  if (mapped < blocks) {
    const where = { agno: context.geometry.inoAgno(ino), ino, fileoff: mapped, structure: 'data' };
    const text = `${name} inode ${ino}: block ${mapped} is not mapped, it has ${blocks}`;
    context.sink.add('RT_INODE', where, text, { found: mapped, expected: blocks });
    return undefined;
  }
  const reader = new ForkBlocks(context, forks);
  reader.open(fork);
  return reader;
}

/** Blocks that a fork maps before its first hole. */
function mappedFromStart({ forks }: NamedInodes, fork: number): number {
  let end = 0;
  for (let i = 0; i < forks.count(fork); i++) {
    const extent = forks.first(fork) + i;
    if (forks.fileoff(extent) > end) break;
    end = forks.fileoff(extent) + forks.blockCount(extent);
  }
  return end;
}

/** Every word must be right by one of the accounts; one finding for each block that has a wrong one. */
function compareSummary(
  { context, superblock }: RealtimeQuestion,
  summary: ForkBlocks,
  blocks: number,
  accounts: readonly SummaryCounts[],
): void {
  const { geometry, sink } = context;
  const words = geometry.blocksize / WORD_BYTES;
  const ino = SUPERBLOCK.over(superblock).rsumino;
  for (let fileoff = 0; fileoff < blocks; fileoff++) {
    const bytes = summary.read(fileoff, 1, `realtime summary block ${fileoff}`);
    if (!bytes) continue;
    const view = viewOf(bytes);
    let wrong = 0;
    let first = -1;
    for (let w = 0; w < words; w++) {
      const found = view.getUint32(WORD_BYTES * w, true);
      const index = fileoff * words + w;
      // Words behind the last are zero.
      if (accounts.some((account) => found === (account.words[index] ?? 0))) continue;
      if (wrong++ === 0) first = w;
    }
    if (wrong === 0) continue;
    const found = view.getUint32(WORD_BYTES * first, true);
    const expected = accounts[0]!.words[fileoff * words + first] ?? 0;
    const agno = geometry.fsbnoAgno(summary.fsbno);
    const agbno = geometry.fsbnoAgbno(summary.fsbno);
    const more = wrong === 1 ? '' : `, and ${wrong - 1} more words are wrong`;
    sink.add(
      'RT_SUMMARY',
      { agno, agbno, ino, fileoff, structure: 'rtsummary', field: `suminfo[${first}]` },
      `realtime summary block ${fileoff}: word ${first} is ${found}, counted ${expected}${more}`,
      { found, expected },
    );
  }
}

/** The counter is true only when nothing waits in the log. */
function compareCounter(
  { context, superblock, log }: RealtimeQuestion,
  accounts: readonly SummaryCounts[],
): void {
  if (log.state === 'dirty' || log.state === 'unreadable') return;
  const found = SUPERBLOCK.over(superblock).frextents;
  if (accounts.some(({ free }) => found === BigInt(free))) return;
  const expected = accounts[0]!.free;
  context.sink.add(
    'RT_FREE_COUNT',
    { agno: 0, structure: 'sb', field: 'frextents' },
    `superblock: frextents ${found}, counted ${expected}`,
    { found: String(found), expected },
  );
}
