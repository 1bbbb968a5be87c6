/**
 * What a two-way case is: records of one AG changed just before its btrees are built, with valid checksums and
 * headers that tell the truth, and what check must say of it: which code, at which place, and nothing else.
 */
import type { FindingCode } from '../../../src/format/findings.ts';
import type { Geometry } from '../../../src/format/geometry.ts';
import type { AgRecords } from '../../../src/fs/space/build.ts';
import type { ExtentColumns } from '../../../src/fs/space/columns.ts';
import type { AgObservation } from '../../../src/repair/observation.ts';

export interface Spot {
  readonly agbno?: number;
  readonly blocks?: number;
  readonly ino?: number;
  readonly fileoff?: number;
}

export interface Scene {
  readonly geometry: Geometry;
  /** As it was before. */
  readonly ag: AgObservation;
}

export interface TwoWayCase {
  readonly name: string;
  readonly agno: number;
  readonly code: FindingCode;
  /** Further findings of the same cause, each once. */
  readonly also?: readonly FindingCode[];
  /** Findings that stand by themselves in a report, the others under them; default 1. */
  readonly roots?: number;
  /** Owners that the AG gets beforehand: CoW staging. */
  readonly owners?: (scene: Scene) => ExtentColumns;
  /** Changes the records and tells where the finding must be; undefined: this AG has no place for it. */
  readonly spoil: (records: AgRecords, scene: Scene) => Spot | undefined;
}

export type Position = 'first' | 'middle' | 'last';
export const POSITIONS: readonly Position[] = ['first', 'middle', 'last'];

export function indexAt(length: number, position: Position): number {
  return position === 'first' ? 0 : position === 'last' ? length - 1 : length >> 1;
}

/** The row at a position among those that fit. */
export function rowAt<T>(
  rows: readonly T[],
  position: Position,
  fits: (row: T) => boolean = () => true,
): T | undefined {
  const candidates = rows.filter(fits);
  return candidates[indexAt(candidates.length, position)];
}

/** Puts other rows in the place of one. */
export function swapped<T>(rows: readonly T[], target: T, by: (row: T) => readonly T[]): T[] {
  return rows.flatMap((row) => (row === target ? by({ ...row }) : [row]));
}
