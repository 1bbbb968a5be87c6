/**
 * What directories and attributes have in common: blocks of a "da" btree over name hashes, in the data or the
 * attribute fork of an inode. Every such block begins with the 56-byte blkinfo; nodes (3ebe) follow it with
 * count and level and then (hash, child) pairs, the hash being the greatest one below the child. forw and back
 * link the blocks of one level, 0 at the ends. Depth at most 5.
 */
import { count64, le32, u16, u32, u64, uuid } from './kinds.ts';
import { row, struct, type Unit } from './struct.ts';

/** Where the block numbers of a da block lead: they are file offsets of the fork the block is in. */
export interface DaPointer {
  readonly goto: string;
  readonly unit: Unit;
}

const DA_BLKINFO_SIZE = 56;

/** Common header; `pointer` tells the fork. */
export function daBlkinfo(name: string, pointer: DaPointer) {
  const links = struct(`${name}_hdr`, 12, 'Links and magic of a da block', [
    row('forw', u32, 'next block of this level, 0 = none', pointer),
    row('back', u32, 'previous block of this level, 0 = none', pointer),
    row('magic', u16, 'kind of block', { shown: 'hex' }),
    row('pad', u16, 'zero', { hidden: true, shown: 'hex' }),
  ]);
  return struct(name, DA_BLKINFO_SIZE, 'Common header of da blocks', [
    row('hdr', links, 'links and magic'),
    row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
    row('bno', u64, 'own daddr', { shown: 'null' }),
    row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
    row('uuid', uuid, 'metadata UUID'),
    row('owner', count64, 'inode', { shown: 'null' }),
  ]);
}

export function daNodeHeader(name: string, pointer: DaPointer) {
  return struct(name, 64, 'Header of a da node', [
    row('info', daBlkinfo(`${name}_info`, pointer), 'common header'),
    row('count', u16, 'children'),
    row('level', u16, '1 = just above the leaves'),
    row('pad', u32, 'zero', { hidden: true, shown: 'hex' }),
  ]);
}

export function daNodeEntry(name: string, pointer: DaPointer) {
  return struct(name, 8, 'Child of a da node', [
    row('hashval', u32, 'greatest hash below', { shown: 'hex' }),
    row('before', u32, 'child, file offset in blocks', pointer),
  ]);
}
