/** An AG on its way into a dump: its four headers, its space btrees, then its inodes with all they hold. */
import { AGF } from '../../format/agf.ts';
import { AGFL_CRC_OFFSET } from '../../format/agfl.ts';
import { AGI } from '../../format/agi.ts';
import { INOBT_SPARSE_RECORD, SHORT_HEADER } from '../../format/btree.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../format/superblock.ts';
import { dumpAgBtree } from './btree.ts';
import type { DumpContext } from './context.ts';
import type { InodeDump } from './inode.ts';
import { Scrub } from './scrub.ts';
import { clearAgfl } from './stale.ts';

const LETTER_L = 0x4c;
const LABEL_BYTES = 12;

/**
 * Dumps AG `agno` of a filesystem that is said to have `expected` inodes. Throws DeviceError when reading failed and
 * that is to stop the dump.
 */
export function dumpAg(context: DumpContext, inodes: InodeDump, agno: number, expected: number): void {
  const { geometry, options } = context;
  const header = (sector: number, name: string) => {
    const offset = geometry.headerByte(agno, sector);
    const bytes = context.read(offset, geometry.sectsize, () => `${name} for ag ${agno}`);
    return bytes && { offset, bytes };
  };
  const superblock = header(0, 'superblock');
  if (superblock) {
    const block = new Scrub(superblock.bytes, SB_CRC_OFFSET);
    if (options.obfuscate) hideLabel(block);
    context.emit(superblock.offset, block);
  }
  const agf = header(1, 'agf block');
  if (agf) context.emitBytes(agf.offset, agf.bytes);
  const agi = header(2, 'agi block');
  if (agi) context.emitBytes(agi.offset, agi.bytes);
  const agfl = header(3, 'agfl block');
  if (agfl) {
    const block = new Scrub(agfl.bytes, AGFL_CRC_OFFSET);
    if (agf && options.clear) {
      const { flfirst, fllast } = AGF.over(agf.bytes);
      clearAgfl(block, geometry, flfirst, fllast);
    }
    context.emit(agfl.offset, block);
  }
  if (agf) dumpSpace(context, agno, agf.bytes);
  if (agi) dumpInodes(context, inodes, agno, agi.bytes, expected);
}

function hideLabel(block: Scrub): void {
  const start = SUPERBLOCK.offset.fname;
  const label = block.bytes.subarray(start, start + LABEL_BYTES);
  const nul = label.indexOf(0);
  block.touch();
  label.fill(LETTER_L, 0, nul < 0 ? LABEL_BYTES : nul);
}

function dumpSpace(context: DumpContext, agno: number, sector: Uint8Array): void {
  const { features } = context.geometry;
  context.listener.progress(`Copying free space trees of AG ${agno}`);
  const agf = AGF.over(sector);
  dumpAgBtree(context, { name: 'bnobt', agno, root: agf.bnoroot, levels: agf.bnolevel });
  dumpAgBtree(context, { name: 'cntbt', agno, root: agf.cntroot, levels: agf.cntlevel });
  if (features.rmapbt) {
    dumpAgBtree(context, { name: 'rmapbt', agno, root: agf.rmaproot, levels: agf.rmaplevel });
  }
  if (features.reflink) {
    dumpAgBtree(context, { name: 'refcntbt', agno, root: agf.refcntroot, levels: agf.refcntlevel });
  }
}

function dumpInodes(
  context: DumpContext,
  inodes: InodeDump,
  agno: number,
  sector: Uint8Array,
  expected: number,
): void {
  const agi = AGI.over(sector);
  const { agcount, features } = context.geometry;
  dumpAgBtree(context, { name: 'inobt', agno, root: agi.root, levels: agi.level }, (view, count) => {
    for (let i = 0; i < count; i++) {
      const at = SHORT_HEADER.size + i * INOBT_SPARSE_RECORD.size;
      inodes.dumpChunk(agno, {
        startino: view.getUint32(at),
        holemask: view.getUint16(at + 4),
        freeHigh: view.getUint32(at + 8),
        freeLow: view.getUint32(at + 12),
      });
      const copied = `${context.inodesCopied} of ${expected} inodes`;
      context.listener.progress(`Copied ${copied} (${agno} of ${agcount} AGs)`);
    }
  });
  if (features.finobt) {
    dumpAgBtree(context, { name: 'finobt', agno, root: agi.free_root, levels: agi.free_level });
  }
}
