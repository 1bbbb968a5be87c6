/** Fills a mounted image with what its row asks for, by way of the kernel. */
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../random.ts';
import { xfsIo } from '../xfsio.ts';
import { makeAttributes, makeSpecialFiles } from './attributes.ts';
import { churnInodes, fillSparseChunks, makeDirectories } from './directories.ts';
import { fragmentForSparseChunks, fragmentFreeSpace, makeFiles, makeReflinks } from './files.ts';
import type { CorpusRow } from './rows.ts';

export async function populate(root: string, row: CorpusRow, seed: number): Promise<void> {
  if (row.sparseChunks) {
    fragmentForSparseChunks(root, row);
    fillSparseChunks(root, 4000);
    return;
  }
  if (row.empty) return;
  const random = new Random(seed);
  makeDirectories(root, row);
  makeAttributes(root, row, random);
  await makeSpecialFiles(root, row);
  makeFiles(root, row, random);
  if (row.reflink) makeReflinks(root, row, random);
  churnInodes(root, row, random);
  fragmentFreeSpace(root, row);
  for (const name of ['imm', 'app', 'nodump']) writeFileSync(join(root, 'misc', name), name);
  xfsIo(root, [
    'open misc/nodump',
    'chattr +dAS',
    'open -r misc/app',
    'chattr +a',
    'open -r misc/imm',
    'chattr +i',
  ]);
  const directory = openSync(root, 'r');
  fsyncSync(directory);
  closeSync(directory);
}
