/**
 * AG headers as scans take them: read, not verified; and the walk over the live slots of the AGFL, which is bounded
 * by its size whatever the AGF says.
 */
import { AGF } from '../../format/agf.ts';
import { AGFL_HEADER, agflSlots } from '../../format/agfl.ts';
import { AGI } from '../../format/agi.ts';
import type { ScanReader } from './reader.ts';

const SECTOR = { sb: 0, agf: 1, agi: 2, agfl: 3 } as const;
export type HeaderName = keyof typeof SECTOR;

/** Bytes of a header sector; undefined when it cannot be read. */
export function readHeader(reader: ScanReader, agno: number, name: HeaderName): Uint8Array | undefined {
  const sector = new Uint8Array(Math.max(reader.geometry.sectsize, 512));
  return reader.read(reader.geometry.headerByte(agno, SECTOR[name]), sector) ? sector : undefined;
}

export function readAgf(reader: ScanReader, agno: number) {
  const sector = readHeader(reader, agno, 'agf');
  return sector && AGF.over(sector);
}
export function readAgi(reader: ScanReader, agno: number) {
  const sector = readHeader(reader, agno, 'agi');
  return sector && AGI.over(sector);
}
export type Agf = NonNullable<ReturnType<typeof readAgf>>;
export type Agi = NonNullable<ReturnType<typeof readAgi>>;

/** Why the free list cannot be walked, or the blocks in its live slots. */
export type FreeList = 'unreadable' | 'bad' | readonly number[];

/** Blocks in the live slots, from `flfirst` to `fllast`; none when the count is zero. */
export function readFreeList(reader: ScanReader, agno: number, agf: Agf): FreeList {
  if (agf.flcount === 0) return [];
  const sector = readHeader(reader, agno, 'agfl');
  if (!sector) return 'unreadable';
  const slots = agflSlots(reader.geometry.sectsize);
  if (agf.flfirst >= slots || agf.fllast >= slots) return 'bad';
  const view = new DataView(sector.buffer);
  const blocks: number[] = [];
  for (let i = agf.flfirst; ; i = (i + 1) % slots) {
    blocks.push(view.getUint32(AGFL_HEADER.size + 4 * i));
    if (i === agf.fllast) return blocks;
  }
}
