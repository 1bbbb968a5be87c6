/**
 * The geometry block that mkfs prints, column for column as mkfs.xfs of the plan's profile does: scripts parse it.
 */
import type { Plan } from './plan.ts';
import { isSince } from './profile.ts';

const bit = (on: boolean): number => (on ? 1 : 0);

/** Ten lines, or more with a later profile; `image` is what the meta-data line calls the target. */
export function formatGeometry(plan: Plan, image: string): string {
  const f = plan.features;
  const left = (value: number | string, width: number): string => String(value).padEnd(width);
  const sunit = plan.logsunit > 1 ? plan.logsunit / plan.blocksize : 0;
  const exchange = isSince(plan.profile, '6.12');
  const metadir = isSince(plan.profile, '6.18');
  const { rblocks, rextents } = plan.realtime ?? { rblocks: 0, rextents: 0 };
  const rows: readonly [string, string, string][] = [
    [
      'meta-data',
      image,
      `isize=${left(plan.inodesize, 6)} agcount=${plan.agcount}, agsize=${plan.agblocks} blks`,
    ],
    ['', '', `sectsz=${left(plan.sectsize, 5)} attr=2, projid32bit=1`],
    ['', '', `crc=${left(1, 8)} finobt=${bit(f.finobt)}, sparse=${bit(f.sparse)}, rmapbt=${bit(f.rmapbt)}`],
    [
      '',
      '',
      `reflink=${left(bit(f.reflink), 4)} bigtime=${bit(f.bigtime)} inobtcount=${bit(f.inobtcnt)} nrext64=${bit(f.nrext64)}`,
    ],
    ...line(exchange, `exchange=${left(bit(f.exchrange), 3)}${metadir ? ' metadir=0' : ''}`),
    ['data', '', `bsize=${left(plan.blocksize, 6)} blocks=${plan.dblocks}, imaxpct=${plan.imaxpct}`],
    ['', '', `sunit=${left(plan.sunit, 6)} swidth=${plan.swidth} blks`],
    [
      'naming',
      'version 2',
      `bsize=${left(plan.dirblocksize, 6)} ascii-ci=${bit(f.asciiCi)}, ftype=1` +
        (exchange ? `, parent=${bit(f.parent)}` : ''),
    ],
    [
      'log',
      plan.logDevice ?? 'internal log',
      `bsize=${left(plan.blocksize, 6)} blocks=${plan.logblocks}, version=2`,
    ],
    ['', '', `sectsz=${left(plan.logSectsize, 5)} sunit=${sunit} blks, lazy-count=1`],
    [
      'realtime',
      plan.realtime?.device ?? 'none',
      `extsz=${left(plan.rextsize * plan.blocksize, 6)} blocks=${rblocks}, rtextents=${rextents}`,
    ],
    ...line(metadir, 'rgcount=0    rgsize=0 extents'),
    ...line(metadir, 'zoned=0      start=0 reserved=0'),
  ];
  return rows.map(([name, what, rest]) => `${name.padEnd(9)}=${what.padEnd(22)} ${rest}\n`).join('');
}

const line = (shown: boolean, text: string): [string, string, string][] => (shown ? [['', '', text]] : []);
