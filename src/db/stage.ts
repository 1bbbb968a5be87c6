/**
 * Staged writes of a db session: a device over the image that keeps what was written until it is committed. Readers
 * see staged bytes at once. Outside of `begin` the session commits after every command, as xfs_db writes at once.
 *
 * A commit writes only sectors that differ, in disk order, but that of the primary superblock last: whoever opens
 * the image after a kill halfway sees the old identity until everything else is there. With an undo journal, the
 * old bytes are on disk before the first write; without one a kill halfway leaves some of the sectors new.
 *
 * Two layers: what the running command wrote lies over what commands before it staged, so that a command that fails
 * halfway leaves nothing behind.
 *
 * Invariants: the device below changes in `commit` alone; `generation` grows with every change that readers see
 * (a commit is none).
 */
import type { Device } from '../device/device.ts';
import { OverlayDevice } from '../device/overlay.ts';
import { type Run, type UndoSummary, writeUndo } from '../device/undo.ts';

/** The primary superblock starts the device; its first sector tells what the filesystem is. */
const PRIMARY_BYTES = 512;

export interface StageOptions {
  /** The first commit writes this journal, later ones PATH.2, PATH.3 and so on. */
  readonly undoPath?: string;
  /** Runs writes that signals must not cut short. */
  readonly protect?: (work: () => void) => void;
}

export class Stage implements Device {
  readonly name: string;
  readonly size: number;
  readonly writable = true;
  readonly below: Device;
  /** Grows with every write and rollback: what was read before may be old. */
  generation = 0;
  /** Between `begin` and `commit` or `rollback`. */
  isOpen = false;
  private staged: OverlayDevice;
  private current: OverlayDevice;
  private readonly options: StageOptions;
  private commits = 0;
  private unflushed = false;

  constructor(below: Device, options: StageOptions = {}) {
    this.below = below;
    this.name = below.name;
    this.size = below.size;
    this.staged = new OverlayDevice(below);
    this.current = new OverlayDevice(this.staged);
    this.options = options;
  }

  get busy(): string | undefined {
    return this.below.busy;
  }

  read(offset: number, into: Uint8Array): void {
    this.current.read(offset, into);
  }
  write(offset: number, from: Uint8Array): void {
    this.current.write(offset, from);
    this.generation++;
  }
  /** Writes to the device below at once, past the stage; no journal knows of it. */
  writeThrough(offset: number, from: Uint8Array): void {
    this.below.write(offset, from);
    this.unflushed = true;
    this.generation++;
  }
  /** Whether commits write an undo journal. */
  get hasJournal(): boolean {
    return this.options.undoPath !== undefined;
  }
  /** Durability is the business of commits. */
  flush(): void {}
  close(): void {
    this.below.close();
  }

  /** A command is done: what it wrote is staged and, outside of `begin`, committed. Throws DeviceError. */
  endCommand(): void {
    this.keep();
    if (!this.isOpen && this.staged.pageCount > 0) this.commit();
  }

  /** A command failed: what it wrote is forgotten. */
  abandonCommand(): void {
    const isClean = this.current.pageCount === 0 && (this.isOpen || this.staged.pageCount === 0);
    if (isClean) return;
    if (!this.isOpen) this.staged = new OverlayDevice(this.below);
    this.current = new OverlayDevice(this.staged);
    this.generation++;
  }

  private keep(): void {
    if (this.current.pageCount === 0) return;
    for (const { offset, bytes } of this.current.runs()) this.staged.write(offset, bytes);
    this.current = new OverlayDevice(this.staged);
  }

  /** Runs of sectors that differ from the device below, in disk order. */
  changes(): Generator<Run> {
    this.keep();
    return this.staged.runs();
  }

  /** Bytes as they are below, without what is staged. */
  readBelow(offset: number, length: number): Uint8Array {
    const into = new Uint8Array(length);
    this.below.read(offset, into);
    return into;
  }

  /** Puts the staged sectors on the device. Throws DeviceError; what is staged then stays staged. */
  commit(): { readonly summary: UndoSummary; readonly journal?: string } {
    const runs = [...this.changes()];
    const bytes = runs.reduce((sum, run) => sum + run.bytes.length, 0);
    const summary = { runs: runs.length, bytes };
    if (runs.length === 0) {
      this.drop();
      return { summary };
    }
    const journal = this.journalPath();
    const { protect = (work) => work() } = this.options;
    protect(() => {
      if (journal !== undefined) writeUndo(journal, this.below, runs);
      this.unflushed = true;
      for (const { offset, bytes: after } of inSafeOrder(runs)) this.below.write(offset, after);
      if (journal !== undefined || this.isOpen) this.settle();
    });
    this.commits++;
    this.drop();
    return journal === undefined ? { summary } : { summary, journal };
  }

  rollback(): void {
    if (this.current.pageCount > 0 || this.staged.pageCount > 0) this.generation++;
    this.drop();
  }

  /** Makes what was committed durable. */
  settle(): void {
    if (!this.unflushed) return;
    this.below.flush();
    this.unflushed = false;
  }

  private journalPath(): string | undefined {
    const { undoPath } = this.options;
    if (undoPath === undefined) return undefined;
    return this.commits === 0 ? undoPath : `${undoPath}.${this.commits + 1}`;
  }

  private drop(): void {
    this.staged = new OverlayDevice(this.below);
    this.current = new OverlayDevice(this.staged);
    this.isOpen = false;
  }
}

function* inSafeOrder(runs: readonly Run[]): Generator<Run> {
  const [first] = runs;
  const isPrimary = first?.offset === 0;
  if (isPrimary && first.bytes.length > PRIMARY_BYTES) {
    yield { offset: PRIMARY_BYTES, bytes: first.bytes.subarray(PRIMARY_BYTES) };
  }
  yield* isPrimary ? runs.slice(1) : runs;
  if (isPrimary) yield { offset: 0, bytes: first.bytes.subarray(0, PRIMARY_BYTES) };
}
