/**
 * The counters of the superblock, made anew from the AG headers. They are kept lazily: after a crash, or in an image
 * copied while the filesystem was in use, they are behind, and recovery has to count.
 */
import type { Transaction } from '../transaction.ts';

/** Sets icount, ifree and fdblocks to what the AGs add up to; must be the last change of its transaction. */
export function recountSuperblock(tr: Transaction): void {
  let icount = 0;
  let ifree = 0;
  let fdblocks = 0;
  for (let agno = 0; agno < tr.fs.geometry.agcount; agno++) {
    const { agf, agi } = tr.perag(agno);
    icount += agi.count;
    ifree += agi.freecount;
    fdblocks += agf.freeblks + agf.flcount + agf.btreeblks;
  }
  const { sb } = tr;
  const set = (name: 'icount' | 'ifree' | 'fdblocks', value: number): void => {
    if (Number(sb[name]) !== value) tr.changeSuperblock()[name] = BigInt(value);
  };
  set('icount', icount);
  set('ifree', ifree);
  set('fdblocks', fdblocks);
}
