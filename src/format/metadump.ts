/**
 * Metadata dumps: files that hold the metadata blocks of a filesystem and nothing else, written by metadump and
 * turned back into a (sparse) filesystem by mdrestore. All numbers are big-endian, addresses count 512-byte sectors.
 *
 * Version 1: blocks of 32 KiB, each a sector with this header and room for 63 addresses, then as many sectors of
 * data as `count` says. A block with fewer than 63 ends the dump, so there is always one. The first sector of the
 * dump is the primary superblock.
 *
 * Version 2: a header, then extents until the end of the file, each with its own header and data. The two bits above
 * an address tell the device. The first extent is the primary superblock, one filesystem sector.
 */
import { u8, u16, u32, u64 } from './kinds.ts';
import { row, struct } from './struct.ts';

export const DUMP_MAGIC_V1 = 0x5846534d;
export const DUMP_MAGIC_V2 = 0x584d4432;

export const DUMP_SECTOR = 512;
/** log2 of the above, as a dump of version 1 records it. */
export const DUMP_SECTOR_LOG = 9;

export const DUMP_BLOCK = struct('metadump_block', 8, 'Header of a block of a metadata dump, version 1', [
  row('magic', u32, '"XFSM"', { shown: 'hex' }),
  row('count', u16, 'sectors in this block; fewer than 63: the last'),
  row('blocklog', u8, 'log2 of the sector size, 9'),
  row('info', u8, 'flags: 1 flags are valid, 2 names are obfuscated, 4 whole blocks, 8 the log is dirty', {
    shown: 'hex',
  }),
]);

/** Addresses in the first sector of a block. */
export const DUMP_BLOCK_SECTORS = (DUMP_SECTOR - DUMP_BLOCK.size) / 8;

/** Flags of version 1. */
export const DUMP_INFO = { VALID: 1, OBFUSCATED: 2, FULL_BLOCKS: 4, DIRTY_LOG: 8 } as const;

export const DUMP_HEADER = struct('metadump_header', 24, 'Header of a metadata dump, version 2', [
  row('magic', u32, '"XMD2"', { shown: 'hex' }),
  row('version', u32, '2'),
  row('compat', u32, 'flags: 1 names are obfuscated, 2 whole blocks, 4 the log is dirty, 8 external log', {
    shown: 'hex',
  }),
  row('incompat', u32, 'flags: 1 holds a part of the realtime device', { shown: 'hex' }),
  row('reserved', u64, 'zero'),
]);

/** Compatible flags of version 2. */
export const DUMP_COMPAT = { OBFUSCATED: 1, FULL_BLOCKS: 2, DIRTY_LOG: 4, EXTERNAL_LOG: 8 } as const;
/** Incompatible flags of version 2. */
export const DUMP_INCOMPAT = { REALTIME: 1 } as const;

export const DUMP_EXTENT = struct(
  'metadump_extent',
  12,
  'Header of an extent of a metadata dump, version 2',
  [
    row('addr', u64, 'sector in bits 0 to 53, device in bits 54 and 55', { shown: 'hex' }),
    row('len', u32, 'sectors'),
  ],
);

/** Devices of an extent. */
export const DUMP_DEVICE = { DATA: 0, LOG: 1, REALTIME: 2 } as const;
/** The device stands in the bits from here on: 2 ** 22 in the upper half of the address. */
export const DUMP_DEVICE_SHIFT = 54;
