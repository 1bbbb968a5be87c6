/**
 * Data forks of every form: empty, exact and odd sizes, sparse to the limits, preallocated, punched, collapsed,
 * with size hints, fragmented into bmbts of one to three levels; free space fragmented into a bnobt of two levels;
 * shared extents of every kind.
 */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from '../oracle.ts';
import type { Random } from '../random.ts';
import { unpack } from '../tar.ts';
import { xfsIo } from '../xfsio.ts';
import type { CorpusRow } from './rows.ts';

/** One block in every `stride`, so that each is an extent of its own. */
function fragment(path: string, blocks: number, block: number, stride = 2): void {
  const file = openSync(path, 'a+');
  closeSync(file);
  const writing = openSync(path, 'r+');
  const content = Buffer.alloc(Math.min(block, 512));
  for (let i = 0; i < blocks; i++) {
    content.fill(i + 1);
    content.writeUInt32LE(i, 0);
    writeSync(writing, content, 0, content.length, i * block * stride);
  }
  fsyncSync(writing);
  closeSync(writing);
}

/** Inline attributes that leave the data fork the smallest root: its bmbt grows tall with few extents. */
function crowding(row: CorpusRow, random: Random): (readonly [string, Uint8Array])[] {
  const attributes: (readonly [string, Uint8Array])[] = [];
  // 4 bytes of header, 3 and the name for each; 56 bytes remain for a root of three records.
  let room = row.inodeSize - 176 - 56 - 8 - 4;
  while (room >= 12) {
    const length = Math.min(200, room - 7);
    attributes.push([`user.big${attributes.length}`, random.bytes(length)]);
    room -= length + 7;
  }
  return attributes;
}

/** bmbts: a root over leaves, over nodes, and (with small blocks) over two levels of nodes. */
function makeFragmented(root: string, row: CorpusRow, random: Random): void {
  const block = row.blockSize;
  fragment(join(root, 'files/frag_inline'), 8, block);
  fragment(join(root, 'files/frag1'), 200, block);
  const leaf = Math.floor((block - 72) / 16);
  const heights: [string, number][] = [];
  if (block <= 4096) heights.push(['files/frag2', Math.floor(3 * leaf * 1.3) + 30]);
  if (row.name === 'b1k') heights.push(['files/frag3', 3 * leaf * leaf + 100]);
  unpack(
    root,
    heights.map(([name]) => ({ name, xattrs: crowding(row, random) })),
  );
  for (const [name, extents] of heights) fragment(join(root, name), extents, block);
}

export function makeFiles(root: string, row: CorpusRow, random: Random): void {
  const block = row.blockSize;
  const files = join(root, 'files');
  mkdirSync(files);
  for (const size of [0, 1, block - 1, block, block + 1, 3 * block + 7, 1 << 18]) {
    writeFileSync(join(files, `size${size}`), random.bytes(size));
  }
  const sparse = openSync(join(files, 'sparse'), 'w');
  for (const at of [0, 10 * block, 2 ** 20, 2 ** 30, 2 ** 40])
    writeSync(sparse, random.bytes(block), 0, block, at);
  ftruncateSync(sparse, 2 ** 40 + 2 ** 20);
  closeSync(sparse);
  writeFileSync(join(files, 'solid'), random.bytes(64 * block));
  const hint = Math.max(65536, block * 4);
  mkdirSync(join(files, 'inhdir'));
  const b = (blocks: number): number => blocks * block;
  xfsIo(root, [
    'open -f files/hugetrunc',
    'truncate 9223372036854775807',
    'open -f files/huge',
    'pwrite -q 0 1',
    'pwrite -q 9223372036854775805 1',
    'open -f files/prealloc',
    `falloc 0 ${b(64)}`,
    `pwrite -q ${b(16)} ${b(5)}`,
    'open -f files/prealloc_keep',
    `pwrite -q 0 ${block}`,
    `falloc -k ${block} ${b(60)}`,
    'open -f files/zeroed',
    `pwrite -q 0 ${b(64)}`,
    'fsync',
    `fzero ${b(8)} ${b(16)}`,
    `fpunch ${b(40)} ${b(3)}`,
    'open -f files/collapse',
    `pwrite -q 0 ${b(64)}`,
    'fsync',
    `fcollapse ${b(8)} ${b(16)}`,
    `finsert ${b(4)} ${b(6)}`,
    'open -f files/extsize',
    `extsize ${hint}`,
    `pwrite -q 0 ${block}`,
    `pwrite -q 1m ${block}`,
    'open files/inhdir',
    `extsize ${hint}`,
    'open -f files/inhdir/f',
    `pwrite -q 0 ${block}`,
    'open -f files/unwritten_frag',
    `falloc 0 ${b(200)}`,
    ...Array.from({ length: 90 }, (_, i) => `pwrite -q ${b(i * 2)} ${block}`),
    'fsync',
  ]);
  makeFragmented(root, row, random);
}

/** Preallocates and punches every second block: the free space btrees of one AG get a second level. */
export function fragmentFreeSpace(root: string, row: CorpusRow): void {
  if (row.blockSize > 4096) return;
  const pieces = Math.floor((row.blockSize - 56) / 8) + 80;
  const punches = Array.from({ length: pieces }, (_, i) => {
    return `fpunch ${(2 * i + 1) * row.blockSize} ${row.blockSize}`;
  });
  xfsIo(root, ['open -f holes', `falloc 0 ${2 * pieces * row.blockSize}`, ...punches]);
}

/** Leaves free space only in holes one block short of a whole inode chunk, so that none can hold an aligned one. */
export function fragmentForSparseChunks(root: string, row: CorpusRow): void {
  const chunk = (64 * row.inodeSize) / row.blockSize;
  const block = row.blockSize;
  xfsIo(root, ['open -f filler', 'resblks 0', 'falloc 0 8m']);
  // All that is left goes to other files, in ever smaller pieces.
  let file = 0;
  for (let size = 4 << 20; size >= block; size /= 2) {
    for (;;) {
      const made = run('xfs_io', ['-f', '-c', `falloc 0 ${size}`, `rest.${file}`], { cwd: root });
      file++;
      if (made.status !== 0 || made.stderr !== '') break;
    }
  }
  const punches = Array.from({ length: 100 }, (_, i) => {
    return `fpunch ${2 * i * chunk * block} ${(chunk - 1) * block}`;
  });
  xfsIo(root, ['open filler', ...punches]);
}

/** Shared extents: whole, partial, of oneself, many small ones, overwritten, unshared, unwritten, with hints. */
export function makeReflinks(root: string, row: CorpusRow, random: Random): void {
  const block = row.blockSize;
  const b = (blocks: number): number => blocks * block;
  mkdirSync(join(root, 'refl/cowdir'), { recursive: true });
  writeFileSync(join(root, 'refl/base'), random.bytes(b(256)));
  writeFileSync(join(root, 'refl/dd1'), Buffer.alloc(b(64), 'D'));
  writeFileSync(join(root, 'refl/dd2'), Buffer.alloc(b(64), 'D'));
  const commands: string[] = ['open refl/base', 'fsync'];
  for (let i = 0; i < 9; i++) {
    commands.push(`open -f refl/c${i}`, 'reflink -q refl/base');
    for (let j = 0; i > 2 && j < i * 3; j++) commands.push(`pwrite -q ${b((i * 7 + j * 11) % 250)} ${block}`);
    commands.push('fsync');
  }
  commands.push('open -f refl/partial', `pwrite -q 0 ${b(32)}`);
  commands.push(
    `reflink -q refl/base ${b(16)} ${b(100)} ${b(64)}`,
    `reflink -q refl/base ${b(17)} ${b(200)} ${block}`,
  );
  commands.push('open -f refl/self', 'reflink -q refl/base');
  for (let k = 0; k < 12; k++) commands.push(`reflink -q refl/self 0 ${b(256 + 8 * k)} ${b(8)}`);
  const many = Math.min(420, Math.floor((block - 56) / 12) + 60);
  commands.push('open -f refl/wide', `pwrite -q 0 ${b(2 * many)}`, 'fsync', 'open -f refl/many');
  for (let i = 0; i < many; i++) commands.push(`reflink -q refl/wide ${b(2 * i)} ${b(2 * i)} ${block}`);
  commands.push('open -f refl/unshared', 'reflink -q refl/base', `funshare 0 ${b(64)}`, 'fsync');
  commands.push('open -f refl/unw', `falloc 0 ${b(64)}`, 'open -f refl/unw2', 'reflink -q refl/unw');
  commands.push('open refl/dd1', `dedupe -q refl/dd2 0 0 ${b(64)}`);
  commands.push('open -f refl/cowext', `cowextsize ${Math.max(131072, b(8))}`, 'reflink -q refl/base');
  commands.push(`pwrite -q ${b(20)} ${block}`, 'fsync');
  commands.push(
    'open refl/cowdir',
    `cowextsize ${Math.max(262144, b(8))}`,
    'open -f refl/cowdir/f',
    'pwrite -q 0 1',
  );
  xfsIo(root, commands);
  rmSync(join(root, 'refl/c8'));
}
