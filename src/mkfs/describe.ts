/** A plan told in full: as JSON with everything that follows from it, and as one line of reason per derived number. */
import { SUPERBLOCK } from '../format/superblock.ts';
import type { Choice } from './choose.ts';
import type { GivenOptions } from './given.ts';
import { SMALLEST_SUPPORTED_BYTES } from './log.ts';
import type { OptionKey } from './options.ts';
import { chunkBlocks, freeListBlocks, geometryOfPlan, logStart, type Plan, rootBlocksEnd } from './plan.ts';
import { encodePrimary } from './superblock.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** Every number of the result, ready for JSON. */
export function describePlan({ plan, notices }: Choice, image: string): object {
  const geometry = geometryOfPlan(plan);
  const none = { icount: 0, ifree: 0, fdblocks: 0 };
  const sb = SUPERBLOCK.over(encodePrimary(plan, geometry.rootino, none, false));
  const agBytes = plan.agblocks * plan.blocksize;
  return {
    image,
    ...plan,
    bytes: plan.dblocks * plan.blocksize,
    logstart: logStart(plan),
    rootino: geometry.rootino,
    featureBits: {
      versionnum: sb.versionnum,
      features2: sb.features2,
      compat: sb.features_compat,
      roCompat: sb.features_ro_compat,
      incompat: sb.features_incompat,
      logIncompat: sb.features_log_incompat,
    },
    agHeaderBlocks: geometry.headerBlocks,
    btreeRootBlocks: rootBlocksEnd(plan) - geometry.headerBlocks,
    freeListBlocks: freeListBlocks(plan),
    ags: Array.from({ length: plan.agcount }, (_, agno) => ({
      agno,
      offsetBytes: agno * agBytes,
      blocks: geometry.agLength(agno),
      holdsLog: agno === plan.logAgno,
    })),
    warnings: notices,
  };
}

type Reason = readonly [name: string, value: string, why: string];

const asked = (given: GivenOptions, ...keys: OptionKey[]): string | undefined => {
  const key = keys.find((each) => given.has(each));
  return key === undefined ? undefined : `-${key[0]} ${key.slice(2)} was given`;
};

function whyAgcount(plan: Plan, given: GivenOptions): string {
  const bytes = plan.dblocks * plan.blocksize;
  const said = asked(given, 'd.agcount', 'd.agsize', 'd.concurrency');
  if (said) return said;
  const striped = plan.sunit > 0;
  if (bytes >= 32 * TIB || (!striped && bytes >= 4 * TIB)) return 'this large, AGs have the greatest size';
  if (!striped && bytes >= 128 * MIB) return 'from 128 MiB to 4 TiB one disk has 4';
  return striped ? 'a stripe means many disks, so more AGs the larger it is' : 'below 128 MiB AGs are few';
}

function whyAgblocks(plan: Plan, given: GivenOptions): string {
  if (given.has('d.agsize')) return '-d agsize was given';
  if (plan.agblocks === Math.floor((TIB - 1) / plan.blocksize)) return 'the most below 1 TiB';
  const aligned = plan.sunit > 0 ? `, in stripe units of ${plan.sunit}, shifted off whole stripe widths` : '';
  return `all ${plan.dblocks} blocks over ${plan.agcount}${aligned}`;
}

function whyLog(plan: Plan, given: GivenOptions): string {
  const said = asked(given, 'l.size', 'l.concurrency');
  if (said) return said;
  if (plan.logDevice !== undefined) return `all of ${plan.logDevice}`;
  const bytes = plan.logblocks * plan.blocksize;
  if (plan.dblocks * plan.blocksize < SMALLEST_SUPPORTED_BYTES)
    return 'below 300 MB the least that the largest transaction needs';
  if (bytes === 64 * MIB) return '64 MiB, the least of a usual log (1/2048 of the filesystem is less)';
  if (bytes > GIB * 1.9) return 'as long as a log can be, or its AG has room for';
  return '1/2048 of the filesystem, within its AG and in whole stripe units';
}

function whyImaxpct(plan: Plan, given: GivenOptions): string {
  if (given.number('i.maxpct') === plan.imaxpct) return '-i maxpct was given';
  const bytes = plan.dblocks * plan.blocksize;
  if (bytes < TIB) return '25 below 1 TiB';
  return bytes < 50 * TIB ? '5 from 1 TiB on' : '1 from 50 TiB on';
}

function reasons(plan: Plan, given: GivenOptions): Reason[] {
  const size = given.has('d.size') ? '-d size was given' : 'all of the image';
  const trees = rootBlocksEnd(plan);
  return [
    ['blocksize', `${plan.blocksize}`, asked(given, 'b.size') ?? 'what pages of most machines hold'],
    [
      'sectsize',
      `${plan.sectsize}`,
      asked(given, 's.size', 's.sectsize', 'd.sectsize') ?? 'physical sector of the device, 512 for a file',
    ],
    ['inodesize', `${plan.inodesize}`, asked(given, 'i.size', 'i.perblock') ?? 'the least of version 5'],
    ['dblocks', `${plan.dblocks}`, `${size}, in whole blocks, less a last AG below 16 MiB`],
    ['agcount', `${plan.agcount}`, whyAgcount(plan, given)],
    ['agblocks', `${plan.agblocks}`, whyAgblocks(plan, given)],
    ['imaxpct', `${plan.imaxpct}`, whyImaxpct(plan, given)],
    ['logblocks', `${plan.logblocks}`, whyLog(plan, given)],
    [
      'log place',
      plan.logDevice ?? `AG ${plan.logAgno} block ${plan.logAgbno}`,
      plan.logDevice === undefined
        ? `${given.has('l.agnum') ? '-l agnum' : 'the middle AG'}, right after its ${trees} blocks of headers and roots`
        : 'an external log begins at 0',
    ],
    [
      'inode alignment',
      `${plan.inoalignmt}`,
      plan.features.sparse ? 'a whole chunk, as sparse chunks need' : 'a cluster of inodes',
    ],
    [
      'root inode',
      `${geometryOfPlan(plan).rootino}`,
      `first aligned chunk of ${chunkBlocks(plan)} blocks behind headers, roots and ${freeListBlocks(plan)} blocks of free list`,
    ],
    ['dirblocksize', `${plan.dirblocksize}`, asked(given, 'n.size') ?? '4096, or the block size if larger'],
    ['profile', plan.profile, `defaults of xfsprogs ${plan.profile}`],
  ];
}

/** A line for each derived number: name, value, why. */
export function explainPlan(plan: Plan, given: GivenOptions): string {
  return reasons(plan, given)
    .map(([name, value, why]) => `${name.padEnd(16)}${value.padEnd(24)}${why}\n`)
    .join('');
}
