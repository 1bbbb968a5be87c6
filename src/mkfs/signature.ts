/**
 * What may already be on a target: one row per format, so that mkfs does not overwrite somebody's data unasked.
 * A row is a magic at one of some offsets; a negative offset counts from the end (the last 512-byte sector starts
 * at -512). Offsets are bytes.
 */
import { type Device, readBytes } from '../device/device.ts';

export interface SignatureRow {
  readonly name: string;
  readonly kind: 'filesystem' | 'partition table' | 'volume';
  readonly offsets: readonly number[];
  readonly magic: readonly number[];
  /** More than the magic must fit; `at` reads bytes relative to the magic. */
  readonly also?: (bytesAt: (relative: number, length: number) => Uint8Array) => boolean;
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

/** The four partition entries before the 55 AA: states 0 or 80, and one of them at least has a type and a length. */
function isPartitionTable(bytesAt: (relative: number, length: number) => Uint8Array): boolean {
  const entries = bytesAt(-64, 64);
  let used = false;
  for (let i = 0; i < 4; i++) {
    const entry = entries.subarray(i * 16, i * 16 + 16);
    if ((entry[0]! & 0x7f) !== 0) return false;
    if (entry[4] !== 0 && entry.subarray(12, 16).some((b) => b !== 0)) used = true;
  }
  return used;
}

const follows = (relative: number, text: string) => (bytesAt: (r: number, n: number) => Uint8Array) =>
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
  signature('vfat', 'filesystem', 82, 'FAT32   '),
  signature('vfat', 'filesystem', 54, 'FAT1'),
  ...SWAP_PAGES.flatMap((page) => [
    signature('swap', 'volume', page - 10, 'SWAPSPACE2'),
    signature('swap', 'volume', page - 10, 'SWAP-SPACE'),
  ]),
  signature('LVM2_member', 'volume', [0, 512, 1024, 1536], 'LABELONE', follows(24, 'LVM2 001')),
  signature('crypto_LUKS', 'volume', 0, [...ascii('LUKS'), 0xba, 0xbe]),
  signature('linux_raid_member', 'volume', [0, 4 * KIB, -8 * KIB, -64 * KIB, -128 * KIB], MD_MAGIC),
  signature('gpt', 'partition table', [512, 4 * KIB, -512, -4 * KIB], 'EFI PART'),
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
