/**
 * Shortform directory, in the data fork of its inode: count, i8count, parent, then the entries one after another.
 * i8count counts the inode numbers above 2^32 (parent included); when it is not zero every number takes 8 bytes.
 * An entry's offset is the one it would have in a block form directory: from 0x60 on, strictly growing. The
 * directory's size is exactly the length of this.
 */
import { char, count64, u8, u16, u32 } from './kinds.ts';
import { layout, type Row, row, type Scope } from './struct.ts';

/** Bytes of the header with a 4-byte parent. */
export const SFDIR_HEADER_BYTES = 6;

const hasI8 = (directory: Scope) => directory.view.getUint8((directory.bit >>> 3) + 1) !== 0;

/** An inode number of four or eight bytes; `directory` finds the scope of the whole shortform directory. */
function inodeNumber(name: string, directory: (scope: Scope) => Scope) {
  const rows: Row[] = [
    row('i8', count64, 'inode', { when: (s) => hasI8(directory(s)), goto: 'inode', unit: 'ino' }),
    row('i4', u32, 'inode', { when: (s) => !hasI8(directory(s)), goto: 'inode', unit: 'ino' }),
  ];
  return layout(name, 'Inode number, 4 or 8 bytes', rows, (s) => (hasI8(directory(s)) ? 64 : 32));
}

/** Number -> header or entry -> directory. */
const number = inodeNumber('sfdir_inumber', (scope) => scope.outer!.outer!);

const SFDIR_HEADER = layout('sfdir_hdr', 'Header of a shortform directory', [
  row('count', u8, 'entries'),
  row('i8count', u8, 'inode numbers above 2^32; 0 = all take 4 bytes'),
  row('parent', number, 'parent directory'),
]);

const SFDIR_ENTRY = layout('sfdir_entry', 'Entry of a shortform directory', [
  row('namelen', u8, 'bytes of the name', { order: 0 }),
  row('offset', u16, 'offset it would have in a block', { shown: 'hex', order: 1 }),
  row('name', char, 'name', {
    count: (scope) => scope.view.getUint8(scope.bit >>> 3),
    shown: 'text',
    order: 2,
  }),
  row('filetype', u8, 'file type', { when: (scope) => scope.geometry.features.ftype, order: 4 }),
  row('inumber', number, 'inode', { order: 3 }),
]);

export const SFDIR = layout('sfdir', 'Shortform directory', [
  row('hdr', SFDIR_HEADER, 'header'),
  row('list', SFDIR_ENTRY, 'entries', { count: (scope) => scope.view.getUint8(scope.bit >>> 3) }),
]);
