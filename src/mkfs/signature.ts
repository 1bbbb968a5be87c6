/**
 * What may already be on a target: one row per format, so that mkfs does not overwrite somebody's data unasked.
 * A row is a magic at one of some offsets; a negative offset counts from the end (the last 512-byte sector starts
 * at -512). Offsets are bytes.
 */
import { type Device, readBytes } from '../device/device.ts';

type BytesAt = (relative: number, length: number) => Uint8Array;

export interface SignatureRow {
  readonly name: string;
  readonly kind: 'filesystem' | 'partition table' | 'volume';
  readonly offsets: readonly number[];
  readonly magic: readonly number[];
  /** More than the magic must fit; `at` reads bytes relative to the magic. */
  readonly also?: (bytesAt: BytesAt) => boolean;
}

const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

const signature = (
  name: string,
  kind: SignatureRow['kind'],
  offsets: number | readonly number[],
  magic: string | readonly number[],
  also?: SignatureRow['also'],
): SignatureRow => ({
  name,
  kind,
  offsets: typeof offsets === 'number' ? [offsets] : offsets,
  magic: typeof magic === 'string' ? ascii(magic) : magic,
  ...(also ? { also } : {}),
});

/** The four partition entries before the 55 AA are in state 0 or 80; a table without partitions is one too. */
function isPartitionTable(bytesAt: BytesAt): boolean {
  const entries = bytesAt(-64, 64);
  return [0, 16, 32, 48].every((at) => (entries[at]! & 0x7f) === 0);
}

/** The 256 big endian words of a Sun label, its magic the last but one, cancel out. */
function isSunLabel(bytesAt: BytesAt): boolean {
  const label = bytesAt(-508, 512);
  let sum = 0;
  for (let at = 0; at < 512; at += 2) sum ^= (label[at]! << 8) | label[at + 1]!;
  return sum === 0;
}

/** Two bytes are little to go by: zones of one block, and a state that exists; offsets from the magic. */
const isMinix = (zoneSize: number, state: number | undefined) => (bytesAt: BytesAt) =>
  bytesAt(zoneSize, 2).every((byte) => byte === 0) &&
  (state === undefined || (bytesAt(state, 2)[0]! <= 3 && bytesAt(state, 2)[1] === 0));

const follows = (relative: number, text: string) => (bytesAt: BytesAt) =>
  String.fromCharCode(...bytesAt(relative, text.length)) === text;

const MD_MAGIC = [0xfc, 0x4e, 0x2b, 0xa9];
const SWAP_PAGES = [4096, 8192, 16384, 32768, 65536];
const KIB = 1024;

/** The more telling first: a GPT has a protective MBR, a FAT boot sector ends as an MBR does. */
export const SIGNATURES: readonly SignatureRow[] = [
  signature('xfs', 'filesystem', 0, 'XFSB'),
  signature('ext2/3/4', 'filesystem', 1080, [0x53, 0xef]),
  signature('btrfs', 'filesystem', 64 * KIB + 64, '_BHRfS_M'),
  signature('bcachefs', 'filesystem', 4 * KIB + 24, [0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9]),
  signature('bcache', 'volume', 4 * KIB + 24, [0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca]),
  signature('f2fs', 'filesystem', KIB, [0x10, 0x20, 0xf5, 0xf2]),
  signature('erofs', 'filesystem', KIB, [0xe2, 0xe1, 0xf5, 0xe0]),
  signature('nilfs2', 'filesystem', KIB + 6, [0x34, 0x34]),
  signature('squashfs', 'filesystem', 0, 'hsqs'),
  signature('jfs', 'filesystem', 32 * KIB, 'JFS1'),
  signature('reiserfs', 'filesystem', [64 * KIB + 52, 8 * KIB + 52], 'ReIsEr'),
  signature('gfs2', 'filesystem', 64 * KIB, [0x01, 0x16, 0x19, 0x70]),
  signature('ocfs2', 'filesystem', [KIB, 2 * KIB, 4 * KIB, 8 * KIB], 'OCFSV2'),
  signature('zfs', 'volume', [128 * KIB, 256 * KIB + 128 * KIB], [0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0]),
  signature('apfs', 'filesystem', 32, 'NXSB'),
  signature('hfsplus', 'filesystem', KIB, 'H+'),
  signature('hfsplus', 'filesystem', KIB, 'HX'),
  signature('iso9660', 'filesystem', 32 * KIB + 1, 'CD001'),
  signature('udf', 'filesystem', [32 * KIB + 1, 34 * KIB + 1, 36 * KIB + 1], 'NSR0'),
  signature('ntfs', 'filesystem', 3, 'NTFS    '),
  signature('exfat', 'filesystem', 3, 'EXFAT   '),
  signature('BitLocker', 'volume', 3, '-FVE-FS-'),
  ...[0x7f, 0x8f].map((low) => signature('minix', 'filesystem', KIB + 16, [low, 0x13], isMinix(-6, 2))),
  ...[0x68, 0x78].map((low) => signature('minix', 'filesystem', KIB + 16, [low, 0x24], isMinix(-6, 2))),
  signature('minix', 'filesystem', KIB + 24, [0x5a, 0x4d], isMinix(-12, undefined)),
  signature('bfs', 'filesystem', 0, [0xce, 0xfa, 0xad, 0x1b]),
  signature('cramfs', 'filesystem', [0, 512], [0x45, 0x3d, 0xcd, 0x28]),
  signature('cramfs', 'filesystem', [0, 512], [0x28, 0xcd, 0x3d, 0x45]),
  signature('romfs', 'filesystem', 0, '-rom1fs-'),
  signature('reiser4', 'filesystem', 64 * KIB, 'ReIsEr4'),
  signature('hpfs', 'filesystem', 8 * KIB, [0x49, 0xe8, 0x95, 0xf9]),
  signature('vxfs', 'filesystem', KIB, [0xf5, 0xfc, 0x01, 0xa5]),
  ...[0, 8, 64, 256].flatMap((kib) =>
    [
      [0x54, 0x19, 0x01, 0x00],
      [0x00, 0x01, 0x19, 0x54],
      [0x19, 0x01, 0x54, 0x19],
      [0x19, 0x54, 0x01, 0x19],
    ].map((magic) => signature('ufs', 'filesystem', kib * KIB + 1372, magic)),
  ),
  signature('vmfs', 'volume', KIB * KIB, [0x0d, 0xd0, 0x01, 0xc0]),
  signature('vmfs', 'filesystem', 2 * KIB * KIB, [0x5e, 0xf1, 0xab, 0x2f]),
  signature('vfat', 'filesystem', 82, 'FAT32   '),
  signature('vfat', 'filesystem', 54, 'FAT1'),
  ...SWAP_PAGES.flatMap((page) => [
    signature('swap', 'volume', page - 10, 'SWAPSPACE2'),
    signature('swap', 'volume', page - 10, 'SWAP-SPACE'),
  ]),
  ...SWAP_PAGES.flatMap((page) =>
    ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'].map((magic) =>
      signature('swsuspend', 'volume', page - 10, magic),
    ),
  ),
  signature('oracleasm', 'volume', 32, 'ORCLDISK'),
  signature('stratis', 'volume', 520, '!Stra0tis'),
  signature('ddf_raid_member', 'volume', -512, [0xde, 0x11, 0xde, 0x11]),
  signature('isw_raid_member', 'volume', -1024, 'Intel Raid ISM Cfg Sig. '),
  signature('LVM2_member', 'volume', [0, 512, 1024, 1536], 'LABELONE', follows(24, 'LVM2 001')),
  signature('crypto_LUKS', 'volume', 0, [...ascii('LUKS'), 0xba, 0xbe]),
  signature('linux_raid_member', 'volume', [0, 4 * KIB, -8 * KIB, -64 * KIB, -128 * KIB], MD_MAGIC),
  signature('gpt', 'partition table', [512, 4 * KIB, -512, -4 * KIB], 'EFI PART'),
  signature('bsd', 'partition table', [0, 64, 512], [0x57, 0x45, 0x56, 0x82]),
  signature('mac', 'partition table', 512, [0x50, 0x4d, 0, 0]),
  signature('sgi', 'partition table', 0, [0x0b, 0xe5, 0xa9, 0x41]),
  signature('sun', 'partition table', 508, [0xda, 0xbe], isSunLabel),
  signature('dos', 'partition table', 510, [0x55, 0xaa], isPartitionTable),
];

function bytesOrNothing(device: Device, offset: number, length: number): Uint8Array | undefined {
  if (offset < 0 || offset + length > device.size) return undefined;
  return readBytes(device, offset, length);
}

function matches(device: Device, row: SignatureRow, offset: number): boolean {
  const at = offset < 0 ? device.size + offset : offset;
  const found = bytesOrNothing(device, at, row.magic.length);
  if (!found || !row.magic.every((byte, i) => found[i] === byte)) return false;
  const bytesAt = (relative: number, length: number): Uint8Array =>
    bytesOrNothing(device, at + relative, length) ?? new Uint8Array(length);
  return row.also ? row.also(bytesAt) : true;
}

/** The first format recognised on the device, or undefined. */
export function findSignature(device: Device): SignatureRow | undefined {
  return SIGNATURES.find((row) => row.offsets.some((offset) => matches(device, row, offset)));
}
