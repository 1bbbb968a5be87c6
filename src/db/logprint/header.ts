/** AG headers and the superblock as far as xfs_logprint tells them, from the region that begins with them. */
import { AGF, AGF_MAGIC } from '../../format/agf.ts';
import { AGI, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from '../../format/agi.ts';
import { viewOf } from '../../format/struct.ts';
import { atLeast } from './item.ts';

/** Bytes of the AGI that must be there before it is told, and of the AGF. */
const LEAST_AGI = 40;
const LEAST_AGF = 64;
const LEAST_SB = 32;
const COLUMNS = 4;

export const isAgi = (region: Uint8Array): boolean => startsWith(region, AGI_MAGIC);
export const isAgf = (region: Uint8Array): boolean => startsWith(region, AGF_MAGIC);

function startsWith(region: Uint8Array, magic: number): boolean {
  return region.length >= 4 && viewOf(region).getUint32(0) === magic;
}

/** Between the two views only spaces differ: `gap` follows a colon, `indent` begins a line. */
interface Style {
  readonly gap: string;
  readonly indent: string;
}

export const PLAIN: Style = { gap: ' ', indent: '' };
export const DENSE: Style = { gap: '', indent: '\t\t' };

/** Undefined: too short. */
export function agiText(region: Uint8Array, { gap, indent }: Style): string | undefined {
  if (region.length < LEAST_AGI) return undefined;
  const { versionnum, seqno, length, count, root, level, freecount, newino } = agiOf(region);
  return (
    `${indent}ver:${gap}${versionnum | 0}  seq#:${gap}${seqno | 0}  len:${gap}${length | 0}` +
    `  cnt:${gap}${count | 0}  root:${gap}${root | 0}\n` +
    `${indent}level:${gap}${level | 0}  free#:${gap}0x${hex(freecount)}  newino:${gap}0x${hex(newino)}\n`
  );
}

function agiOf(region: Uint8Array) {
  return AGI.over(atLeast(region, AGI.size));
}

/** How many unlinked buckets a region of this length holds; undefined: all, if it is whole. */
export function bucketsIn(length: number): number | undefined {
  if (length === 128) return 17;
  return length === 256 ? 49 : undefined;
}

export function bucketText(region: Uint8Array, buckets = AGI_UNLINKED_BUCKETS): string {
  const view = viewOf(atLeast(region, AGI.size));
  const at = AGI.offset.unlinked;
  let text = '';
  for (let first = 0; first < buckets; first += COLUMNS) {
    text += `bucket[${first} - ${first + COLUMNS - 1}]: `;
    for (let i = first; i < Math.min(buckets, first + COLUMNS); i++)
      text += `0x${hex(view.getUint32(at + 4 * i))} `;
    text += '\n';
  }
  return text;
}

/** Undefined: too short. */
export function agfText(region: Uint8Array, { gap, indent }: Style): string | undefined {
  if (region.length < LEAST_AGF) return undefined;
  const agf = AGF.over(atLeast(region, AGF.size));
  const { offset } = AGF;
  const root = (tree: number) => agf.view.getInt32(agf.byte + offset.bnoroot + 4 * tree);
  const level = (tree: number) => agf.view.getInt32(agf.byte + offset.bnolevel + 4 * tree);
  return (
    `${indent}ver:${gap}${agf.versionnum | 0}  seq#:${gap}${agf.seqno | 0}  len:${gap}${agf.length | 0}  \n` +
    `${indent}root BNO:${gap}${root(0)}  CNT:${gap}${root(1)}\n` +
    `${indent}level BNO:${gap}${level(0)}  CNT:${gap}${level(1)}\n` +
    `${indent}1st:${gap}${agf.flfirst | 0}  last:${gap}${agf.fllast | 0}  cnt:${gap}${agf.flcount | 0}` +
    `  freeblks:${gap}${agf.freeblks | 0}  longest:${gap}${agf.longest | 0}\n`
  );
}

/** What it calls the counters: the first words of the region, whatever they are. Undefined: too short. */
export function countersText(region: Uint8Array, { gap }: Style): string | undefined {
  if (region.length < LEAST_SB) return undefined;
  const view = viewOf(region);
  const word = (i: number) => view.getBigUint64(8 * i);
  return `icount:${gap}${word(0)}${gap === '' ? ' ' : '  '}ifree:${gap}${word(1)}  fdblks:${gap}${word(2)}  frext:${gap}${word(3)}\n`;
}

function hex(value: number): string {
  return (value >>> 0).toString(16);
}
