/**
 * Compare: derive the expected space indexes of every AG from what was observed and hold them against what is on
 * disk, in both directions. To add a comparison, add a file beside this one and a call here.
 */
import { OWNER } from '../../format/btree.ts';
import type { Finding } from '../../format/findings.ts';
import { runBlocks } from '../../fs/space/runs.ts';
import type { Observation } from '../observation.ts';
import type { Progress } from '../progress.ts';
import { FindingSink } from '../sink.ts';
import type { Steps } from '../steps.ts';
import { type AgExpectation, dropIndexOwners, expectAg } from './ag.ts';
import { type AgDoubt, compareContested, doubtOf } from './contested.ts';
import { compareAgCounters, compareSuperblock } from './counter.ts';
import { compareFreeSpace, reportStaging } from './freespace.ts';
import { compareInodeTrees } from './inodetree.ts';
import { compareLinks } from './link.ts';
import { ownerName } from './owner.ts';
import { ParentComparison } from './parentpointer.ts';
import { compareRefcounts } from './refcount.ts';
import { compareReflinkFlags, SharingInodes } from './reflinkflag.ts';
import { compareRmaps } from './rmap.ts';

export interface Comparison {
  readonly findings: readonly Finding[];
  /** AGs whose blocks have owners that exclude each other: not to be rebuilt. */
  readonly crossLinked: ReadonlySet<number>;
  /** Indexes agree with each other against a mapping: which is damaged is not known, and nothing to be rebuilt. */
  readonly contested: boolean;
  /** Leaked CoW staging, blocks in all. */
  readonly leakedBlocks: number;
  readonly leakedExtents: number;
}

/** Compares AG by AG, with a pause after each. */
export function* compareSteps(observation: Observation, progress?: Progress): Steps<Comparison> {
  const { geometry, filesComplete } = observation;
  const findings = new FindingSink();
  const crossLinked = new Set<number>();
  const doubts: AgDoubt[] = [];
  let leakedBlocks = 0;
  const sharing = new SharingInodes(observation.inodes);
  for (const ag of observation.ags) {
    const expected = expectAg(geometry, ag, ag.owners);
    if (expected.ownersConflict) crossLinked.add(ag.agno);
    reportConflicts(expected, findings);
    reportStaging(expected, findings);
    compareFreeSpace(expected, filesComplete, findings);
    compareRmaps(expected, filesComplete, findings);
    compareRefcounts(expected, filesComplete, findings);
    compareInodeTrees(geometry, ag, filesComplete, findings);
    compareAgCounters(observation, expected, findings);
    leakedBlocks += runBlocks(expected.staging);
    if (filesComplete) doubts.push(doubtOf(expected));
    sharing.add(expected.space.rmaps);
    dropIndexOwners(ag.owners);
    progress?.advance(1);
    yield;
  }
  // An inode that could not be read explains what nobody holds, and stops all rebuilding already.
  const contested = filesComplete && compareContested(doubts, findings);
  compareReflinkFlags(observation, sharing, findings);
  compareSuperblock(observation, findings);
  compareLinks(observation, findings);
  const { inodes, parents } = observation;
  if (parents) new ParentComparison(geometry, inodes, parents, findings).run();
  const list = findings.take();
  const leaked = list.filter((f) => f.code === 'LEAKED_COW');
  return {
    findings: list,
    crossLinked,
    contested,
    leakedExtents: leaked.length,
    leakedBlocks,
  };
}

/** Owners that a rebuild places anew: their side of a conflict goes away with it. */
const REBUILT: readonly number[] = [OWNER.AG, OWNER.INOBT, OWNER.REFC];

function reportConflicts(expected: AgExpectation, findings: FindingSink): void {
  const { agno } = expected.ag;
  const involved = new Map<number, number>();
  const part = (owner: number): number => involved.get(owner) ?? 0;
  for (const { firstOwner, secondOwner } of expected.space.conflicts) {
    for (const owner of [firstOwner, secondOwner]) if (owner >= 0) involved.set(owner, part(owner) + 1);
  }
  for (const c of expected.space.conflicts) {
    const index = REBUILT.includes(c.firstOwner) || REBUILT.includes(c.secondOwner);
    // One wrong mapping lies over many right ones: the inode with most conflicts has it.
    const ino = part(c.firstOwner) > part(c.secondOwner) ? c.firstOwner : c.secondOwner;
    findings.add(
      index ? 'INDEX_CROSS_LINK' : 'CROSS_LINK',
      { agno, agbno: c.agbno, blocks: c.blocks, ...(ino >= 0 ? { ino } : {}) },
      `AG ${agno}: blocks ${c.agbno}+${c.blocks} belong to both ${ownerName(c.firstOwner)} and ${ownerName(c.secondOwner)}`,
    );
  }
}
