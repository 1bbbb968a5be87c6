/**
 * The btrees of an AG on their way into a dump, root first, each block followed by its children. Untrusted: roots,
 * levels and pointers are checked, and no block of a tree is visited twice.
 */
import { type AgBtreeName, BTREE, maxRecords, pointerOffset, SHORT_HEADER } from '../../format/btree.ts';
import { maxLevels } from '../../format/btreeheight.ts';
import type { DumpContext } from './context.ts';
import { Scrub } from './scrub.ts';
import { clearBtreeBlock } from './stale.ts';

export interface TreeRoot {
  readonly name: AgBtreeName;
  readonly agno: number;
  readonly root: number;
  readonly levels: number;
}

/** Dumps a tree; `leaf` gets each leaf block after it went out. */
export function dumpAgBtree(
  context: DumpContext,
  tree: TreeRoot,
  leaf?: (view: DataView, count: number) => void,
): void {
  const { geometry } = context;
  const { name, agno, root, levels } = tree;
  if (root === 0 || !geometry.isAgbno(agno, root)) {
    context.doubt(() => `invalid block number (${root}) of the ${name} root in AG ${agno}`);
    return;
  }
  if (levels < 1 || levels > maxLevels(name, geometry)) {
    context.doubt(() => `invalid level (${levels}) of the ${name} root in AG ${agno}`);
    return;
  }
  const family = BTREE[name];
  const visited = new Set<number>();
  const dump = (agbno: number, level: number): void => {
    visited.add(agbno);
    const offset = geometry.agbnoByte(agno, agbno);
    const bytes = context.read(offset, geometry.blocksize, () => `${name} block ${agno}/${agbno}`);
    if (!bytes) return;
    const block = new Scrub(bytes, SHORT_HEADER.offset.crc);
    if (context.options.clear) clearBtreeBlock(block, family);
    context.emit(offset, block);
    const said = block.view.getUint16(6);
    const most = maxRecords(family, level, bytes.length);
    if (said > most) {
      context.doubt(() => `invalid numrecs (${said}) in ${name} block ${agno}/${agbno}`);
      // Inode records lead to all that is in the inodes, so what there is of them is still worth having.
      if (name !== 'inobt') return;
    }
    const count = Math.min(said, most);
    if (level === 0) {
      leaf?.(block.view, count);
      return;
    }
    for (let i = 0; i < count; i++) {
      const child = block.view.getUint32(pointerOffset(family, i, bytes.length));
      if (child === 0 || !geometry.isAgbno(agno, child) || visited.has(child)) {
        context.doubt(() => `invalid block number (${agno}/${child}) in ${name} block ${agno}/${agbno}`);
      } else dump(child, level - 1);
    }
  };
  dump(root, levels - 1);
}
