/** inobt and finobt against the inode chunks as their inodes tell them, both ways. */

import type { Where } from '../../format/findings.ts';
import type { Geometry } from '../../format/geometry.ts';
import { chunksWithFree } from '../../fs/space/build.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import type { AgObservation, TreeObservation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';

export function compareInodeTrees(
  geometry: Geometry,
  ag: AgObservation,
  filesComplete: boolean,
  findings: FindingSink,
): void {
  compareTree(geometry, ag.agno, ag.inobt, ag.chunks, 'INOBT', filesComplete, findings);
  if (ag.finobt) {
    const withFree = chunksWithFree(ag.chunks);
    compareTree(geometry, ag.agno, ag.finobt, withFree, 'FINOBT', filesComplete, findings);
  }
}

/** The chunk's first inode, and the block that would hold it. */
function chunkPlace(geometry: Geometry, agno: number, structure: string, agino: number, field = ''): Where {
  return {
    agno,
    agbno: geometry.aginoAgbno(agino),
    blocks: geometry.chunkBlocks,
    ino: geometry.ino(agno, agino),
    structure,
    field: `agino ${agino}${field && ` ${field}`}`,
  };
}

function compareTree(
  geometry: Geometry,
  agno: number,
  tree: TreeObservation<ChunkColumns>,
  chunks: ChunkColumns,
  code: 'INOBT' | 'FINOBT',
  filesComplete: boolean,
  findings: FindingSink,
): void {
  if (!tree.sound) return;
  const listed = tree.records;
  let i = 0;
  let j = 0;
  const tell = (kind: 'MISSING' | 'SURPLUS', agino: number, text: string): void =>
    findings.add(
      `${code}_${kind}`,
      chunkPlace(geometry, agno, tree.name, agino),
      `AG ${agno} ${tree.name}: chunk at agino ${agino} ${text}`,
    );
  while (i < chunks.length || j < listed.length) {
    const want = i < chunks.length ? chunks.startino[i]! : Number.POSITIVE_INFINITY;
    const have = j < listed.length ? listed.startino[j]! : Number.POSITIVE_INFINITY;
    if (want < have) {
      tell('MISSING', want, 'is not listed');
      i++;
    } else if (have < want) {
      // Where inodes could not be read, the tree may know better.
      if (filesComplete) {
        tell(
          'SURPLUS',
          have,
          code === 'INOBT' ? 'is listed but there are no inodes' : 'is listed but has no free inode',
        );
      }
      j++;
    } else {
      compareChunk(geometry, agno, tree.name, code, chunks, i++, listed, j++, findings);
    }
  }
}

function compareChunk(
  geometry: Geometry,
  agno: number,
  tree: string,
  code: 'INOBT' | 'FINOBT',
  want: ChunkColumns,
  i: number,
  have: ChunkColumns,
  j: number,
  findings: FindingSink,
): void {
  if (isSameChunk(want, i, have, j)) return;
  // The counts follow from the masks, so what is told first explains the rest.
  const differences: { field: string; found: number | string; expected: number | string }[] = [];
  const differs = (field: string, found: number | string, expected: number | string): void => {
    if (found !== expected) differences.push({ field, found, expected });
  };
  const hex = (high: number, low: number): string =>
    `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
  differs('holemask', have.holemask[j]!, want.holemask[i]!);
  differs('free', hex(have.freeHigh[j]!, have.freeLow[j]!), hex(want.freeHigh[i]!, want.freeLow[i]!));
  differs('count', have.count[j]!, want.count[i]!);
  differs('freecount', have.freecount[j]!, want.freecount[i]!);
  const { field, found, expected } = differences[0]!;
  const agino = have.startino[j]!;
  const text = differences.map((d) => `${d.field} ${d.found}, the inodes say ${d.expected}`).join('; ');
  findings.add(
    `${code}_WRONG`,
    chunkPlace(geometry, agno, tree, agino, field),
    `AG ${agno} ${tree}: chunk at agino ${agino}: ${text}`,
    { found, expected },
  );
}

function isSameChunk(a: ChunkColumns, i: number, b: ChunkColumns, j: number): boolean {
  return (
    a.holemask[i] === b.holemask[j] &&
    a.freeHigh[i] === b.freeHigh[j] &&
    a.freeLow[i] === b.freeLow[j] &&
    a.count[i] === b.count[j] &&
    a.freecount[i] === b.freecount[j]
  );
}
