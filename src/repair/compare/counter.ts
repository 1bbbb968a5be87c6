/** Counters: AGF and AGI against the trees they count, the superblock against the AG headers. */
import { AGF } from '../../format/agf.ts';
import { AGI } from '../../format/agi.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import type { ChunkColumns, RunColumns } from '../../fs/space/columns.ts';
import { runBlocks } from '../../fs/space/runs.ts';
import type { AgObservation, Observation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';

interface Counter {
  readonly field: string;
  readonly found: number;
  readonly expected: number;
  readonly counted: string;
  /** What the owners say: a counter that agrees with them is right, and it is the tree that is wrong. */
  readonly owned?: number | undefined;
}

export function compareAgCounters(
  observation: Observation,
  expected: AgExpectation,
  findings: FindingSink,
): void {
  const { ag } = expected;
  const known = observation.filesComplete && expected.treesSound;
  for (const [header, counters] of [
    ['AGF', agfCounters(ag, known ? expected.space.free : undefined)],
    ['AGI', agiCounters(observation, ag, known ? ag.chunks : undefined)],
  ] as const) {
    for (const { field, found, expected, counted, owned } of counters) {
      if (found === expected || found === owned) continue;
      findings.add(
        `${header}_COUNTER`,
        { agno: ag.agno, structure: header.toLowerCase(), field },
        `AG ${ag.agno} ${header}: ${field} ${found}, ${counted} ${expected}`,
        { found, expected },
      );
    }
  }
}

function longestRun(runs: RunColumns): number {
  let longest = 0;
  for (let i = 0; i < runs.length; i++) longest = Math.max(longest, runs.count[i]!);
  return longest;
}

/** `free`: blocks that nobody owns, where that is known. */
function agfCounters(ag: AgObservation, free: RunColumns | undefined): Counter[] {
  if (!ag.agf || !ag.agfSound) return [];
  const agf = AGF.over(ag.agf);
  const counters: Counter[] = [];
  const count = (field: string, found: number, expected: number, counted: string, owned?: number): void => {
    counters.push({ field, found, expected, counted, owned });
  };
  if (ag.bnobt.sound) {
    const listed = ag.bnobt.records;
    count('freeblks', agf.freeblks, runBlocks(listed), 'bnobt holds', free && runBlocks(free));
    const longest = longestRun(listed);
    count('longest', agf.longest, longest, 'the longest in the bnobt is', free && longestRun(free));
  }
  const { bnobt, cntbt, rmapbt, refcntbt } = ag;
  if (bnobt.sound && cntbt.sound && (rmapbt?.sound ?? true)) {
    const roots = rmapbt ? 3 : 2;
    const blocks = bnobt.blocks.length + cntbt.blocks.length + (rmapbt?.blocks.length ?? 0);
    count('btreeblks', agf.btreeblks, blocks - roots, 'blocks besides the roots are');
  }
  if (rmapbt?.sound) count('rmapblocks', agf.rmapblocks, rmapbt.blocks.length, 'rmapbt blocks are');
  if (refcntbt?.sound) count('refcntblocks', agf.refcntblocks, refcntbt.blocks.length, 'refcntbt blocks are');
  return counters;
}

function countInodes(chunks: ChunkColumns): { inodes: number; free: number } {
  let inodes = 0;
  let free = 0;
  for (let i = 0; i < chunks.length; i++) {
    inodes += chunks.count[i]!;
    free += chunks.freecount[i]!;
  }
  return { inodes, free };
}

/** `chunks`: as the inodes tell them, where that is known. */
function agiCounters(
  observation: Observation,
  ag: AgObservation,
  chunks: ChunkColumns | undefined,
): Counter[] {
  if (!ag.agi || !ag.agiSound) return [];
  const agi = AGI.over(ag.agi);
  const counters: Counter[] = [];
  const count = (field: string, found: number, expected: number, counted: string, owned?: number): void => {
    counters.push({ field, found, expected, counted, owned });
  };
  if (ag.inobt.sound) {
    const listed = countInodes(ag.inobt.records);
    const told = chunks && countInodes(chunks);
    count('count', agi.count, listed.inodes, 'inobt holds', told?.inodes);
    count('freecount', agi.freecount, listed.free, 'inobt holds', told?.free);
  }
  if (observation.geometry.features.inobtcnt) {
    if (ag.inobt.sound) count('ino_blocks', agi.ino_blocks, ag.inobt.blocks.length, 'inobt blocks are');
    if (ag.finobt?.sound) count('fino_blocks', agi.fino_blocks, ag.finobt.blocks.length, 'finobt blocks are');
  }
  return counters;
}

/** Superblock counters as the sum over AG headers; undefined when a header is not to be trusted. */
export function sumOfHeaders(
  ags: readonly { agf: Uint8Array | undefined; agi: Uint8Array | undefined }[],
): { icount: bigint; ifree: bigint; fdblocks: bigint } | undefined {
  let icount = 0;
  let ifree = 0;
  let fdblocks = 0;
  for (const { agf, agi } of ags) {
    if (!agf || !agi) return undefined;
    const f = AGF.over(agf);
    const i = AGI.over(agi);
    fdblocks += f.freeblks + f.flcount + f.btreeblks;
    icount += i.count;
    ifree += i.freecount;
  }
  return { icount: BigInt(icount), ifree: BigInt(ifree), fdblocks: BigInt(fdblocks) };
}

/** Lazy counters are true only after a clean unmount, so a dirty log excuses them. */
export function compareSuperblock(observation: Observation, findings: FindingSink): void {
  if (observation.log.state === 'dirty' || observation.log.state === 'unreadable') return;
  if (observation.superblockLost || observation.ags.length !== observation.geometry.agcount) return;
  if (observation.ags.some((ag) => !ag.agfSound || !ag.agiSound)) return;
  const sums = sumOfHeaders(observation.ags);
  if (!sums) return;
  const sb = SUPERBLOCK.over(observation.superblock);
  for (const field of ['icount', 'ifree', 'fdblocks'] as const) {
    if (sb[field] === sums[field]) continue;
    findings.add(
      'SB_COUNTER',
      { structure: 'sb', field },
      `superblock: ${field} ${sb[field]}, the AG headers add up to ${sums[field]}`,
      { found: String(sb[field]), expected: String(sums[field]) },
    );
  }
}
