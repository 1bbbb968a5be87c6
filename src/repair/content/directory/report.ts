/**
 * Findings of one directory at a time. A rule that many entries of a directory break is told of the first few, and
 * of the rest by number.
 */
import type { FindingCode, Where } from '../../../format/findings.ts';
import type { Geometry } from '../../../format/geometry.ts';
import type { Context } from '../../observe/context.ts';
import type { Numbers } from '../../sink.ts';

/** Findings of one kind that a directory is given. */
const FEW = 6;
const NAME_SHOWN = 24;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;

/** A block of a directory: file offset in blocks, and where it is. */
export interface DirBlockPlace {
  readonly fileoff: number;
  readonly fsbno: number;
}

export class DirReport {
  ino = 0;
  /** Nothing is added while this is set: the block at hand was told to be damaged. */
  quiet = false;
  /** Findings that were asked for while `quiet`. */
  swallowed = 0;
  private readonly context: Context;
  private readonly geometry: Geometry;
  private readonly counts = new Map<FindingCode, number>();

  constructor(context: Context) {
    this.context = context;
    this.geometry = context.geometry;
  }

  open(ino: number): void {
    this.ino = ino;
    this.quiet = false;
    this.swallowed = 0;
    if (this.counts.size > 0) this.counts.clear();
  }

  /** About the directory as a whole, or what it holds inside its inode. */
  inode(code: FindingCode, field: string, text: string, facts: Facts = {}): void {
    if (!this.wants(code)) return;
    const where = { ...this.ownPlace(), structure: 'inode', field, ...targetOf(facts) };
    this.context.sink.add(code, where, `directory ${this.ino}: ${text}`, plain(facts));
  }

  /** About one of its blocks; `field` as xfs_db names it. */
  block(code: FindingCode, place: DirBlockPlace, field: string, text: string, facts: Facts = {}): void {
    if (!this.wants(code)) return;
    const where = { ...this.where(place), field, ...targetOf(facts) };
    this.context.sink.add(code, where, `${this.name(place)}: ${text}`, plain(facts));
  }

  checkLsn(view: DataView, at: number, place: DirBlockPlace): void {
    if (!this.context.isLsnAhead(view, at)) return;
    this.context.checkLsn(view, at, this.name(place), this.where(place));
  }

  /** Tells how many findings were left out. */
  close(): void {
    for (const [code, count] of this.counts) {
      if (count <= FEW) continue;
      const text = `directory ${this.ino}: ${count - FEW} more of this kind`;
      this.context.sink.add(code, { ...this.ownPlace(), structure: 'dir3' }, text, { found: count });
    }
  }

  /** Name of a block in messages. */
  name(place: DirBlockPlace): string {
    return `directory ${this.ino} block ${place.fileoff}`;
  }

  private where({ fileoff, fsbno }: DirBlockPlace): Where {
    const { geometry, ino } = this;
    const agno = geometry.fsbnoAgno(fsbno);
    return { agno, ino, agbno: geometry.fsbnoAgbno(fsbno), fileoff, structure: 'dir3' };
  }

  private ownPlace(): Where {
    return { agno: this.geometry.inoAgno(this.ino), ino: this.ino };
  }

  private wants(code: FindingCode): boolean {
    if (this.quiet) {
      this.swallowed++;
      return false;
    }
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    return count <= FEW;
  }
}

/** Numbers of a finding, and the inode that an entry leads to. */
interface Facts extends Numbers {
  readonly target?: number;
}

function targetOf({ target }: Facts): Pick<Where, 'target'> {
  return target === undefined ? {} : { target };
}

/** The numbers alone, of whatever carries them. */
function plain({ found, expected }: Numbers): Numbers {
  if (found === undefined) return {};
  return expected === undefined ? { found } : { found, expected };
}

/** A name as text: short, and with every byte that is not plain ASCII as an escape. */
export function nameText(bytes: Uint8Array, from: number, length: number): string {
  let text = '"';
  for (let i = from; i < from + Math.min(length, NAME_SHOWN); i++) {
    const byte = bytes[i]!;
    const plain = byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH && byte !== QUOTE;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return length > NAME_SHOWN ? `${text}..."` : `${text}"`;
}
