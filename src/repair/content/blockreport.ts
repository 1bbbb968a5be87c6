/**
 * Findings about one block of a fork: where it is, and not more of them than help. A block with a bad checksum, or
 * with many bad entries, is one piece of damage; past a handful its findings are only counted.
 */
import type { FindingCode } from '../../format/findings.ts';
import type { Problem } from '../../format/problem.ts';
import type { Context } from '../observe/context.ts';
import type { Numbers } from '../sink.ts';

const MOST_PER_BLOCK = 4;
/** With a bad checksum: that alone explains whatever else is wrong. */
const MOST_BESIDE_CRC = 1;

/** Fields that say which block this is. */
const IDENTITY: ReadonlySet<string> = new Set(['uuid', 'bno', 'owner']);
/** The one of them that alone shows that the block was written for another place. */
const ADDRESS = 'bno';

/** Codes of a kind of block. */
export interface BlockCodes {
  readonly structure: string;
  readonly block: FindingCode;
  readonly crc: FindingCode;
  readonly header: FindingCode;
}

export class BlockReport {
  /** Findings so far, in all blocks. */
  count = 0;
  private readonly context: Context;
  private readonly codes: BlockCodes;
  private ino = 0;
  private fileoff = 0;
  private fsbno = -1;
  private room = MOST_PER_BLOCK;
  private held = 0;
  private lastCode: FindingCode | undefined;
  /** The checksum of the block is wrong. */
  private torn = false;

  constructor(context: Context, codes: BlockCodes) {
    this.context = context;
    this.codes = codes;
  }

  /** What follows is about the block at `fileoff`; `fsbno` -1: it is not mapped. */
  begin(ino: number, fileoff: number, fsbno: number): void {
    if (ino === this.ino && fileoff === this.fileoff && fsbno === this.fsbno) return;
    this.end();
    this.ino = ino;
    this.fileoff = fileoff;
    this.fsbno = fsbno;
    this.room = MOST_PER_BLOCK;
  }

  /** Says what was not listed of the block. */
  end(): void {
    const { held, lastCode, torn } = this;
    this.held = 0;
    this.torn = false;
    if (held > 0 && lastCode && !torn)
      this.put(lastCode, undefined, `${held} more contradictions`, { found: held });
  }

  add(code: FindingCode, field: string | undefined, text: string, numbers: Numbers = {}): void {
    this.count++;
    this.lastCode = code;
    if (this.room > 0) {
      this.room--;
      this.put(code, field, text, numbers);
    } else this.held++;
  }

  /**
   * Reports what a verifier found, but for fields that `skip` begins. False: the block is not the one it should be,
   * so nothing else in it means anything.
   */
  accept(problems: readonly Problem[], skip: string): boolean {
    if (problems.length === 0) return true;
    const identity = problems.filter((p) => IDENTITY.has(p.field));
    const stops = problems.find((p) => p.stops);
    if (stops || identity.length > 1 || identity[0]?.field === ADDRESS) {
      const p = stops ?? identity[0]!;
      const text = (stops ? [stops] : identity).map(({ message }) => message).join('; ');
      this.add(this.codes.block, p.field, text, { found: p.found, expected: p.expected });
      return false;
    }
    for (const p of problems) {
      if (p.field !== 'crc') continue;
      this.add(this.codes.crc, 'crc', p.message, { found: p.found, expected: p.expected });
      this.room = MOST_BESIDE_CRC;
      this.torn = true;
    }
    for (const p of problems) {
      if (p.field === 'crc' || p.field.startsWith(skip)) continue;
      this.add(this.codes.header, p.field, p.message, { found: p.found, expected: p.expected });
    }
    return true;
  }

  checkLsn(view: DataView, at: number): void {
    if (!this.context.isLsnAhead(view, at)) return;
    this.count++;
    this.context.checkLsn(view, at, this.place(), this.where());
  }

  private put(code: FindingCode, field: string | undefined, text: string, numbers: Numbers): void {
    const where = field === undefined ? this.where() : { ...this.where(), field };
    this.context.sink.add(code, where, `${this.place()}: ${text}`, numbers);
  }

  private where() {
    const { ino, fileoff, fsbno } = this;
    const { geometry } = this.context;
    const { structure } = this.codes;
    if (fsbno < 0) return { agno: geometry.inoAgno(ino), ino, fileoff, structure };
    return { agno: geometry.fsbnoAgno(fsbno), agbno: geometry.fsbnoAgbno(fsbno), ino, fileoff, structure };
  }

  private place(): string {
    const { ino, fileoff, fsbno } = this;
    const { geometry } = this.context;
    const place = `inode ${ino} ${this.codes.structure} block ${fileoff}`;
    if (fsbno < 0) return place;
    return `${place} (AG ${geometry.fsbnoAgno(fsbno)} block ${geometry.fsbnoAgbno(fsbno)})`;
  }
}
