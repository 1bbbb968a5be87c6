/**
 * Directory blocks as they are read: mapped as a whole, and the block that its place demands. One finding tells all
 * that is wrong with a header.
 */
import type { Geometry } from '../../../format/geometry.ts';
import type { Problem } from '../../../format/problem.ts';
import { verifyDirIdentity } from '../../../format/verify.ts';
import type { Contents } from '../contents.ts';
import type { DirReport } from './report.ts';

/** Fields that say that a block belongs elsewhere: then what it holds is not this directory's. */
const FOREIGN = new Set(['bno', 'owner']);
/** Problems told in one message. */
const SHOWN = 3;

export interface DirBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** False: damage was told, and what else is wrong in the block need not be. */
  readonly crcIsGood: boolean;
}

export class BlockHeaders {
  private readonly contents: Contents;
  private readonly geometry: Geometry;
  private readonly report: DirReport;
  private readonly fsblocks: number;

  constructor(contents: Contents, report: DirReport) {
    this.contents = contents;
    this.geometry = contents.context.geometry;
    this.report = report;
    this.fsblocks = 2 ** this.geometry.dirblklog;
  }

  /**
   * The directory block at `fileoff`, with one of `magics`; undefined when it cannot be used, which was told then.
   * `kind` names it in messages.
   */
  read(fileoff: number, magics: readonly number[], kind: string): DirBlock | undefined {
    const { blocks } = this.contents;
    const { report } = this;
    const bytes = blocks.read(fileoff, this.fsblocks, `directory ${report.ino} block ${fileoff}`);
    if (!bytes) {
      this.tellPieces(fileoff);
      return undefined;
    }
    const { view } = blocks;
    const place = { fileoff, fsbno: blocks.fsbno };
    const problems = verifyDirIdentity(
      bytes,
      view,
      this.geometry,
      { daddr: blocks.daddr, owner: report.ino },
      magics,
    );
    if (problems.length === 0) return { bytes, view, crcIsGood: true };
    const others = problems.filter((p) => p.field !== 'crc');
    if (others.length === 0) {
      const [p] = problems as [Problem];
      report.block('DIR_CRC', place, 'crc', `${kind} block: ${p.message}`, p);
      return { bytes, view, crcIsGood: false };
    }
    const text = others.slice(0, SHOWN).map((p) => p.message);
    report.block('DIR_BLOCK', place, others[0]!.field, `${kind} block: ${text.join('; ')}`, others[0]);
    const usable = others.length === 1 && !FOREIGN.has(others[0]!.field);
    return usable ? { bytes, view, crcIsGood: others.length === problems.length } : undefined;
  }

  /** A block that could be read in no piece was told by who read it. */
  private tellPieces(fileoff: number): void {
    const { blocks } = this.contents;
    let mapped = 0;
    for (let i = 0; i < this.fsblocks; i++) if (blocks.isMapped(fileoff + i)) mapped++;
    if (mapped === this.fsblocks) return;
    const text = `${mapped} of ${this.fsblocks} blocks at ${fileoff} are mapped`;
    this.report.inode('DIR_MAP', 'u3.bmx', text, { found: mapped, expected: this.fsblocks });
  }
}
