/** Feature bits of the superblock: one row each. */

export interface FeatureRow {
  readonly name: string;
  readonly word: 'versionnum' | 'features2' | 'ro_compat' | 'incompat' | 'log_incompat';
  readonly bit: number;
  readonly doc: string;
  /** We read, check and write filesystems with it. */
  readonly supported: boolean;
}

const feature = (
  name: string,
  word: FeatureRow['word'],
  bit: number,
  doc: string,
  supported = true,
): FeatureRow => ({ name, word, bit, doc, supported });

export const FEATURES = [
  feature('ATTR', 'versionnum', 0x10, 'extended attributes in use'),
  feature('NLINK', 'versionnum', 0x20, '32-bit link counts'),
  feature('QUOTA', 'versionnum', 0x40, 'quotas'),
  feature('ALIGN', 'versionnum', 0x80, 'aligned inode chunks'),
  feature('DALIGN', 'versionnum', 0x100, 'stripe unit and width set'),
  feature('SHARED', 'versionnum', 0x200, 'shared version (never used)', false),
  feature('LOGV2', 'versionnum', 0x400, 'version 2 log'),
  feature('SECTOR', 'versionnum', 0x800, 'sector size recorded'),
  feature('EXTFLG', 'versionnum', 0x1000, 'unwritten extents'),
  feature('DIRV2', 'versionnum', 0x2000, 'version 2 directories'),
  feature('BORG', 'versionnum', 0x4000, 'ascii case-insensitive names'),
  feature('MOREBITS', 'versionnum', 0x8000, 'features2 in use'),
  feature('LAZYSBCOUNT', 'features2', 0x2, 'lazy superblock counters'),
  feature('ATTR2', 'features2', 0x8, 'flexible attribute fork offset'),
  feature('PROJID32', 'features2', 0x80, '32-bit project ids'),
  feature('CRC', 'features2', 0x100, 'version 5: checksums'),
  feature('FINOBT', 'ro_compat', 0x1, 'free inode btree'),
  feature('RMAPBT', 'ro_compat', 0x2, 'reverse mapping btree'),
  feature('REFLINK', 'ro_compat', 0x4, 'shared extents, refcount btree'),
  feature('INOBTCNT', 'ro_compat', 0x8, 'inode btree block counts in the AGI'),
  feature('FTYPE', 'incompat', 0x1, 'file type in directory entries'),
  feature('SPINODES', 'incompat', 0x2, 'sparse inode chunks'),
  feature('META_UUID', 'incompat', 0x4, 'metadata UUID differs from the user-visible one'),
  feature('BIGTIME', 'incompat', 0x8, 'timestamps to the year 2486'),
  feature('NEEDSREPAIR', 'incompat', 0x10, 'must be repaired before mounting'),
  feature('NREXT64', 'incompat', 0x20, '64-bit extent counters'),
  feature('EXCHRANGE', 'incompat', 0x40, 'file range exchange'),
  feature('PARENT', 'incompat', 0x80, 'parent pointers'),
  feature('METADIR', 'incompat', 0x100, 'metadata directory tree, realtime groups', false),
  feature('ZONED', 'incompat', 0x200, 'zoned realtime section', false),
  feature('ZONE_GAPS', 'incompat', 0x400, 'gaps between zones', false),
  feature('LOG_XATTRS', 'log_incompat', 0x1, 'attribute intents may be in the log'),
] as const satisfies readonly FeatureRow[];

export interface Features {
  readonly finobt: boolean;
  readonly rmapbt: boolean;
  readonly reflink: boolean;
  readonly inobtcnt: boolean;
  readonly ftype: boolean;
  readonly sparse: boolean;
  readonly metaUuid: boolean;
  readonly bigtime: boolean;
  readonly needsRepair: boolean;
  readonly nrext64: boolean;
  readonly exchrange: boolean;
  readonly parent: boolean;
  readonly metadir: boolean;
  readonly zoned: boolean;
  readonly asciiCi: boolean;
  readonly logV2: boolean;
  readonly sectorBit: boolean;
  readonly stripeBit: boolean;
}

interface FeatureWords {
  readonly versionnum: number;
  readonly features_ro_compat: number;
  readonly features_incompat: number;
}

export function decodeFeatures(sb: FeatureWords): Features {
  const ro = (bit: number) => (sb.features_ro_compat & bit) !== 0;
  const inc = (bit: number) => (sb.features_incompat & bit) !== 0;
  const v = (bit: number) => (sb.versionnum & bit) !== 0;
  return {
    finobt: ro(1),
    rmapbt: ro(2),
    reflink: ro(4),
    inobtcnt: ro(8),
    ftype: inc(1),
    sparse: inc(2),
    metaUuid: inc(4),
    bigtime: inc(8),
    needsRepair: inc(0x10),
    nrext64: inc(0x20),
    exchrange: inc(0x40),
    parent: inc(0x80),
    metadir: inc(0x100),
    zoned: inc(0x200),
    asciiCi: v(0x4000),
    logV2: v(0x400),
    sectorBit: v(0x800),
    stripeBit: v(0x100),
  };
}

/** Bits set in a feature word that no row names, or that name a feature we refuse. */
export function unsupportedBits(word: FeatureRow['word'], value: number): number {
  let known = 0;
  for (const f of FEATURES) if (f.word === word && f.supported) known |= f.bit;
  return (value & ~known) >>> 0;
}
