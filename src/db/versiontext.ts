/** The features of a filesystem in the words of `version`: which bits say so, in the order in which they are listed. */

/** The feature words of a superblock. */
export interface FeatureWords {
  readonly versionnum: number;
  readonly features2: number;
  readonly features_ro_compat: number;
  readonly features_incompat: number;
}

interface Word {
  readonly name: string;
  readonly word: keyof FeatureWords;
  readonly bit: number;
  /** Version 5 has it whether the bit is set or not. */
  readonly always?: boolean;
  /** Only version 5 has it. */
  readonly late?: boolean;
}

const MOREBITS = 0x8000;
const old = (name: string, bit: number, always = false): Word => ({ name, word: 'versionnum', bit, always });
const more = (name: string, bit: number, always = false): Word => ({ name, word: 'features2', bit, always });
const ro = (name: string, bit: number): Word => ({ name, word: 'features_ro_compat', bit, late: true });
const incompat = (name: string, bit: number): Word => ({ name, word: 'features_incompat', bit, late: true });

const WORDS: readonly Word[] = [
  old('NLINK', 0x20),
  old('SHARED', 0x200),
  old('DIRV2', 0x2000),
  old('ATTR', 0x10),
  old('QUOTA', 0x40),
  old('ALIGN', 0x80, true),
  old('DALIGN', 0x100),
  old('LOGV2', 0x400, true),
  old('EXTFLG', 0x1000, true),
  old('SECTOR', 0x800),
  old('ASCII_CI', 0x4000),
  old('MOREBITS', MOREBITS),
  more('ATTR2', 0x8, true),
  more('LAZYSBCOUNT', 0x2, true),
  more('PROJID32BIT', 0x80, true),
  { name: 'CRC', word: 'features2', bit: 0, always: true, late: true },
  incompat('FTYPE', 0x1),
  ro('FINOBT', 0x1),
  incompat('SPARSE_INODES', 0x2),
  incompat('META_UUID', 0x4),
  ro('RMAPBT', 0x2),
  ro('REFLINK', 0x4),
  ro('INOBTCNT', 0x8),
  incompat('BIGTIME', 0x8),
  incompat('NEEDSREPAIR', 0x10),
  incompat('NREXT64', 0x20),
  incompat('EXCHANGE', 0x40),
  incompat('PARENT', 0x80),
];

/** File types in directories, where version 4 keeps that bit. */
const OLD_FTYPE = 0x200;

/** Names of the features that are on, the version first. */
export function featureNames(words: FeatureWords): string[] {
  const version = words.versionnum & 15;
  const isV5 = version === 5;
  const hasMore = (words.versionnum & MOREBITS) !== 0;
  const isOn = ({ name, word, bit, always, late }: Word): boolean => {
    if (isV5 && always) return true;
    if (name === 'FTYPE' && !isV5) return hasMore && (words.features2 & OLD_FTYPE) !== 0;
    if (late && !isV5) return false;
    if (word === 'features2' && !hasMore) return false;
    return (words[word] & bit) !== 0;
  };
  const lead = version >= 1 && version <= 5 ? [`V${version}`] : [''];
  return [...lead, ...WORDS.filter(isOn).map(({ name }) => name)];
}
