/**
 * Directories of every form: inline, one block, leaf, node, data fork in btree format, emptied in places; names
 * of every kind; inode chunks with holes. Most entries are hard links: an entry costs no inode that way.
 */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  statSync,
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

/** Two new directories whose inodes, and so their blocks, lie in the same AG: new directories go round the AGs. */
function neighbours(root: string): [string, string] {
  const made = Array.from({ length: 18 }, (_, i) => join(root, `candidate${i}`));
  for (const dir of made) mkdirSync(dir);
  const byInode = made.map((dir) => ({ dir, ino: statSync(dir).ino })).sort((x, y) => x.ino - y.ino);
  let best = 1;
  const gap = (i: number): number => byInode[i]!.ino - byInode[i - 1]!.ino;
  for (let i = 2; i < byInode.length; i++) if (gap(i) < gap(best)) best = i;
  for (const [i, { dir }] of byInode.entries()) if (i !== best && i !== best - 1) rmdirSync(dir);
  const pair: [string, string] = [join(root, 'btree'), join(root, 'btree2')];
  renameSync(byInode[best - 1]!.dir, pair[0]);
  renameSync(byInode[best]!.dir, pair[1]);
  return pair;
}

/** Two directories grown in turns, so that neither gets two blocks in a row and their data forks need a bmbt. */
function fillInterleaved(root: string, row: CorpusRow): void {
  const wanted = Math.ceil((row.inodeSize - 176) / 16) + 8;
  const perBlock = Math.floor((row.dirBlockSize - 64) / 216);
  const pair = neighbours(root);
  const source = join(pair[0], 'source');
  touch(source);
  for (let block = 0; block < wanted; block++) {
    for (const dir of pair) {
      for (let i = 0; i < perBlock; i++) {
        linkSync(source, join(dir, `${String(block * perBlock + i).padStart(6, '0')}${'y'.repeat(194)}`));
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
    // One of every chunk when second levels are wanted, of finobt too.
    const gone = row.manyInodes ? i % 50 === 5 : random.below(10) < 6;
    if (gone) unlinkSync(join(dir, String(i)));
  }
}

/** Makes inodes until there is no space: with no room for whole chunks the kernel has to allocate sparse ones. */
export function fillSparseChunks(root: string, count: number): void {
  const dir = join(root, 'sparse');
  mkdirSync(dir);
  try {
    for (let i = 0; i < count; i++) writeFileSync(join(dir, String(i)), '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
