/**
 * AG headers: AGF, AGI and AGFL of every AG, each verified field by field.
 *
 * A header that fails is still used as far as it goes (a root pointer in range is followed: the btree blocks
 * prove themselves), but it is marked unsound. Counters against the trees are compare's business.
 */
import { AGF, AGF_CRC_OFFSET, AGF_MAGIC } from '../../format/agf.ts';
import { AGFL_CRC_OFFSET, AGFL_HEADER, AGFL_MAGIC, agflSlots } from '../../format/agfl.ts';
import { AGI, AGI_CRC_OFFSET, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from '../../format/agi.ts';
import { computeCrc, storedCrc } from '../../format/checksum.ts';
import type { FindingCode } from '../../format/findings.ts';
import { NULL_AGINO } from '../../format/geometry.ts';
import type { Context } from './context.ts';

/** No AG btree is taller: 2^30 blocks of two records would be. */
export const MOST_LEVELS = 31;

export interface Header {
  /** The sector as read; undefined when unreadable. */
  readonly sector: Uint8Array | undefined;
  readonly sound: boolean;
}

interface HeaderRow {
  readonly name: 'AGF' | 'AGI' | 'AGFL';
  readonly sectorIndex: number;
  readonly magic: number;
  readonly crcOffset: number;
  readonly uuidOffset: number;
  readonly seqnoOffset: number;
}

const AGF_ROW: HeaderRow = {
  name: 'AGF',
  sectorIndex: 1,
  magic: AGF_MAGIC,
  crcOffset: AGF_CRC_OFFSET,
  uuidOffset: AGF.offset.uuid,
  seqnoOffset: AGF.offset.seqno,
};
const AGI_ROW: HeaderRow = {
  name: 'AGI',
  sectorIndex: 2,
  magic: AGI_MAGIC,
  crcOffset: AGI_CRC_OFFSET,
  uuidOffset: AGI.offset.uuid,
  seqnoOffset: AGI.offset.seqno,
};
const AGFL_ROW: HeaderRow = {
  name: 'AGFL',
  sectorIndex: 3,
  magic: AGFL_MAGIC,
  crcOffset: AGFL_CRC_OFFSET,
  uuidOffset: AGFL_HEADER.offset.uuid,
  seqnoOffset: AGFL_HEADER.offset.seqno,
};

/** Reports what is wrong with one header and remembers that something was. */
class HeaderCheck {
  sound = true;
  private readonly context: Context;
  private readonly agno: number;
  private readonly row: HeaderRow;

  constructor(context: Context, agno: number, row: HeaderRow) {
    this.context = context;
    this.agno = agno;
    this.row = row;
  }

  need(good: boolean, field: string, found: string | number, expected: string | number): void {
    if (good) return;
    const code: FindingCode = field === 'crc' ? `${this.row.name}_CRC` : `${this.row.name}_FIELD`;
    this.sound = false;
    this.context.sink.add(
      code,
      { agno: this.agno, structure: this.row.name.toLowerCase(), field },
      `AG ${this.agno} ${this.row.name}: ${field} ${found}, expected ${expected}`,
      { found, expected },
    );
  }

  range(field: string, found: number, least: number, most: number): void {
    this.need(found >= least && found <= most, field, found, least === most ? least : `${least} to ${most}`);
  }

  /** Reads the sector and checks what all three headers have in common. */
  open(): Uint8Array | undefined {
    const { context, agno, row } = this;
    const sector = new Uint8Array(context.geometry.sectsize);
    const at = context.geometry.headerByte(agno, row.sectorIndex);
    if (!context.read(at, sector, `AG ${agno} ${row.name}`, agno)) {
      this.sound = false;
      return undefined;
    }
    const view = new DataView(sector.buffer);
    const magic = view.getUint32(0);
    this.need(magic === row.magic, 'magicnum', `0x${magic.toString(16)}`, `0x${row.magic.toString(16)}`);
    const stored = storedCrc(sector, row.crcOffset);
    const crc = computeCrc(sector, row.crcOffset);
    this.need(stored === crc, 'crc', `0x${stored.toString(16)}`, `0x${crc.toString(16)}`);
    const seqno = view.getUint32(row.seqnoOffset);
    this.need(seqno === agno, 'seqno', seqno, agno);
    this.need(context.isOurUuid(view, row.uuidOffset), 'uuid', 'another', context.geometry.metaUuid);
    return sector;
  }
}

export function readAgf(context: Context, agno: number): Header {
  const check = new HeaderCheck(context, agno, AGF_ROW);
  const sector = check.open();
  if (!sector) return { sector, sound: false };
  const { geometry } = context;
  const agf = AGF.over(sector);
  const length = geometry.agLength(agno);
  const slots = agflSlots(geometry.sectsize);
  check.need(agf.versionnum === 1, 'versionnum', agf.versionnum, 1);
  check.need(agf.length === length, 'length', agf.length, length);
  check.range('flfirst', agf.flfirst, 0, slots - 1);
  check.range('fllast', agf.fllast, 0, slots - 1);
  check.range('flcount', agf.flcount, 0, slots);
  if (check.sound) {
    const last = (agf.flfirst + agf.flcount + slots - 1) % slots;
    check.need(agf.fllast === last, 'fllast', agf.fllast, last);
  }
  check.range('bnolevel', agf.bnolevel, 1, MOST_LEVELS);
  check.range('cntlevel', agf.cntlevel, 1, MOST_LEVELS);
  if (geometry.features.rmapbt) {
    check.range('rmaplevel', agf.rmaplevel, 1, MOST_LEVELS);
    check.range('rmapblocks', agf.rmapblocks, 1, length);
  }
  if (geometry.features.reflink) {
    check.range('refcntlevel', agf.refcntlevel, 1, MOST_LEVELS);
    check.range('refcntblocks', agf.refcntblocks, 1, length);
  }
  check.range('freeblks', agf.freeblks, 0, length);
  check.range('longest', agf.longest, 0, Math.min(agf.freeblks, length));
  check.range('btreeblks', agf.btreeblks, 0, length);
  return { sector, sound: check.sound };
}

export function readAgi(context: Context, agno: number): Header {
  const check = new HeaderCheck(context, agno, AGI_ROW);
  const sector = check.open();
  if (!sector) return { sector, sound: false };
  const { geometry } = context;
  const agi = AGI.over(sector);
  const length = geometry.agLength(agno);
  check.need(agi.versionnum === 1, 'versionnum', agi.versionnum, 1);
  check.need(agi.length === length, 'length', agi.length, length);
  check.range('level', agi.level, 1, MOST_LEVELS);
  if (geometry.features.finobt) check.range('free_level', agi.free_level, 1, MOST_LEVELS);
  check.range('count', agi.count, 0, length * geometry.inopblock);
  check.range('freecount', agi.freecount, 0, Math.min(agi.count, length * geometry.inopblock));
  const view = new DataView(sector.buffer);
  for (let bucket = 0; bucket < AGI_UNLINKED_BUCKETS; bucket++) {
    const agino = view.getUint32(AGI.offset.unlinked + 4 * bucket);
    if (agino === NULL_AGINO) continue;
    check.need(context.isAgino(agno, agino), `unlinked[${bucket}]`, agino, 'an inode of the AG or null');
  }
  return { sector, sound: check.sound };
}

export interface FreeList extends Header {
  /** agbnos in the live slots: those in range, each once. */
  readonly blocks: readonly number[];
}

/** The AGFL and, through the AGF's window, its live entries. An AGF out of range makes the list empty. */
export function readAgfl(context: Context, agno: number, agf: Header): FreeList {
  const check = new HeaderCheck(context, agno, AGFL_ROW);
  const sector = check.open();
  const blocks: number[] = [];
  if (!sector || !agf.sector) return { sector, sound: false, blocks };
  const { geometry, sink } = context;
  const slots = agflSlots(geometry.sectsize);
  const { flfirst, flcount } = AGF.over(agf.sector);
  if (flfirst >= slots || flcount > slots) return { sector, sound: false, blocks };
  const view = new DataView(sector.buffer);
  const seen = new Set<number>();
  for (let i = 0; i < flcount; i++) {
    const slot = (flfirst + i) % slots;
    const agbno = view.getUint32(AGFL_HEADER.size + 4 * slot);
    const inside = agbno >= geometry.headerBlocks && agbno < geometry.agLength(agno);
    if (inside && !seen.has(agbno)) {
      seen.add(agbno);
      blocks.push(agbno);
      continue;
    }
    check.sound = false;
    const problem = inside ? 'is listed twice' : `is outside the AG, ${geometry.agLength(agno)} blocks`;
    const where = { agno, agbno, structure: 'agfl', field: `bno[${slot}]` };
    sink.add('AGFL_ENTRY', where, `AG ${agno} AGFL: slot ${slot}: block ${agbno} ${problem}`, {
      found: agbno,
    });
  }
  return { sector, sound: check.sound, blocks };
}
