/** Looks at every block of a btree that the engine has worked on: order, keys, siblings, fill. */

import type { TreeBlock } from '../../src/fs/btree/block.ts';
import { type Cursor, compareWords } from '../../src/fs/btree/cursor.ts';
import { blockKey } from '../../src/fs/btree/key.ts';
import { isRootInInode } from '../../src/fs/btree/tree.ts';

export interface WalkedTree {
  readonly levels: number;
  readonly blocks: number;
  /** Records in order, as hex. */
  readonly records: readonly string[];
  readonly problems: readonly string[];
}

export function walkTree({ tree }: Cursor): WalkedTree {
  const problems: string[] = [];
  const records: string[] = [];
  const previous = new Map<number, TreeBlock>();
  const seen = new Uint32Array(tree.row.words);
  let last: Uint32Array | undefined;
  let blocks = 0;
  const visit = (block: TreeBlock, level: number, top: boolean): void => {
    blocks++;
    const at = `block ${block.pointer} level ${level}`;
    if (block.level !== level) problems.push(`${at}: says level ${block.level}`);
    // The only child of a root in an inode may be as empty as a root.
    const only = isRootInInode(tree) && level === tree.levels() - 2 && tree.root().numrecs === 1;
    if (!top && !only && block.numrecs < tree.minRecords(level))
      problems.push(`${at}: ${block.numrecs} records`);
    if (!top) {
      const left = previous.get(level);
      if (block.sibling('left') !== (left?.pointer ?? -1)) problems.push(`${at}: left sibling`);
      if (left && left.sibling('right') !== block.pointer)
        problems.push(`${at}: right sibling of the one before`);
      previous.set(level, block);
    }
    for (let slot = 1; slot <= block.numrecs; slot++) {
      if (level > 0) {
        const child = tree.block(block.child(slot));
        const key = Buffer.from(blockKey(tree, child)).toString('hex');
        const kept = block.bytes.subarray(block.keyByte(slot), block.keyByte(slot) + key.length / 2);
        if (Buffer.from(kept).toString('hex') !== key) problems.push(`${at}: key ${slot}`);
        visit(child, level - 1, false);
        continue;
      }
      tree.row.recordWords(block.view, block.recordByte(slot), seen);
      if (last && compareWords(seen, last) <= 0) problems.push(`${at}: record ${slot} out of order`);
      last = seen.slice();
      const byte = block.recordByte(slot);
      const bytes = block.bytes.subarray(byte, byte + tree.row.family.recordBytes);
      records.push(Buffer.from(bytes).toString('hex'));
    }
  };
  visit(tree.root(), tree.levels() - 1, true);
  for (const [level, block] of previous) {
    if (block.sibling('right') !== -1) problems.push(`last block of level ${level} has a right sibling`);
  }
  return { levels: tree.levels(), blocks, records, problems };
}
