/**
 * Recovery of a dirty log, as a mount does it: replay; then open intents, deleted inodes and leaked staging; then the
 * counters; then a clean log. All of it is planned on overlays and becomes a list of steps, each to be durable before
 * the next begins:
 *
 *  1. what replay writes, and values of attributes in blocks that were free. The log still says the same, so
 *     replaying again gives the same.
 *  2. a checkpoint in the log of everything else, with the done items of the intents. From here on a replay finds it
 *     and does no intent twice.
 *  3. the same in place.
 *  4. the record that says the log is clean.
 *
 * So a kill at any instant leaves an image that ends in the same state when it is recovered again, by us or a kernel.
 * Where the checkpoint has no room in the log, old records make room: open intents are logged anew first, and then
 * nothing before that is needed.
 */
import { type Device, readBytes } from '../../../device/device.ts';
import { OverlayDevice } from '../../../device/overlay.ts';
import { QFLAG, QUOTA_TYPES } from '../../../format/dquot.ts';
import { UnsupportedFeature } from '../../../format/errors.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { SUPERBLOCK } from '../../../format/superblock.ts';
import type { MetaBuffer, Piece } from '../../buffer.ts';
import { type FileSystem, openFileSystem } from '../../filesystem.ts';
import { recountSuperblock } from '../../space/recount.ts';
import { type Transaction, transact } from '../../transaction.ts';
import { type ChangedObject, encodeCheckpoint, encodeIntents, type LogOperation } from '../checkpoint.ts';
import type { LogHead } from '../head.ts';
import { type LogPlace, ringOf } from '../place.ts';
import { LogError } from '../record.ts';
import { type OpenIntent, type ReplayResult, replayLog } from '../replay/replay.ts';
import type { LogRing } from '../ring.ts';
import { settleTail } from '../tail.ts';
import { type LogBytes, type LogPosition, LogWriter, lsnOf } from '../writer.ts';
import { finishIntent, intentName, needKnownIntents } from './intent.ts';
import { type FreedUnlinked, freeBeyondEnd, freeStaging, freeUnlinked, type Staging } from './leftover.ts';
import { clearStale } from './stale.ts';

/** Bytes for the data device or for the log, durable before the next step. */
export interface RecoveryStep {
  readonly what: string;
  readonly target: 'data' | 'log';
  runs(): Iterable<{ readonly offset: number; readonly bytes: Uint8Array }>;
}

export interface Recovery {
  readonly replay: ReplayResult;
  /** Intents that were carried out, by kind. */
  readonly intents: Readonly<Record<string, number>>;
  /** Deleted inodes that were freed, and lists of them that were broken. */
  readonly unlinked: number;
  readonly cutLists: FreedUnlinked['cut'];
  readonly staging: readonly Staging[];
  readonly steps: readonly RecoveryStep[];
  /** False: the checkpoint has no room in the log, so a kill in the middle needs the undo journal. */
  readonly restartable: boolean;
}

/** Number of the transactions that we log; recovery tells them apart by nothing else. */
const TIDS = { CHECKPOINT: 0x7866736b, RELOG: 0x7866736c, UNMOUNT: 0x7866736d } as const;

/**
 * Plans the recovery of a dirty log; `device` stays untouched. Throws LogError when the log cannot be replayed,
 * CorruptionError when what it leads to cannot be worked with, DeviceError.
 *
 * `cut`: block of a damaged record; it and what follows are given up. The log still ends behind them, as metadata on
 * disk may bear their LSNs. No checkpoint can be reached through a damaged record, so a kill needs the undo journal.
 */
export function planRecovery(
  device: Device,
  geometry: Geometry,
  log: LogPlace,
  head: LogHead,
  cut?: number,
): Recovery {
  if (cut === head.tailBlock) {
    throw new LogError(
      'LOG_CORRUPT',
      `record at block ${cut}: it is the first, nothing is left to be replayed`,
    );
  }
  return new RecoveryPlan(device, geometry, log, head, cut).make();
}

class RecoveryPlan {
  private readonly log: LogPlace;
  private head: LogHead;
  private readonly cut: number | undefined;
  private readonly ring: LogRing;
  /** What replay makes of the device; and on top of it what follows. */
  private readonly replayed: OverlayDevice;
  private readonly finished: OverlayDevice;
  private readonly geometry: Geometry;
  private readonly changed = new Map<number, ChangedObject>();
  private readonly freed = new Map<number, Piece>();

  constructor(device: Device, geometry: Geometry, log: LogPlace, head: LogHead, cut: number | undefined) {
    this.log = log;
    this.head = head;
    this.cut = cut;
    this.geometry = geometry;
    this.ring = ringOf(geometry, log);
    this.replayed = new OverlayDevice(device);
    this.finished = new OverlayDevice(this.replayed);
  }

  make(): Recovery {
    const { uuid, qflags } = this.superblock(this.replayed);
    this.head = settleTail(this.ring, this.head, uuid);
    const head = this.cut === undefined ? this.head : { ...this.head, headBlock: this.cut };
    const source = { ring: this.ring, head, uuid, quota: (qflags & QUOTA_ON) !== 0 };
    const replay = replayLog(this.replayed, this.geometry, source);
    needKnownIntents(replay.intents);
    const start: LogPosition = { cycle: this.head.headCycle, block: this.head.headBlock };
    const fs = this.open(lsnOf(start));
    // What is freed from here on counts from the true numbers.
    transact(fs, recountSuperblock);
    const intents: Record<string, number> = {};
    const files = new Set<number>();
    for (const intent of replay.intents) {
      transact(fs, (tr) => finishIntent(tr, intent, files));
      intents[intentName(intent)] = (intents[intentName(intent)] ?? 0) + 1;
    }
    for (const ino of files) transact(fs, (tr) => freeBeyondEnd(tr, ino));
    const unlinked = freeUnlinked(fs);
    const staging = freeStaging(fs);
    transact(fs, (tr) => {
      recountSuperblock(tr);
      if (tr.sb.features_log_incompat !== 0) tr.changeSuperblock().features_log_incompat = 0;
      if (files.size > 0 || unlinked.inodes > 0) distrustQuotas(tr);
    });
    const { steps, restartable } = this.steps(fs.geometry, replay.intents, start);
    const { inodes, cut } = unlinked;
    return { replay, intents, unlinked: inodes, cutLists: cut, staging, steps, restartable };
  }

  private superblock(device: Device): { uuid: string; qflags: number; logsunit: number } {
    const sector = new Uint8Array(this.geometry.sectsize);
    device.read(0, sector);
    const { uuid, qflags, logsunit } = SUPERBLOCK.over(sector);
    return { uuid, qflags, logsunit };
  }

  private open(lsn: bigint): FileSystem {
    const witness = {
      wrote: ({ type, pieces, offset }: MetaBuffer): void => {
        this.changed.set(offset, { type, pieces });
        this.freed.delete(offset);
      },
      freed: (piece: Piece): void => {
        for (const at of this.changed.keys()) {
          if (at >= piece.offset && at < piece.offset + piece.length) this.changed.delete(at);
        }
        this.freed.set(piece.offset, piece);
      },
    };
    const fs = openFileSystem(this.finished, { lsn, witness });
    if (
      fs.geometry.logstart !== this.geometry.logstart ||
      fs.geometry.logblocks !== this.geometry.logblocks
    ) {
      throw new UnsupportedFeature('log: it moves the log itself');
    }
    return fs;
  }

  /** All writes in order. */
  private steps(
    geometry: Geometry,
    intents: readonly OpenIntent[],
    start: LogPosition,
  ): Pick<Recovery, 'steps' | 'restartable'> {
    const steps: RecoveryStep[] = [this.dataStep('replayed metadata', this.replayed), ...this.valueStep()];
    if (this.cut !== undefined) return { steps: this.end(steps, this.newWriter(start)), restartable: false };
    const tail: LogPosition = { cycle: this.head.tailCycle, block: this.head.tailBlock };
    const checkpoint = this.checkpoint(geometry, intents);
    const whole = this.newWriter(start);
    const free = this.ring.distance(start.block, tail.block) || this.ring.size;
    whole.transaction(TIDS.CHECKPOINT, checkpoint, tail);
    if (whole.blocks + this.reserve() <= free) {
      steps.push(this.logStep('checkpoint', whole.pieces));
      return { steps: this.end(steps, whole), restartable: true };
    }
    // The intents again, and with that a new tail: all before it may be written over.
    const relog = this.newWriter(start);
    relog.transaction(TIDS.RELOG, encodeIntents(TIDS.RELOG, intents), start);
    const relogged = relog.blocks;
    relog.transaction(TIDS.CHECKPOINT, checkpoint, start);
    const fits = relogged + this.reserve() <= free && relog.blocks + this.reserve() <= this.ring.size;
    if (fits) {
      const [first, rest] = splitPieces(relog.pieces, relogged);
      steps.push(this.logStep('open intents again', first), this.logStep('checkpoint', rest));
      return { steps: this.end(steps, relog), restartable: true };
    }
    return { steps: this.end(steps, this.newWriter(start)), restartable: false };
  }

  /** What is written in place, and the end of the log. */
  private end(steps: RecoveryStep[], writer: LogWriter): RecoveryStep[] {
    const written = writer.pieces.length;
    writer.unmount(TIDS.UNMOUNT);
    return [
      ...steps,
      this.dataStep('recovered metadata', this.finished),
      this.logStep('end of the log', writer.pieces.slice(written)),
    ];
  }

  /** Values of attributes that have blocks of their own: these are not logged, so they come before what is. */
  private valueStep(): RecoveryStep[] {
    const pieces = [...this.changed.values()].flatMap(({ type, pieces }) =>
      type.form === 'remote' ? pieces : [],
    );
    if (pieces.length === 0) return [];
    const runs = pieces.map(({ offset, length }) => ({
      offset,
      bytes: readBytes(this.finished, offset, length),
    }));
    return [{ what: 'values of attributes', target: 'data', runs: () => runs }];
  }

  private checkpoint(geometry: Geometry, intents: readonly OpenIntent[]): LogOperation[] {
    return encodeCheckpoint(geometry, this.replayed, this.finished, {
      tid: TIDS.CHECKPOINT,
      changed: this.changed.values(),
      freed: this.freed.values(),
      done: intents,
    });
  }

  private newWriter(head: LogPosition): LogWriter {
    const { uuid, logsunit } = this.superblock(this.finished);
    return new LogWriter({ size: this.ring.size, uuid, stripeUnit: logsunit }, head, -1);
  }

  /** Basic blocks that must stay free: those of the last record, and a gap that tells the head from the tail. */
  private reserve(): number {
    return Math.max(2, this.superblock(this.finished).logsunit / BASIC_BLOCK) + 1;
  }

  private dataStep(what: string, overlay: OverlayDevice): RecoveryStep {
    return { what, target: 'data', runs: () => wholeBlocks(overlay, this.geometry.blocksize) };
  }

  private logStep(what: string, pieces: readonly LogBytes[]): RecoveryStep {
    const stale = what === 'end of the log' ? [] : clearStale(this.ring, this.head, pieces);
    const runs = [...pieces, ...stale].map(({ block, bytes }) => ({
      offset: this.log.start + block * BASIC_BLOCK,
      bytes,
    }));
    return { what, target: this.log.external ? 'log' : 'data', runs: () => runs };
  }
}

/** Any kind of quota is accounted for. */
const QUOTA_ON = QUOTA_TYPES.reduce((bits, type) => bits | QFLAG[type].acct, 0);
const QUOTA_COUNTED = QUOTA_TYPES.reduce((bits, type) => bits | QFLAG[type].chkd, 0);

/** Blocks or inodes of some owner were given or taken: the next mount with quotas has to count them. */
function distrustQuotas(tr: Transaction): void {
  if ((tr.sb.qflags & QUOTA_COUNTED) !== 0) tr.changeSuperblock().qflags &= ~QUOTA_COUNTED;
}

/**
 * What an overlay changed, in whole blocks: a kill between two writes leaves no block of which one part is new, as no
 * other tool can tell. Blocks that touch are one write.
 */
function* wholeBlocks(
  overlay: OverlayDevice,
  blocksize: number,
): Generator<{ offset: number; bytes: Uint8Array }> {
  const unit = Math.max(blocksize, SMALLEST_WRITE);
  let start = 0;
  let end = 0;
  const run = (): { offset: number; bytes: Uint8Array } => ({
    offset: start,
    bytes: readBytes(overlay, start, Math.min(end, overlay.size) - start),
  });
  for (const { offset } of overlay.runs()) {
    const block = offset - (offset % unit);
    if (block < end) continue;
    if (block > end || end - start >= LARGEST_WRITE) {
      if (end > start) yield run();
      start = block;
    }
    end = block + unit;
  }
  if (end > start) yield run();
}

const LARGEST_WRITE = 2 ** 18;
/** Bytes; runs of an overlay lie within pages of this size. */
const SMALLEST_WRITE = 4096;

/** The pieces that hold the first `blocks` basic blocks, and the others. Records are never cut. */
function splitPieces(pieces: readonly LogBytes[], blocks: number): [LogBytes[], LogBytes[]] {
  let left = blocks;
  const cut = pieces.findIndex(({ bytes }) => {
    if (left === 0) return true;
    left -= bytes.length / BASIC_BLOCK;
    return false;
  });
  return cut < 0 ? [[...pieces], []] : [pieces.slice(0, cut), pieces.slice(cut)];
}

/** Carries the steps out, each flushed before the next. */
export function applyRecovery(recovery: Recovery, device: Device, logDevice: Device): void {
  for (const step of recovery.steps) {
    const target = step.target === 'log' ? logDevice : device;
    for (const { offset, bytes } of step.runs()) target.write(offset, bytes);
    target.flush();
  }
}
