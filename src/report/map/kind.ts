/**
 * What a picture of a filesystem shows, a row a kind: letters for plain text, colours for terminals and pages. Kinds
 * are coarser than uses (fs/scan/use.ts), but tell how deeply data is shared.
 */
import { USE, USES, type UseRuns } from '../../fs/scan/use.ts';

export interface MapKind {
  /** For JSON. */
  readonly key: string;
  readonly name: string;
  readonly about: string;
  /** Letter of a cell of nothing else, and of one with something else in it. */
  readonly pure: string;
  readonly mixed: string;
  /** Colours on light and on dark ground. */
  readonly light: string;
  readonly dark: string;
}

function kind(
  key: string,
  name: string,
  [pure, mixed]: readonly [string, string],
  [light, dark]: readonly [string, string],
  about: string,
): MapKind {
  return { key, name, about, pure, mixed, light, dark };
}

export const KINDS: readonly MapKind[] = [
  kind('free', 'free', ['.', ':'], ['#dfe5ee', '#232b3a'], 'in both free space btrees'),
  kind('headers', 'AG headers', ['H', 'h'], ['#9333ea', '#d8b4fe'], 'superblock or its copy, AGF, AGI, AGFL'),
  kind('btrees', 'AG btrees', ['B', 'b'], ['#6d4aff', '#9d86ff'], 'the btrees of an AG, and its free list'),
  kind('inodes', 'inode chunks', ['I', 'i'], ['#1d78e0', '#4aa3ff'], 'blocks of inodes, used and unused'),
  kind('log', 'log', ['L', 'l'], ['#56648f', '#7486b8'], 'the internal log'),
  kind('forks', 'file metadata', ['M', 'm'], ['#0596b4', '#2fd3ea'], 'directories, attributes, bmbt blocks'),
  kind('data', 'data', ['D', 'd'], ['#12a36b', '#3ad29a'], 'of one file alone'),
  kind('shared2', 'shared by 2', ['2', '2'], ['#e3b400', '#ffd84a'], 'two mappings'),
  kind('shared3', 'shared by 3-4', ['3', '3'], ['#ea7a0c', '#ff9a3d'], 'three or four mappings'),
  kind('shared5', 'shared by 5+', ['5', '5'], ['#d92626', '#ff5a4f'], 'five mappings and more'),
  kind('staging', 'CoW staging', ['C', 'c'], ['#d6219a', '#ff6ac8'], 'for copies on write, in no file yet'),
  kind('unknown', 'unknown', ['?', '?'], ['#8a8178', '#a39a8f'], 'neither free nor owned'),
  kind('conflict', 'contradictory', ['!', '!'], ['#111111', '#ffffff'], 'accounts exclude one another'),
];

/** Number of the kind with a key. */
export function kindNumber(key: string): number {
  return KINDS.findIndex((row) => row.key === key);
}

const KEY_OF_USE: Readonly<Record<(typeof USES)[number], string>> = {
  free: 'free',
  header: 'headers',
  btree: 'btrees',
  freelist: 'btrees',
  inode: 'inodes',
  log: 'log',
  fork: 'forks',
  bmbt: 'forks',
  data: 'data',
  staging: 'staging',
  unknown: 'unknown',
  conflict: 'conflict',
};
const OF_USE = Uint8Array.from(USES, (use) => kindNumber(KEY_OF_USE[use]));
const SHARED = Uint8Array.from(['shared2', 'shared3', 'shared5'], kindNumber);

/** Kind of a use; data is told apart by its depth. */
export function kindOf(use: number, depth: number): number {
  if (use !== USE.data || depth < 2) return OF_USE[use]!;
  return SHARED[depth === 2 ? 0 : depth < 5 ? 1 : 2]!;
}

export function kindOfRun(runs: UseRuns, i: number): number {
  return kindOf(runs.use[i]!, runs.depth[i]!);
}
