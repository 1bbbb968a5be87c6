/**
 * Directories of every form: inline, one block, leaf, node, data fork in btree format, emptied in places; names
 * of every kind; inode chunks with holes. Most entries are hard links: an entry costs no inode that way.
 */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../random.ts';
import type { CorpusRow } from './rows.ts';

function touch(path: string | Buffer): void {
  closeSync(openSync(path, 'wx'));
}

/** `count` entries with names of `length` bytes: few files, directories and symlinks, the rest hard links. */
function fill(dir: string, count: number, length: number): void {
  mkdirSync(dir, { recursive: true });
  const name = (i: number): string => join(dir, String(i).padStart(6, '0').padEnd(length, 'x'));
  for (let i = 0; i < count; i++) {
    if (i % 5 === 0 && i < 100) mkdirSync(name(i));
    else if (i % 5 === 1 && i < 200) symlinkSync(`t${i}`, name(i));
    else if (i < 20 || i % 50 === 2) touch(name(i));
    else linkSync(name(2), name(i));
  }
}

/** Two directories grown in turns, so that neither gets two blocks in a row and their data forks need a bmbt. */
function fillInterleaved(root: string, row: CorpusRow): void {
  const wanted = Math.ceil((row.inodeSize - 176) / 16) + 8;
  const perBlock = Math.floor((row.dirBlockSize - 64) / 216);
  const [one, two] = [join(root, 'btree'), join(root, 'btree2')];
  for (const dir of [one, two]) mkdirSync(dir);
  touch(join(one, 'source'));
  for (let block = 0; block < wanted; block++) {
    for (const dir of [one, two]) {
      for (let i = 0; i < perBlock; i++) {
        linkSync(
          join(one, 'source'),
          join(dir, `${String(block * perBlock + i).padStart(6, '0')}${'y'.repeat(194)}`),
        );
      }
    }
  }
}

export function makeDirectories(root: string, row: CorpusRow): void {
  const dirs = join(root, 'dirs');
  mkdirSync(dirs);
  const block = row.dirBlockSize;
  fill(join(dirs, 'sf'), 3, 6);
  mkdirSync(join(dirs, 'empty'));
  fill(join(dirs, 'block'), Math.min(40, Math.floor(block / 60)), 20);
  fill(join(dirs, 'leaf'), Math.floor((block * 2.5) / 40), 24);
  // A leaf block holds about block / 8 hash entries; one more and the directory gets node blocks.
  fill(join(dirs, 'node'), Math.floor((block / 8) * 1.1) + 50, 24);
  if (block <= 8192) fillInterleaved(dirs, row);
  const freed = join(dirs, 'freed');
  fill(freed, Math.floor((block / 8) * 1.05) + 40, 30);
  for (let i = 0; i < Math.floor((block / 8) * 1.05) + 40; i++) {
    if (i % 4 === 0 || i === 2) continue;
    const path = join(freed, String(i).padStart(6, '0').padEnd(30, 'x'));
    if (i % 5 === 0 && i < 100) rmdirSync(path);
    else unlinkSync(path);
  }
  mkdirSync(join(root, 'deep', ...Array.from({ length: 30 }, () => 'd')), { recursive: true });
  for (const name of ['ünïcode-ж-字', 'a'.repeat(255), 'sp ace', 'new\nline']) touch(join(dirs, name));
  touch(Buffer.concat([Buffer.from(`${dirs}/bad-utf8-`), Buffer.from([0xff, 0xfe])]));
}

/** Many inodes made and most of them removed: chunks that are full, half empty and freed again. */
export function churnInodes(root: string, row: CorpusRow, random: Random): void {
  const dir = join(root, 'inodes');
  mkdirSync(dir);
  const perLeaf = Math.floor((row.blockSize - 56) / 16);
  const count = row.manyInodes ? 64 * (perLeaf + 12) : 400;
  for (let i = 0; i < count; i++) touch(join(dir, String(i)));
  for (let i = 0; i < count; i++) {
    // Whole chunks stay when a second level is wanted.
    const gone = row.manyInodes ? i % 97 === 5 : random.below(10) < 6;
    if (gone) unlinkSync(join(dir, String(i)));
  }
}

/**
 * Leaves free space only in aligned pieces of half an inode chunk, then makes inodes: the kernel has to allocate
 * sparse chunks. The caller has made `pieces` such holes.
 */
export function fillSparseChunks(root: string, count: number): void {
  const dir = join(root, 'sparse');
  mkdirSync(dir);
  try {
    for (let i = 0; i < count; i++) writeFileSync(join(dir, String(i)), '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
