/**
 * The headers of one AG as a transaction sees them. Fields are read straight from the sectors; `changeAgf` and its
 * like declare a change first.
 */
import { AGF } from '../format/agf.ts';
import { AGFL_HEADER, agflSlots } from '../format/agfl.ts';
import { AGI } from '../format/agi.ts';
import type { Geometry } from '../format/geometry.ts';
import type { BlockType, ObjectPlace } from '../format/registry.ts';
import type { Fields } from '../format/struct.ts';
import { blockType, type MetaBuffer, type Piece } from './buffer.ts';

const TYPES = { agf: blockType('agf'), agi: blockType('agi'), agfl: blockType('agfl') } as const;
const SECTOR = { agf: 1, agi: 2, agfl: 3 } as const;

type Header = keyof typeof TYPES;

/** What a transaction gives its AGs: verified objects, and word of changes. */
export interface HeaderSource {
  readonly fs: { readonly geometry: Geometry };
  read(type: BlockType, place: ObjectPlace, pieces: readonly Piece[]): MetaBuffer;
  change(buffer: MetaBuffer): MetaBuffer;
}

export class Perag {
  private readonly tr: HeaderSource;
  readonly agno: number;
  readonly slots: number;
  private agfFields: Fields<typeof AGF.rows> | undefined;
  private agiFields: Fields<typeof AGI.rows> | undefined;

  constructor(tr: HeaderSource, agno: number) {
    this.tr = tr;
    this.agno = agno;
    this.slots = agflSlots(tr.fs.geometry.sectsize);
  }

  get agf(): Fields<typeof AGF.rows> {
    this.agfFields ??= AGF.over(this.header('agf').bytes);
    return this.agfFields;
  }
  changeAgf(): Fields<typeof AGF.rows> {
    this.tr.change(this.header('agf'));
    return this.agf;
  }
  get agi(): Fields<typeof AGI.rows> {
    this.agiFields ??= AGI.over(this.header('agi').bytes);
    return this.agiFields;
  }
  changeAgi(): Fields<typeof AGI.rows> {
    this.tr.change(this.header('agi'));
    return this.agi;
  }
  /** Block in AGFL slot `slot`. */
  readSlot(slot: number): number {
    return this.header('agfl').view.getUint32(AGFL_HEADER.size + slot * 4);
  }
  writeSlot(slot: number, agbno: number): void {
    this.tr.change(this.header('agfl')).view.setUint32(AGFL_HEADER.size + slot * 4, agbno);
  }
  /** Blocks in this AG. */
  get length(): number {
    return this.tr.fs.geometry.agLength(this.agno);
  }

  private header(name: Header): MetaBuffer {
    const { geometry } = this.tr.fs;
    const piece = { offset: geometry.headerByte(this.agno, SECTOR[name]), length: geometry.sectsize };
    return this.tr.read(TYPES[name], { agno: this.agno, agbno: 0 }, [piece]);
  }
}
