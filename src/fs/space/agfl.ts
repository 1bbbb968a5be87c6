/**
 * Taking blocks from the AGFL and putting blocks on it: a ring of slots between flfirst and fllast. Blocks of the
 * bnobt, cntbt and rmapbt come from here and go back here, and btreeblks counts those in use.
 */
import { NULL_AGBNO } from '../../format/geometry.ts';
import { corrupt } from '../buffer.ts';
import type { Perag } from '../perag.ts';

/** Takes the oldest block; undefined when the list is empty. */
export function takeFromFreeList(perag: Perag, forBtree: boolean): number | undefined {
  if (perag.agf.flcount === 0) return undefined;
  const agf = perag.changeAgf();
  if (agf.flfirst >= perag.slots || agf.flcount > perag.slots) badList(perag, `flfirst ${agf.flfirst}`);
  const agbno = perag.readSlot(agf.flfirst);
  if (agbno === NULL_AGBNO || agbno >= perag.length) badList(perag, `slot ${agf.flfirst} holds ${agbno}`);
  agf.flfirst = (agf.flfirst + 1) % perag.slots;
  agf.flcount--;
  if (forBtree) agf.btreeblks++;
  return agbno;
}

/** Puts a block at the end. Throws when the list is full. */
export function putOnFreeList(perag: Perag, agbno: number, fromBtree: boolean): void {
  const agf = perag.changeAgf();
  if (agf.fllast >= perag.slots || agf.flcount >= perag.slots) badList(perag, `fllast ${agf.fllast}`);
  agf.fllast = (agf.fllast + 1) % perag.slots;
  agf.flcount++;
  if (fromBtree) agf.btreeblks--;
  perag.writeSlot(agf.fllast, agbno);
}

function badList(perag: Perag, what: string): never {
  const text = `AG ${perag.agno} AGFL: ${what}`;
  corrupt('AGFL_ENTRY', { agno: perag.agno, structure: 'agfl' }, text);
}
