/**
 * A filesystem's use of its space as plain data: what is drawn of it needs nothing else. `src/db` finds it, `src/report`
 * draws it.
 */
import type { Geometry } from '../../format/geometry.ts';
import type { ExtentColumns } from '../space/columns.ts';
import type { UseRuns } from './use.ts';

/** What a file is, as far as a picture tells. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'system';

export interface AgMap {
  readonly agno: number;
  readonly runs: UseRuns;
  /** What forks map here, and what the rmapbt says (no rows without one). */
  readonly mapped: ExtentColumns;
  readonly rmaps: ExtentColumns;
}

export interface SpaceMap {
  /** What the image is called. */
  readonly name: string;
  readonly geometry: Geometry;
  /** Those asked for, by number. */
  readonly ags: readonly AgMap[];
  /** What whoever looks at the picture should know, a sentence each. */
  readonly notes: readonly string[];
  kindOf(ino: number): FileKind;
  /** A path to an inode where a directory names it. */
  path(ino: number): string | undefined;
}

/** How a map is drawn. db knows no reports, so whoever opens a session gives it one. */
export interface MapDrawing {
  /** For a terminal or a pipe; without `columns` as wide as that is. */
  text(map: SpaceMap, columns?: number): string;
  /** The picture of `text` as JSON values: the filesystem, then a row each. */
  rows(map: SpaceMap, columns?: number): Iterable<Readonly<Record<string, unknown>>>;
  /** A page for a browser that needs nothing else. */
  page(map: SpaceMap): string;
}
