/**
 * Which findings can follow from which: rows of causes, effects and what the two have in common, in the order in which
 * cause.ts applies them. A new code that others follow from, or that follows from others, is a word in a row.
 */
import { FINDINGS, type Finding, type FindingCode } from '../format/findings.ts';

/** What a cause and its effect have in common. */
export type Relation =
  /** AG, structure, block and inode: the same object. */
  | 'object'
  | 'inode'
  /** A block of a fork. */
  | 'fileblock'
  /** The effect is of an entry that leads to the inode of the cause. */
  | 'target'
  /** A tree of an AG. */
  | 'structure'
  | 'ag'
  | 'filesystem';

export interface Rule {
  readonly causes: readonly FindingCode[];
  readonly effects: readonly FindingCode[];
  readonly by: Relation;
  /** More that an effect, or a cause, must fulfil. */
  readonly when?: (effect: Finding) => boolean;
  readonly causeWhen?: (cause: Finding) => boolean;
}

/** Codes that say that bytes are not what XFS wrote: what is found in these bytes follows from that. */
const CHECKSUMS: readonly FindingCode[] = [
  'SB_CRC',
  'AGF_CRC',
  'AGI_CRC',
  'AGFL_CRC',
  'BTREE_CRC',
  'INODE_CRC',
  'DIR_CRC',
  'DQUOT_CRC',
];
/** An inode, or one of its forks, cannot be read as it should be. */
const INODE_DAMAGE: readonly FindingCode[] = [
  'INODE_LOST',
  'INODE_CRC',
  'INODE_CORE',
  'INODE_FORK',
  'INODE_EXTENT',
  'BMBT_BLOCK',
  'BMBT_ORDER',
];
/** Names may be lost with it. */
const NAME_DAMAGE: readonly FindingCode[] = [
  'READ_FAILED',
  'ROOT_DIRECTORY',
  ...INODE_DAMAGE,
  'DIR_BLOCK',
  'DIR_CRC',
  'DIR_SHORT',
  'DIR_MAP',
  'DIR_NAME',
  'DIR_ENTRY',
  'DIR_ENTRY_INODE',
  'DIR_PARENT',
];
const TREE_DAMAGE: readonly FindingCode[] = [
  'BTREE_ROOT',
  'BTREE_CRC',
  'BTREE_BLOCK',
  'BTREE_POINTER',
  'BTREE_KEY',
  'BTREE_SIBLING',
  'BTREE_RECORD',
  'BTREE_ORDER',
];
const HEADER_DAMAGE: readonly FindingCode[] = [
  'AGF_CRC',
  'AGF_FIELD',
  'AGI_CRC',
  'AGI_FIELD',
  'AGFL_CRC',
  'AGFL_FIELD',
  'AGFL_ENTRY',
];
const INODE_INDEX: readonly FindingCode[] = [
  'INOBT_MISSING',
  'INOBT_SURPLUS',
  'INOBT_WRONG',
  'FINOBT_MISSING',
  'FINOBT_SURPLUS',
  'FINOBT_WRONG',
];
/** The same of blocks of forks. */
const CONTENT_CHECKSUMS: readonly FindingCode[] = ['DIR_CRC', 'ATTR_CRC', 'SYMLINK_CRC'];
/** What forks hold. */
const CONTENTS = (Object.keys(FINDINGS) as FindingCode[]).filter((code) => /^(DIR|ATTR|SYMLINK)_/.test(code));
const MAPPINGS: readonly FindingCode[] = [
  'INODE_CORE',
  'INODE_FORK',
  'INODE_EXTENT',
  'INODE_EXTENT_COUNT',
  'INODE_BLOCK_COUNT',
  'BMBT_BLOCK',
  'BMBT_ORDER',
];
const RMAPS: readonly FindingCode[] = ['RMAP_MISSING', 'RMAP_SURPLUS', 'RMAP_WRONG'];

const LINKS: readonly FindingCode[] = ['LINK_COUNT', 'DISCONNECTED', 'UNLINKED_STRAY'];

/** Fewer names than the inode counts, or none: what a lost name leaves. */
function lacksNames({ code, found, expected }: Finding): boolean {
  return code !== 'LINK_COUNT' || Number(found) > Number(expected);
}

/** A reverse mapping of metadata. */
function isOfTree({ where }: Finding): boolean {
  return where.ino === undefined;
}

/** Not even its first bytes are what they should be. */
function isForeign({ where }: Finding): boolean {
  return where.field === 'magicnum';
}

/** An inode that is free by its mode, and was in use by all else. */
function isFreed({ where, message }: Finding): boolean {
  return where.field === 'core.mode' || message.includes('free, but');
}

/** In this order: a finding goes under the first cause that fits. */
export const RULES: readonly Rule[] = [
  { causes: ['DEVICE_SHORT'], effects: ['READ_FAILED', 'LOG_UNREADABLE'], by: 'filesystem' },
  { causes: ['SB_LOST', 'SB_GEOMETRY'], effects: ['SB_CRC', 'SB_FIELD', 'SB_COUNTER'], by: 'filesystem' },
  // The rule of a whole filesystem says more than that of the field.
  {
    causes: ['REFLINK_FLAG_INVALID'],
    effects: ['INODE_CORE'],
    by: 'inode',
    when: ({ where }) => where.field === 'v3.reflink' || where.field === 'v3.flags2',
  },
  // The object itself: of several fields the first stands for all.
  { causes: CHECKSUMS, effects: [...HEADER_DAMAGE, ...TREE_DAMAGE, 'SB_FIELD'], by: 'object' },
  { causes: ['SB_SECONDARY'], effects: ['SB_SECONDARY'], by: 'object' },
  { causes: HEADER_DAMAGE, effects: HEADER_DAMAGE, by: 'object' },
  { causes: ['INODE_LOST', 'INODE_CRC'], effects: [...INODE_DAMAGE, ...CONTENTS], by: 'inode' },
  { causes: INODE_DAMAGE, effects: ['ROOT_DIRECTORY'], by: 'inode' },
  { causes: ['INODE_CORE'], effects: ['INODE_CORE', 'RT_INODE', 'QUOTA_INODE'], by: 'inode' },
  {
    causes: ['INODE_LOST', 'INODE_CORE', 'INODE_CRC', 'LINK_COUNT'],
    effects: ['UNLINKED_LIST', 'UNLINKED_STRAY'],
    by: 'inode',
  },
  {
    causes: INODE_DAMAGE,
    effects: [
      'INODE_EXTENT_COUNT',
      'INODE_BLOCK_COUNT',
      'REFLINK_FLAG_INVALID',
      'REFLINK_FLAG_MISSING',
      'LINK_COUNT',
    ],
    by: 'inode',
  },
  { causes: ['INODE_CORE', 'INODE_FORK'], effects: MAPPINGS, by: 'inode' },
  { causes: ['INODE_EXTENT', 'BMBT_BLOCK'], effects: MAPPINGS, by: 'inode' },
  { causes: ['INODE_EXTENT_COUNT', 'BMBT_ORDER'], effects: ['INODE_BLOCK_COUNT', 'BMBT_ORDER'], by: 'inode' },
  { causes: [...MAPPINGS, 'MAPPING_CONTESTED'], effects: CONTENTS, by: 'inode' },
  { causes: CONTENT_CHECKSUMS, effects: CONTENTS, by: 'fileblock' },
  { causes: ['DIR_MAP'], effects: [...CONTENTS, ...RMAPS], by: 'inode' },
  { causes: ['DIR_BLOCK', 'DIR_ENTRY'], effects: CONTENTS, by: 'fileblock' },
  // Both are of forks inside the inode.
  { causes: ['DIR_SHORT'], effects: CONTENTS.filter((code) => code.startsWith('DIR_')), by: 'inode' },
  { causes: ['ATTR_SHORT'], effects: CONTENTS.filter((code) => code.startsWith('ATTR_')), by: 'inode' },
  { causes: ['ATTR_BLOCK', 'ATTR_HEADER', 'ATTR_ENTRY'], effects: CONTENTS, by: 'fileblock' },
  // An inode that the superblock names and that is not the one.
  {
    causes: ['QUOTA_INODE', 'QUOTA_FLAGS', 'RT_INODE', 'SB_FIELD'],
    effects: ['DISCONNECTED', 'QUOTA_MISSING', 'QUOTA_COUNT'],
    by: 'filesystem',
  },
  // Headers and trees, and what is counted by them.
  { causes: TREE_DAMAGE, effects: TREE_DAMAGE, by: 'object' },
  // A block that is not the one, before its neighbours, which are sound and point to the one that was.
  {
    causes: ['BTREE_BLOCK', 'BTREE_CRC', 'BTREE_POINTER'],
    effects: ['BTREE_KEY', 'BTREE_SIBLING'],
    by: 'structure',
  },
  { causes: ['BTREE_KEY', 'BTREE_SIBLING'], effects: ['BTREE_KEY', 'BTREE_SIBLING'], by: 'structure' },
  {
    causes: [...HEADER_DAMAGE, ...TREE_DAMAGE, ...INODE_DAMAGE, 'DIR_BLOCK', 'ATTR_BLOCK'],
    effects: ['LSN_AHEAD'],
    by: 'object',
  },
  // The block that holds all headers.
  {
    causes: ['SB_LOST', 'SB_SECONDARY'],
    effects: [...HEADER_DAMAGE, 'LSN_AHEAD'],
    by: 'ag',
    causeWhen: (cause) => cause.code === 'SB_LOST' || isForeign(cause),
  },
  // One write of a block that went wrong takes several headers with it.
  { causes: HEADER_DAMAGE, effects: HEADER_DAMAGE, by: 'ag', when: isForeign, causeWhen: isForeign },
  { causes: ['AGFL_FIELD', 'AGFL_CRC', 'AGF_FIELD'], effects: ['AGFL_ENTRY'], by: 'ag' },
  // An entry of the free list that leads into what is in use.
  { causes: ['AGFL_FIELD', 'AGFL_CRC'], effects: ['INDEX_CROSS_LINK'], by: 'ag' },
  {
    causes: ['AGF_FIELD', 'AGF_CRC', 'AGI_FIELD', 'AGI_CRC'],
    effects: ['BTREE_ROOT', ...TREE_DAMAGE],
    by: 'ag',
  },
  { causes: ['AGI_FIELD', 'AGI_CRC'], effects: ['UNLINKED_LIST'], by: 'ag' },
  // Blocks of a tree that cannot be read have no owner.
  { causes: [...HEADER_DAMAGE, ...TREE_DAMAGE], effects: RMAPS, by: 'ag', when: isOfTree },
  {
    causes: [...HEADER_DAMAGE, ...TREE_DAMAGE, 'READ_FAILED'],
    effects: ['AGF_COUNTER', 'AGI_COUNTER'],
    by: 'ag',
  },
  { causes: ['AGI_FIELD', 'AGI_CRC', ...INODE_DAMAGE], effects: INODE_INDEX, by: 'ag' },
  {
    causes: ['INOBT_MISSING', 'INOBT_SURPLUS', 'INOBT_WRONG'],
    effects: [...INODE_INDEX, 'AGI_COUNTER'],
    by: 'ag',
  },
  { causes: INODE_INDEX, effects: ['AGI_COUNTER'], by: 'ag' },
  // Names.
  {
    causes: ['INODE_CORE', 'INODE_LOST', 'INODE_CRC'],
    effects: ['DIR_ENTRY_INODE', 'DIR_FTYPE'],
    by: 'target',
  },
  { causes: INODE_INDEX, effects: ['DIR_ENTRY_INODE'], by: 'filesystem' },
  {
    causes: ['INODE_LOST', 'ROOT_DIRECTORY', 'DIR_FTYPE'],
    effects: LINKS,
    by: 'filesystem',
    when: lacksNames,
  },
  { causes: ['INODE_CORE'], effects: LINKS, by: 'filesystem', when: lacksNames, causeWhen: isFreed },
  { causes: ['DIR_ENTRY_INODE', 'DIR_NAME'], effects: LINKS, by: 'filesystem', when: lacksNames },
  // An entry that leads to another inode than it did: one has a name too few, the other one too many.
  { causes: ['DISCONNECTED'], effects: ['LINK_COUNT', 'DIR_PARENT'], by: 'filesystem' },
];

/** Findings about who owns blocks, the most telling ones first. */
export const SPACE: readonly FindingCode[] = [
  'INODE_EXTENT',
  'BMBT_BLOCK',
  'INODE_BLOCK_COUNT',
  'MAPPING_CONTESTED',
  'CROSS_LINK',
  'INDEX_CROSS_LINK',
  'LEAKED_COW',
  'RMAP_WRONG',
  'RMAP_MISSING',
  'RMAP_SURPLUS',
  'REFCOUNT_WRONG',
  'REFCOUNT_MISSING',
  'REFCOUNT_SURPLUS',
  'REFLINK_FLAG_MISSING',
  'BNOBT_SURPLUS',
  'BNOBT_MISSING',
  'CNTBT_SURPLUS',
  'CNTBT_MISSING',
  'RMAP_UNMERGED',
  'REFCOUNT_UNMERGED',
  'BNOBT_UNMERGED',
  'CNTBT_UNMERGED',
];

/** What follows when the accounts of space have found together. */
export const COUNTED: readonly Rule[] = [
  // One record for another.
  { causes: ['BNOBT_SURPLUS'], effects: ['BNOBT_MISSING'], by: 'ag' },
  { causes: ['CNTBT_SURPLUS'], effects: ['CNTBT_MISSING'], by: 'ag' },
  { causes: ['REFCOUNT_SURPLUS'], effects: ['REFCOUNT_MISSING'], by: 'ag' },
  // A mapping that reaches over what others hold, and their sharing with it.
  {
    causes: ['INODE_EXTENT', 'INODE_BLOCK_COUNT', 'CROSS_LINK'],
    effects: ['REFCOUNT_WRONG', 'REFCOUNT_MISSING', 'REFCOUNT_SURPLUS'],
    by: 'filesystem',
  },
  { causes: ['INODE_CRC'], effects: SPACE, by: 'inode' },
  // A mapping that leads elsewhere than it did.
  { causes: ['MAPPING_CONTESTED'], effects: [...SPACE, ...CONTENTS], by: 'filesystem' },
  {
    causes: ['CROSS_LINK', 'MAPPING_CONTESTED', 'INODE_BLOCK_COUNT', 'INODE_EXTENT', 'INODE_EXTENT_COUNT'],
    effects: ['REFLINK_FLAG_MISSING', 'REFLINK_FLAG_STALE'],
    by: 'filesystem',
  },
  {
    causes: ['BNOBT_MISSING', 'BNOBT_SURPLUS', 'BNOBT_UNMERGED', 'CNTBT_MISSING', 'CNTBT_SURPLUS'],
    effects: ['AGF_COUNTER'],
    by: 'ag',
  },
];

/** What goes with names that could not be read. */
export const NAMES: readonly Rule[] = [
  { causes: NAME_DAMAGE, effects: LINKS, by: 'filesystem', when: lacksNames },
];

/** Sums over AGs, that follow from what is wrong in any of them. Applied last. */
export const SUMS: readonly Rule[] = [
  {
    causes: ['AGF_COUNTER', 'AGI_COUNTER', ...INODE_INDEX, ...HEADER_DAMAGE],
    effects: ['SB_COUNTER'],
    by: 'filesystem',
  },
];
