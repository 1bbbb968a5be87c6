/** inobt and finobt against the inode chunks as their inodes tell them, both ways. */

import { chunksWithFree } from '../../fs/space/build.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import type { AgObservation, TreeObservation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';

export function compareInodeTrees(ag: AgObservation, filesComplete: boolean, findings: FindingSink): void {
  compareTree(ag.agno, ag.inobt, ag.chunks, 'INOBT', filesComplete, findings);
  if (ag.finobt)
    compareTree(ag.agno, ag.finobt, chunksWithFree(ag.chunks), 'FINOBT', filesComplete, findings);
}

function compareTree(
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
      { agno, structure: tree.name, field: `agino ${agino}` },
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
      compareChunk(agno, tree.name, code, chunks, i++, listed, j++, findings);
    }
  }
}

function compareChunk(
  agno: number,
  tree: string,
  code: 'INOBT' | 'FINOBT',
  want: ChunkColumns,
  i: number,
  have: ChunkColumns,
  j: number,
  findings: FindingSink,
): void {
  const tell = (field: string, found: number | string, expected: number | string): void =>
    findings.add(
      `${code}_WRONG`,
      { agno, structure: tree, field: `agino ${have.startino[j]} ${field}` },
      `AG ${agno} ${tree}: chunk at agino ${have.startino[j]}: ${field} ${found}, the inodes say ${expected}`,
      { found, expected },
    );
  const hex = (high: number, low: number): string =>
    `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
  if (want.holemask[i] !== have.holemask[j]) tell('holemask', have.holemask[j]!, want.holemask[i]!);
  if (want.count[i] !== have.count[j]) tell('count', have.count[j]!, want.count[i]!);
  if (want.freecount[i] !== have.freecount[j]) tell('freecount', have.freecount[j]!, want.freecount[i]!);
  if (want.freeHigh[i] !== have.freeHigh[j] || want.freeLow[i] !== have.freeLow[j]) {
    tell('free', hex(have.freeHigh[j]!, have.freeLow[j]!), hex(want.freeHigh[i]!, want.freeLow[i]!));
  }
}
