/**
 * Lists the objects of a sound image as db command lines, so that two programs can be asked to print each: headers,
 * every block of every AG btree, every inode with its bmbt, directory, attribute and symlink blocks. Walks with
 * its own few lines over `extentsFrom` and the struct tables, never through the code under test that prints.
 */

import { extentsFrom, type Fork } from '../../src/db/extents.ts';
import { type Filesystem, openFilesystem } from '../../src/db/filesystem.ts';
import { openDevice } from '../../src/device/open.ts';
import { AGF } from '../../src/format/agf.ts';
import { AGI } from '../../src/format/agi.ts';
import { BTREE, maxRecords, maxRootKeys, pointerOffset } from '../../src/format/btree.ts';
import {
  attrForkBytes,
  DINODE,
  dataForkBytes,
  FORK,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../src/format/inode.ts';
import { viewOf } from '../../src/format/struct.ts';

/** Command lines that go to one object; `print` and the like are to follow. */
export type Visit = readonly string[];

/** Every object of the image, in a fixed order. */
export function listObjects(image: string): Visit[] {
  const device = openDevice(image);
  try {
    return [...walk(openFilesystem(device))];
  } finally {
    device.close();
  }
}

function* walk(fs: Filesystem): Generator<Visit> {
  const { geometry } = fs;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    for (const header of ['sb', 'agf', 'agi', 'agfl']) yield [`${header} ${agno}`];
    const sector = (index: number) => fs.read(geometry.headerByte(agno, index), geometry.sectsize);
    const agf = AGF.over(sector(1));
    const agi = AGI.over(sector(2));
    yield* tree(fs, agno, 'bnobt', agf.bnoroot);
    yield* tree(fs, agno, 'cntbt', agf.cntroot);
    if (agf.rmaproot) yield* tree(fs, agno, 'rmapbt', agf.rmaproot);
    if (agf.refcntroot) yield* tree(fs, agno, 'refcntbt', agf.refcntroot);
    if (geometry.features.finobt) yield* tree(fs, agno, 'finobt', agi.free_root);
    const chunks: DataView[] = [];
    yield* tree(fs, agno, 'inobt', agi.root, (record) => chunks.push(record));
    for (const record of chunks) yield* inodes(fs, agno, record);
  }
}

function* tree(
  fs: Filesystem,
  agno: number,
  name: 'bnobt' | 'cntbt' | 'inobt' | 'finobt' | 'rmapbt' | 'refcntbt',
  agbno: number,
  onRecord?: (record: DataView) => void,
): Generator<Visit> {
  const { geometry } = fs;
  const family = BTREE[name];
  const bytes = fs.read(geometry.agbnoByte(agno, agbno), geometry.blocksize);
  const view = viewOf(bytes);
  yield [`fsblock ${geometry.fsbno(agno, agbno)}`, `type ${name}`];
  const count = view.getUint16(6);
  if (view.getUint16(4) === 0) {
    for (let i = 0; onRecord && i < count; i++) {
      onRecord(
        new DataView(bytes.buffer, bytes.byteOffset + 56 + i * family.recordBytes, family.recordBytes),
      );
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    yield* tree(fs, agno, name, view.getUint32(pointerOffset(family, i, geometry.blocksize)), onRecord);
  }
}

function* inodes(fs: Filesystem, agno: number, record: DataView): Generator<Visit> {
  const { geometry } = fs;
  const holes = geometry.features.sparse ? record.getUint16(4) : 0;
  for (let i = 0; i < 64; i++) {
    if (holes & (1 << (i >> 2))) continue;
    const ino = geometry.ino(agno, record.getUint32(0) + i);
    yield [`inode ${ino}`];
    const bytes = fs.read(geometry.inoByte(ino), geometry.inodesize);
    const core = DINODE.over(bytes);
    if (core.mode === 0) continue;
    yield* forkBlocks(fs, ino, bytes, 'data', core.mode);
    if (core.forkoff > 0) yield* forkBlocks(fs, ino, bytes, 'attr', core.mode);
  }
}

function* forkBlocks(
  fs: Filesystem,
  ino: number,
  inode: Uint8Array,
  fork: Fork,
  mode: number,
): Generator<Visit> {
  const { geometry } = fs;
  const core = DINODE.over(inode);
  if ((fork === 'data' ? core.format : core.aformat) === FORK.BTREE) yield* bmbt(fs, inode, fork);
  const type = mode & S_IFMT;
  const step = fork === 'data' && type === S_IFDIR ? geometry.dirblocksize / geometry.blocksize : 1;
  let seen = 0;
  let next = 0;
  for (const extent of extentsFrom(fs, inode, fork, 0)) {
    const isFile = fork === 'data' && (type === S_IFREG || type === S_IFLNK);
    for (let at = Math.max(extent.fileoff, next); at < extent.fileoff + extent.blocks; at += step) {
      yield [`inode ${ino}`, `${fork === 'data' ? 'dblock' : 'ablock'} ${at}`];
      next = at + step;
      if (isFile && ++seen >= 1) return;
    }
  }
}

function* bmbt(fs: Filesystem, inode: Uint8Array, fork: Fork): Generator<Visit> {
  const { geometry } = fs;
  const view = viewOf(inode);
  const dataBytes = dataForkBytes(view, 0, geometry.inodesize);
  const bytes = fork === 'data' ? dataBytes : attrForkBytes(view, 0, geometry.inodesize);
  const start = 176 + (fork === 'data' ? 0 : dataBytes);
  const first = start + 4 + maxRootKeys(bytes) * 8;
  for (let i = 0; i < view.getUint16(start + 2); i++) {
    yield* bmbtBlock(fs, Number(view.getBigUint64(first + i * 8)), fork);
  }
}

function* bmbtBlock(fs: Filesystem, fsbno: number, fork: Fork): Generator<Visit> {
  const { geometry } = fs;
  yield [`fsblock ${fsbno}`, `type bmapbt${fork === 'data' ? 'd' : 'a'}`];
  const view = viewOf(fs.read(geometry.fsbnoByte(fsbno), geometry.blocksize));
  const level = view.getUint16(4);
  if (level === 0) return;
  const pointers = 72 + maxRecords(BTREE.bmapbt, level, geometry.blocksize) * 8;
  for (let i = 0; i < view.getUint16(6); i++) {
    yield* bmbtBlock(fs, Number(view.getBigUint64(pointers + i * 8)), fork);
  }
}
