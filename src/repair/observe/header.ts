/**
 * AG headers: AGF, AGI and AGFL of every AG, each verified field by field.
 *
 * A header that fails is still used as far as it goes (a root pointer in range is followed: the btree blocks
 * prove themselves), but it is marked unsound. Counters against the trees are compare's business.
 */
import { AGF } from '../../format/agf.ts';
import { AGFL_HEADER, agflSlots } from '../../format/agfl.ts';
import { AGI } from '../../format/agi.ts';
import type { Geometry } from '../../format/geometry.ts';
import { viewOf } from '../../format/struct.ts';
import { type Problem, verifyAgf, verifyAgfl, verifyAgi } from '../../format/verify.ts';
import type { Context } from './context.ts';

export interface Header {
  /** The sector as read; undefined when unreadable. */
  readonly sector: Uint8Array | undefined;
  readonly sound: boolean;
}

interface HeaderRow {
  readonly name: 'AGF' | 'AGI' | 'AGFL';
  readonly sectorIndex: number;
  /** Byte of its LSN. */
  readonly lsn: number;
  readonly verify: (sector: Uint8Array, geometry: Geometry, agno: number) => readonly Problem[];
}

const AGF_ROW: HeaderRow = { name: 'AGF', sectorIndex: 1, lsn: AGF.offset.lsn, verify: verifyAgf };
const AGI_ROW: HeaderRow = { name: 'AGI', sectorIndex: 2, lsn: AGI.offset.lsn, verify: verifyAgi };
const AGFL_ROW: HeaderRow = { name: 'AGFL', sectorIndex: 3, lsn: AGFL_HEADER.offset.lsn, verify: verifyAgfl };

function readHeader(context: Context, agno: number, row: HeaderRow): Header {
  const { geometry } = context;
  const sector = new Uint8Array(geometry.sectsize);
  const at = geometry.headerByte(agno, row.sectorIndex);
  if (!context.read(at, sector, `AG ${agno} ${row.name}`, agno)) return { sector: undefined, sound: false };
  const problems = row.verify(sector, geometry, agno);
  for (const p of problems) reportField(context, agno, row.name, p);
  const where = { agno, structure: row.name.toLowerCase() };
  // In a sector that is not what it should be, the LSN is no LSN.
  if (!problems.some(({ stops, field }) => stops || field === 'crc')) {
    context.checkLsn(viewOf(sector), row.lsn, `AG ${agno} ${row.name}`, where);
  }
  return { sector, sound: problems.length === 0 };
}

function reportField(
  context: Context,
  agno: number,
  name: HeaderRow['name'],
  p: Pick<Problem, 'field' | 'found' | 'expected' | 'message'>,
): void {
  context.sink.add(
    p.field === 'crc' ? `${name}_CRC` : `${name}_FIELD`,
    { agno, structure: name.toLowerCase(), field: p.field },
    `AG ${agno} ${name}: ${p.message}`,
    { found: p.found, expected: p.expected },
  );
}

export function readAgf(context: Context, agno: number): Header {
  const { sector, sound } = readHeader(context, agno, AGF_ROW);
  if (!sector || !sound) return { sector, sound };
  const agf = AGF.over(sector);
  const slots = agflSlots(context.geometry.sectsize);
  const expected = (agf.flfirst + agf.flcount + slots - 1) % slots;
  if (agf.fllast === expected) return { sector, sound };
  const message = `fllast ${agf.fllast}, expected ${expected}`;
  reportField(context, agno, 'AGF', { field: 'fllast', found: agf.fllast, expected, message });
  return { sector, sound: false };
}

export function readAgi(context: Context, agno: number): Header {
  return readHeader(context, agno, AGI_ROW);
}

export interface FreeList extends Header {
  /** agbnos in the live slots: those in range, each once. */
  readonly blocks: readonly number[];
}

/** The AGFL and, through the AGF's window, its live entries. An AGF out of range makes the list empty. */
export function readAgfl(context: Context, agno: number, agf: Header): FreeList {
  const { sector, sound } = readHeader(context, agno, AGFL_ROW);
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
    const problem = inside ? 'is listed twice' : `is outside the AG, ${geometry.agLength(agno)} blocks`;
    const where = { agno, agbno, structure: 'agfl', field: `bno[${slot}]` };
    sink.add('AGFL_ENTRY', where, `AG ${agno} AGFL: slot ${slot}: block ${agbno} ${problem}`, {
      found: agbno,
    });
  }
  return { sector, sound: sound && blocks.length === flcount, blocks };
}
