/** What `map` draws: the uses of all blocks, found from the space index of the filesystem as it is now. */
import { findLogHead } from '../../fs/log/head.ts';
import type { FileKind, SpaceMap } from '../../fs/scan/spacemap.ts';
import { USE, usesOfAg } from '../../fs/scan/use.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import { type SpaceIndex, spaceIndexOf } from './spaceindex.ts';

/** AGs that may lie beyond the end of the device: more make no picture, only a claim of the superblock. */
const MOST_LOST_AGS = 65536;

/** Finds the uses of the blocks of some AGs; without `wanted` of all. Throws DbError for too many AGs. */
export function spaceMapOf(filesystem: Filesystem, wanted?: readonly number[]): SpaceMap {
  const { geometry, device } = filesystem;
  const agBytes = geometry.agblocks * geometry.blocksize;
  const lost = geometry.agcount - Math.ceil(device.size / agBytes);
  if (lost > MOST_LOST_AGS)
    throw new DbError(`${device.name}: ${lost} of ${geometry.agcount} AGs lie beyond its end`);
  const index = spaceIndexOf(filesystem);
  const kinds = fileKinds(filesystem, index);
  const agnos = wanted ?? index.ags.map((_, agno) => agno);
  const isMetadata = (ino: number) => kinds.has(ino);
  let conflicts = 0;
  const ags = agnos.map((agno) => {
    const mapped = index.mapped(agno).columns;
    const records = index.ags[agno]!;
    const runs = usesOfAg({ geometry, agno, records, mapped, isMetadata, filesComplete: index.bad === 0 });
    for (let i = 0; i < runs.length; i++) if (runs.use[i] === USE.conflict) conflicts++;
    return { agno, runs, mapped, rmaps: records.rmaps };
  });
  return {
    name: device.name,
    geometry,
    ags,
    notes: notesOf(filesystem, index, lost, conflicts),
    kindOf: (ino) => kinds.get(ino) ?? 'file',
    path: (ino) => index.path(ino),
  };
}

/** Inodes that are no plain files. */
function fileKinds({ superblock }: Filesystem, index: SpaceIndex): ReadonlyMap<number, FileKind> {
  const kinds = new Map<number, FileKind>();
  for (const ino of index.directories) kinds.set(ino, 'directory');
  for (const ino of index.symlinks) kinds.set(ino, 'symlink');
  const { rbmino, rsumino, uquotino, gquotino, pquotino } = superblock;
  for (const ino of [rbmino, rsumino, uquotino, gquotino, pquotino]) if (ino > 0) kinds.set(ino, 'system');
  return kinds;
}

function notesOf(filesystem: Filesystem, index: SpaceIndex, lost: number, conflicts: number): string[] {
  const { device, geometry } = filesystem;
  const notes: string[] = [];
  const log = findLogHead(device, geometry);
  if (log.state === 'dirty')
    notes.push(
      'The log is dirty: what is on disk is behind what a mount would see, and its accounts may differ.',
    );
  if (log.state === 'unreadable') notes.push('The log cannot be read.');
  if (lost > 0) notes.push(`${lost} AGs lie beyond the end of the image.`);
  if (index.bad > 0) notes.push(`${index.bad} structures could not be read: owners may be missing.`);
  if (conflicts > 0)
    notes.push(`${conflicts} runs of blocks are contradictory: xfskit check says what is wrong with them.`);
  return notes;
}
