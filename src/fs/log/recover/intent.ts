/**
 * Intents that were open when the filesystem stopped, carried out: what each announces is done by the same code that
 * does it in ordinary changes. The order is that of the log; what an intent's work defers is done with it.
 *
 * Not carried over to other intents: the free-space intent does not touch reverse mappings (an intent of their own does),
 * mapping intents do not touch reference counts.
 */
import { OWNER } from '../../../format/btree.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { LOG_EXTENT, LOG_ITEMS, LOG_MAP_EXTENT, LOG_PHYSICAL_EXTENT } from '../../../format/logitem.ts';
import { viewOf } from '../../../format/struct.ts';
import type { Rmap } from '../../btree/rmap.ts';
import type { ForkName } from '../../inode/bmbt.ts';
import { readInode } from '../../inode/inode.ts';
import { addExtent, removeRange } from '../../inode/mapping.ts';
import { fixFreeList, freeNow } from '../../space/allocate.ts';
import { changeRefcount, type RefcountChange } from '../../space/refcountchange.ts';
import { changeRmap, type RmapChange } from '../../space/rmapdefer.ts';
import type { Transaction } from '../../transaction.ts';
import { LogError } from '../record.ts';
import type { OpenIntent } from '../replay/replay.ts';
import { changeAttribute } from './attrintent.ts';
import { exchangeFiles } from './exchangeintent.ts';

/** Bytes before the extents of an intent. */
const HEAD_BYTES = 16;
/** Of an extent to be freed, as 32-bit kernels log it. */
const SHORT_EXTENT_BYTES = 12;
const ATTR_FORK = 2 ** 31;
const BMBT_BLOCK = 2 ** 30;
const UNWRITTEN = 2 ** 29;
/** Of a mapping intent. */
const BUI_UNWRITTEN = 2 ** 30;
const BUI_REALTIME = 2 ** 29;

interface IntentRow {
  readonly type: number;
  readonly name: string;
  readonly finish: (tr: Transaction, intent: OpenIntent, files: Set<number>) => void;
}

const INTENTS: readonly IntentRow[] = [
  { type: 0x1236, name: 'EFI', finish: freeExtents },
  { type: 0x1240, name: 'RUI', finish: changeRmaps },
  { type: 0x1242, name: 'CUI', finish: changeRefcounts },
  { type: 0x1244, name: 'BUI', finish: changeMappings },
  { type: 0x1246, name: 'ATTRI', finish: changeAttribute },
  { type: 0x1248, name: 'XMI', finish: exchangeFiles },
];

/** Name of the kind of intent. */
export function intentName({ type }: Pick<OpenIntent, 'type'>): string {
  return LOG_ITEMS.find((row) => row.type === type)?.name ?? `0x${type.toString(16)}`;
}

/** Refuses what cannot be carried out, before anything is. Throws LogError. */
export function needKnownIntents(intents: readonly OpenIntent[]): void {
  for (const { type } of intents) {
    if (INTENTS.some((row) => row.type === type)) continue;
    const name = intentName({ type });
    const why = name.endsWith('_RT') ? ': the realtime section is not changed' : '';
    throw new LogError('LOG_UNKNOWN', `an open intent ${name}${why}`);
  }
}

/** Carries an intent out, and adds the inodes that it changed to `files`. Throws LogError, CorruptionError, NoSpaceError. */
export function finishIntent(tr: Transaction, intent: OpenIntent, files: Set<number>): void {
  INTENTS.find((row) => row.type === intent.type)!.finish(tr, intent, files);
}

/** Extents of an intent, as bytes of one each. */
function extentsOf({ regions, type }: OpenIntent, size: number): Uint8Array[] {
  const head = regions[0]!;
  const count = viewOf(head).getUint32(4, true);
  if (head.length < HEAD_BYTES + count * size) {
    throw new LogError(
      'LOG_CORRUPT',
      `intent of type 0x${type.toString(16)}: ${count} extents in ${head.length} bytes`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const at = HEAD_BYTES + i * size;
    return head.subarray(at, at + size);
  });
}

/** An extent of the data device; realtime ones are not replayed. */
function placed(geometry: Geometry, startblock: bigint, len: number): { agno: number; agbno: number } {
  const fsbno = Number(startblock);
  if (!geometry.isFsbnoRange(fsbno, len)) {
    throw new LogError('LOG_CORRUPT', `intent: blocks ${fsbno} + ${len} are not in the filesystem`);
  }
  return { agno: geometry.fsbnoAgno(fsbno), agbno: geometry.fsbnoAgbno(fsbno) };
}

function freeExtents(tr: Transaction, intent: OpenIntent): void {
  const head = intent.regions[0]!;
  // A 32-bit kernel does not pad them.
  const isShort = head.length === HEAD_BYTES + viewOf(head).getUint32(4, true) * SHORT_EXTENT_BYTES;
  for (const bytes of extentsOf(intent, isShort ? SHORT_EXTENT_BYTES : LOG_EXTENT.size)) {
    const startblock = viewOf(bytes).getBigUint64(0, true);
    const len = viewOf(bytes).getUint32(8, true);
    const { agno, agbno } = placed(tr.fs.geometry, startblock, len);
    freeNow(tr, agno, agbno, len);
    tr.finish();
  }
}

/** Low byte of the flags of a reverse mapping intent. */
const RMAP_CHANGE: Readonly<Record<number, Pick<RmapChange, 'change' | 'shared'>>> = {
  1: { change: 'add', shared: false },
  2: { change: 'add', shared: true },
  3: { change: 'remove', shared: false },
  4: { change: 'remove', shared: true },
  5: { change: 'convert', shared: false },
  6: { change: 'convert', shared: true },
  7: { change: 'add', shared: false },
  8: { change: 'remove', shared: false },
};

function changeRmaps(tr: Transaction, intent: OpenIntent): void {
  for (const bytes of extentsOf(intent, LOG_MAP_EXTENT.size)) {
    const { owner, startblock, startoff, len, flags } = LOG_MAP_EXTENT.over(bytes);
    const { agno, agbno } = placed(tr.fs.geometry, startblock, len);
    const kind = RMAP_CHANGE[flags & 0xff];
    if (!kind) throw new LogError('LOG_CORRUPT', `reverse mapping intent: flags 0x${flags.toString(16)}`);
    const unwritten = (flags & UNWRITTEN) !== 0;
    const rmap: Rmap = {
      start: agbno,
      count: len,
      owner: ownerOf(owner),
      offset: Number(startoff),
      attr: (flags & ATTR_FORK) !== 0,
      bmbt: (flags & BMBT_BLOCK) !== 0,
      // A conversion names the state that it leads to.
      unwritten: kind.change === 'convert' ? !unwritten : unwritten,
    };
    fixFreeList(tr, agno);
    changeRmap(tr, { agno, rmap, ...kind });
    tr.finish();
  }
}

function ownerOf(owner: bigint): number {
  const signed = Number(BigInt.asIntN(64, owner));
  if (signed < OWNER.COW - 1 || signed === 0) {
    throw new LogError('LOG_CORRUPT', `reverse mapping intent: owner ${signed}`);
  }
  return signed;
}

/** Low byte of the flags of a reference count intent. */
const REFCOUNT_CHANGE: Readonly<Record<number, RefcountChange['change']>> = {
  1: 'increase',
  2: 'decrease',
  3: 'stage',
  4: 'unstage',
};

function changeRefcounts(tr: Transaction, intent: OpenIntent): void {
  for (const bytes of extentsOf(intent, LOG_PHYSICAL_EXTENT.size)) {
    const { startblock, len, flags } = LOG_PHYSICAL_EXTENT.over(bytes);
    const { agno, agbno } = placed(tr.fs.geometry, startblock, len);
    const change = REFCOUNT_CHANGE[flags & 0xff];
    if (!change) throw new LogError('LOG_CORRUPT', `reference count intent: flags 0x${flags.toString(16)}`);
    fixFreeList(tr, agno);
    changeRefcount(tr, { change, agno, agbno, count: len });
    tr.finish();
  }
}

function changeMappings(tr: Transaction, intent: OpenIntent, files: Set<number>): void {
  for (const bytes of extentsOf(intent, LOG_MAP_EXTENT.size)) {
    const { owner, startblock, startoff, len, flags } = LOG_MAP_EXTENT.over(bytes);
    if ((flags & BUI_REALTIME) !== 0)
      throw new LogError('LOG_UNKNOWN', 'a mapping intent of a realtime file');
    placed(tr.fs.geometry, startblock, len);
    const inode = readInode(tr, Number(owner));
    files.add(inode.ino);
    const name: ForkName = (flags & ATTR_FORK) !== 0 ? 'attr' : 'data';
    const fileoff = Number(startoff);
    switch (flags & 0xff) {
      case 1:
        addExtent(inode, name, {
          fileoff,
          fsbno: Number(startblock),
          count: len,
          unwritten: (flags & BUI_UNWRITTEN) !== 0,
        });
        inode.countBlocks(len);
        break;
      case 2:
        removeRange(inode, name, fileoff, len, Number.POSITIVE_INFINITY, 'keep');
        break;
      default:
        throw new LogError('LOG_CORRUPT', `mapping intent: flags 0x${flags.toString(16)}`);
    }
    tr.finish();
  }
}
