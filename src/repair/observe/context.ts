/**
 * What all observers share: the device behind bounds, the verified geometry, and where findings go.
 *
 * Reads never throw for what the image says: an address past the end of the device, or one that the device
 * cannot read, gives `false` and a finding, and the caller goes on without those bytes.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import type { Where } from '../../format/findings.ts';
import type { Geometry } from '../../format/geometry.ts';
import type { FindingSink } from '../sink.ts';

export class Context {
  readonly device: Device;
  readonly geometry: Geometry;
  readonly sink: FindingSink;
  /** AGs that begin inside the device; fewer than agcount when the device is too short. */
  readonly agcount: number;
  /** Set when something that may own blocks could not be read (`filesComplete` of the observation). */
  filesLost = false;
  /** Head of the log, where it is known: nothing on disk can have been logged later. */
  logHead: { readonly cycle: number; readonly block: number } | undefined;
  /** Inode numbers from one AG to the next; kept, for it is asked for with every rmap record. */
  private readonly aginoRange: number;

  /** Highest cycle of LSNs that lie ahead of the log; 0: there are none. */
  cycleAhead = 0;

  constructor(device: Device, geometry: Geometry, sink: FindingSink) {
    this.device = device;
    this.geometry = geometry;
    this.sink = sink;
    this.aginoRange = 2 ** geometry.aginolog;
    const agBytes = geometry.agblocks * geometry.blocksize;
    this.agcount = Math.min(geometry.agcount, Math.ceil(device.size / agBytes));
  }

  /** Fills `into` from `offset` (bytes); false, with a finding naming `what`, when that cannot be read. */
  read(offset: number, into: Uint8Array, what: string, agno: number): boolean {
    if (!(offset >= 0) || offset + into.length > this.device.size) {
      this.sink.add(
        'READ_FAILED',
        { agno },
        `${what}: byte ${offset} + ${into.length} is past the end of the device, ${this.device.size} bytes`,
        { found: offset + into.length, expected: this.device.size },
      );
      return false;
    }
    try {
      this.device.read(offset, into);
      return true;
    } catch (error) {
      return this.failed(error, what, agno);
    }
  }

  private failed(error: unknown, what: string, agno: number): false {
    if (!(error instanceof DeviceError)) throw error;
    this.sink.add('READ_FAILED', { agno }, `${what}: ${error.message}`);
    return false;
  }

  /** As `read`, but says nothing: for reading ahead of what is wanted. */
  tryRead(offset: number, into: Uint8Array): boolean {
    if (!(offset >= 0) || offset + into.length > this.device.size) return false;
    try {
      this.device.read(offset, into);
      return true;
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      return false;
    }
  }

  /** Whether the LSN at `at` lies behind the log's head; 0 and all ones are no LSN. */
  isLsnAhead(view: DataView, at: number): boolean {
    if (!this.logHead) return false;
    const cycle = view.getUint32(at);
    const block = view.getUint32(at + 4);
    if (cycle < this.logHead.cycle || (cycle === 0xffffffff && block === 0xffffffff)) return false;
    const isAhead = cycle > this.logHead.cycle || block > this.logHead.block;
    if (isAhead && cycle > this.cycleAhead) this.cycleAhead = cycle;
    return isAhead;
  }

  /** Reports an LSN that only a log that is gone can have given; `what` names the object, `where` its place. */
  checkLsn(view: DataView, at: number, what: string, where: Where): void {
    if (!this.isLsnAhead(view, at)) return;
    const found = `${view.getUint32(at)}:${view.getUint32(at + 4)}`;
    const expected = `${this.logHead!.cycle}:${this.logHead!.block}`;
    const text = `${what}: LSN ${found} is ahead of the log, ${expected}`;
    this.sink.add('LSN_AHEAD', { ...where, field: 'lsn' }, text, { found, expected });
  }

  readBlock(agno: number, agbno: number, into: Uint8Array, what: string): boolean {
    const byte = this.geometry.agbnoByte(agno, agbno);
    // Blocks are many, and their names wanted by messages alone.
    const name = (): string => `AG ${agno} ${what} block ${agbno}`;
    if (byte + into.length > this.device.size) return this.read(byte, into, name(), agno);
    try {
      this.device.read(byte, into);
      return true;
    } catch (error) {
      return this.failed(error, name(), agno);
    }
  }

  /** Whether `ino` can be an inode of this filesystem (says nothing about whether it is allocated). */
  isIno(ino: number): boolean {
    if (!(ino >= 0)) return false;
    const agno = Math.floor(ino / this.aginoRange);
    return this.isAgino(agno, ino - agno * this.aginoRange);
  }

  isAgino(agno: number, agino: number): boolean {
    const { geometry } = this;
    const agbno = geometry.aginoAgbno(agino);
    return (
      agno < geometry.agcount &&
      agino >= 0 &&
      agbno >= geometry.headerBlocks &&
      agbno < geometry.agLength(agno)
    );
  }
}
