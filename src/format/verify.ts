/**
 * Verifiers, one file a family. Each gives a list of problems and never throws for bad bytes; the object must be as
 * long as its registry row says. Order and meaning across objects are for check.
 */
export type { Problem } from './problem.ts';
export { countUsed, isNewino, verifyAgf, verifyAgfl, verifyAgi } from './verifyag.ts';
export { type BlockPlace, verifyLongBlock, verifyShortBlock } from './verifybtree.ts';
export {
  type ForkPlace,
  verifyAttrBlock,
  verifyDirBlock,
  verifyDirIdentity,
  verifySymlink,
} from './verifyda.ts';
export { verifyDquot } from './verifydquot.ts';
export { verifyDinode } from './verifyinode.ts';
export { type SuperblockOptions, verifySuperblock } from './verifysuperblock.ts';
