/** Fields without a use, and those that only some objects may set: one field changed, that finding expected. */
import { describe, expect, test } from '@jest/globals';
import { AGF } from '../../../../src/format/agf.ts';
import { AGI } from '../../../../src/format/agi.ts';
import { DIFLAG, DIFLAG2, DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const AT = DINODE.offset;
const inode = (ino: number): Place => ({
  offset: geometry.inoByte(ino),
  length: geometry.inodesize,
  crcOffset: AT.crc,
});
const header = (index: number, crcOffset: number): Place => ({
  offset: geometry.headerByte(1, index),
  length: geometry.sectsize,
  crcOffset,
});
const found = (place: Place, change: (view: DataView) => void) =>
  withEdit(device, place, change, () => observe(device).findings.map((f) => `${f.code} ${f.where.field}`));

describe('AG headers', () => {
  const agf = header(1, AGF.offset.crc);
  const agi = header(2, AGI.offset.crc);
  test.each<[string, Place, (view: DataView) => void, string]>([
    ['spare bytes of the AGF', agf, (v) => v.setUint8(AGF.offset.spare + 50, 1), 'AGF_FIELD spare'],
    ['the end of its sector', agf, (v) => v.setUint8(geometry.sectsize - 1, 1), 'AGF_FIELD spare'],
    ['the pad of the AGI', agi, (v) => v.setUint32(AGI.offset.pad32, 8), 'AGI_FIELD pad32'],
    ['the end of its sector', agi, (v) => v.setUint8(geometry.sectsize - 1, 1), 'AGI_FIELD unused'],
    ['dirino', agi, (v) => v.setUint32(AGI.offset.dirino, 128), 'AGI_FIELD dirino'],
    ['newino outside', agi, (v) => v.setUint32(AGI.offset.newino, 0x7fffff00), 'AGI_FIELD newino'],
    ['newino inside a chunk', agi, (v) => v.setUint32(AGI.offset.newino, 67), 'AGI_FIELD newino'],
  ])('%s', (_, place, change, code) => expect(found(place, change)).toEqual([code]));
});

test('an AGF that is something else: its magic, and not what lies where its LSN was', () => {
  const garbage = (v: DataView) => {
    for (let at = 0; at < v.byteLength; at += 4) v.setUint32(at, 0x12345678);
  };
  expect(found(header(1, AGF.offset.crc), garbage)).not.toContain('LSN_AHEAD lsn');
});

describe('inodes', () => {
  const file = inode(files[0]!.ino);
  const root = inode(geometry.rootino);
  const free = inode(geometry.rootino + 40);
  const kind = (type: number) => (v: DataView) => v.setUint16(AT.mode, type);
  const flag = (bit: number) => (v: DataView) => v.setUint16(AT.flags, 1 << bit);
  const flag2 = (bit: number) => (v: DataView) =>
    v.setUint32(AT.flags2 + 4, v.getUint32(AT.flags2 + 4) | (1 << bit));
  /** Makes the file a special one that owns nothing. */
  const special = (type: number, more: (view: DataView) => void) => (v: DataView) => {
    kind(type)(v);
    v.setUint8(AT.format, 0);
    v.setUint8(AT.forkoff, 0);
    v.setUint32(AT.big_nextents + 4, 0);
    for (let at = AT.size; at < AT.extsize + 8; at += 4) v.setUint32(at, 0);
    v.setUint32(INODE_CORE_BYTES, 0);
    more(v);
  };

  test.each<[string, Place, (view: DataView) => void, string]>([
    ['pad', file, (v) => v.setUint32(AT.pad2 + 8, 1), 'v3.pad2'],
    ['event mask', file, (v) => v.setUint32(AT.dmevmask, 1), 'core.dmevmask'],
    ['event state', root, (v) => v.setUint16(AT.dmstate, 1), 'core.dmstate'],
    ['a flag of directories', file, flag(DIFLAG.PROJINHERIT), 'core.flags'],
    ['no symlinks in a file', file, flag(DIFLAG.NOSYMLINKS), 'core.flags'],
    ['a new bitmap that is none', file, flag(DIFLAG.NEWRTBM), 'core.newrtbm'],
    [
      'a time beyond the last',
      file,
      (v) => {
        v.setUint32(AT.mtime, 0xffffffff);
        v.setUint32(AT.mtime + 4, 0xffffffff);
      },
      'core.mtime',
    ],
    ['attribute format without a fork', root, (v) => v.setUint8(AT.aformat, 0), 'core.aformat'],
    ['flags of a free inode', free, flag(DIFLAG.NODUMP), 'core.flags'],
    ['unknown flags of a free inode', free, (v) => v.setUint8(AT.flags2, 1), 'v3.flags2'],
    ['fork of a free inode', free, (v) => v.setUint8(AT.forkoff, 24), 'core.forkoff'],
    ['format of a free inode', free, (v) => v.setUint8(AT.format, 3), 'core.format'],
    ['extents of a free inode', free, (v) => v.setUint32(AT.nextents, 3), 'core.nextents'],
  ])('%s', (_, place, change, field) =>
    expect(new Set(found(place, change))).toEqual(new Set([`INODE_CORE ${field}`])),
  );

  test.each<[string, (view: DataView) => void, string]>([
    ['size of a pipe', special(0o010644, (v) => v.setUint32(AT.size + 4, 5)), 'core.size'],
    ['device number of a socket', special(0o140644, (v) => v.setUint32(INODE_CORE_BYTES, 5)), 'u3.dev'],
    ['direct access to a device', special(0o060644, flag2(DIFLAG2.DAX)), 'v3.dax'],
    ['realtime device file', special(0o020644, flag(DIFLAG.REALTIME)), 'core.realtime'],
  ])('%s', (_, change, field) => expect(found(file, change)).toContain(`INODE_CORE ${field}`));

  test('a device number of a device says nothing', () => {
    const change = special(0o020644, (v) => v.setUint32(INODE_CORE_BYTES, 5));
    expect(found(file, change).filter((f) => f.startsWith('INODE'))).toEqual([]);
  });
});

test('a btree whose extents would fit into the fork', () => {
  const change = (v: DataView) => v.setUint8(AT.format, 3);
  const told = found(inode(files[0]!.ino), change);
  expect(told[0]).toBe('INODE_CORE core.nextents');
});

test('an unwritten extent in a directory: reported, and its blocks are known all the same', () => {
  const { ino } = files[0]!;
  const change = (v: DataView) => {
    v.setUint16(AT.mode, 0o040755);
    v.setUint8(INODE_CORE_BYTES, 0x80);
  };
  withEdit(device, inode(ino), change, () => {
    const seen = observe(device);
    const told = seen.findings.filter((f) => f.code === 'INODE_EXTENT');
    expect(told.map((f) => f.message)).toEqual([`inode ${ino} data fork: offset 0: extent 1 is unwritten`]);
    const { owners } = seen.ags[0]!;
    expect(owners.owner.slice(0, owners.length)).toContain(ino);
  });
});
