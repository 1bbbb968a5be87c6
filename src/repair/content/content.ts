/**
 * What forks hold: directories, attributes, symlinks and the inodes that the superblock names. Forks are visited in
 * the order of their first blocks on disk, each in one go. A new kind of content is a file beside this one and a row
 * of READERS.
 */
import type { Context } from '../observe/context.ts';
import { CONTENT, type ForkExtents } from '../observe/forkextents.ts';
import type { InodeTable } from '../observe/inodetable.ts';
import type { Steps } from '../steps.ts';
import { AttributeReader } from './attributes.ts';
import type { ContentReader, Contents } from './contents.ts';
import { DirectoryReader } from './directory/directory.ts';
import { ForkBlocks } from './forkblocks.ts';
import type { ParentRecords } from './parentrecords.ts';
import { SymlinkReader } from './symlinks.ts';

type ReaderMaker = (contents: Contents) => ContentReader;

/** By CONTENT. */
const READERS: Readonly<Partial<Record<number, ReaderMaker>>> = {
  [CONTENT.DIRECTORY]: (contents) => new DirectoryReader(contents),
  [CONTENT.ATTRIBUTE]: (contents) => new AttributeReader(contents),
  [CONTENT.SYMLINK]: (contents) => new SymlinkReader(contents),
};

/** Forks between two pauses. */
const BATCH = 4096;

/** Looks into all kept forks; `forks` need not be sealed before. */
export function* readContents(
  context: Context,
  forks: ForkExtents,
  inodes: InodeTable,
  parents: ParentRecords | undefined,
): Steps<void> {
  forks.seal();
  const blocks = new ForkBlocks(context, forks);
  const contents: Contents = { context, forks, inodes, blocks, parents };
  const readers = new Map<number, ContentReader>();
  for (const [content, make] of Object.entries(READERS)) readers.set(Number(content), make!(contents));
  let done = 0;
  for (const fork of diskOrder(context, forks)) {
    blocks.open(fork);
    readers.get(forks.content.at(fork))?.read(fork);
    if (++done % BATCH === 0) yield;
  }
  for (const reader of readers.values()) reader.finish?.();
}

/** Forks by the byte of their first block; those inside inodes by the inode's. */
function diskOrder(context: Context, forks: ForkExtents): Uint32Array {
  const { geometry } = context;
  const byte = new Float64Array(forks.length);
  for (let i = 0; i < forks.length; i++) {
    byte[i] =
      forks.count(i) === 0
        ? geometry.inoByte(forks.ino.at(i))
        : geometry.fsbnoByte(forks.fsbno(forks.first(i)));
  }
  return Uint32Array.from(byte.keys()).sort((a, b) => byte[a]! - byte[b]! || a - b);
}
