/** What blockget finds a block to be: xfs_db's words for it, in the order of their numbers. */
export const BLOCK_KINDS = [
  'unknown',
  'agf',
  'agfl',
  'agi',
  'attr',
  'btbmapa',
  'btbmapd',
  'btbno',
  'btcnt',
  'btino',
  'data',
  'dir',
  'free1',
  'free2',
  'freelist',
  'inode',
  'log',
  'missing',
  'quota',
  'rtbitmap',
  'rtdata',
  'rtfree',
  'rtsum',
  'sb',
  'symlink',
  'btfino',
  'btrmap',
  'btrefcnt',
  'rldata',
  'cowdata',
] as const;

export type BlockKind = (typeof BLOCK_KINDS)[number];

/** Number of a kind, as the maps hold it. */
export const KIND = Object.fromEntries(BLOCK_KINDS.map((name, i) => [name, i])) as Readonly<
  Record<BlockKind, number>
>;
