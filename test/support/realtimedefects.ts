/** Damage to a realtime section: each row changes one thing of a realtime image. */
import type { FindingCode } from '../../src/format/findings.ts';
import { DINODE, INODE_CORE_BYTES } from '../../src/format/inode.ts';
import { SUPERBLOCK } from '../../src/format/superblock.ts';
import { type RealtimeImage, settleRealtime, settleSummary } from './realtimeimage.ts';
import { changeInode, changeSuperblock, packExtent } from './specialimage.ts';

export interface RealtimeDefect {
  readonly name: string;
  /** All findings, in their order. */
  readonly codes: readonly FindingCode[];
  /** xfs_repair 6.1 calls the image clean. */
  readonly missedByRepair?: boolean;
  readonly options?: readonly string[];
  plant(image: RealtimeImage): void;
}

type Sb = Parameters<Parameters<typeof changeSuperblock>[1]>[0];

const sb = (name: string, codes: readonly FindingCode[], change: (sb: Sb) => void): RealtimeDefect => ({
  name,
  codes,
  plant: ({ device }) => changeSuperblock(device, change),
});

function rbmino({ device }: RealtimeImage): number {
  return SUPERBLOCK.over(device.bytes).rbmino;
}

/** The `nth` extent of a file replaced. */
function remap(
  image: RealtimeImage,
  file: number,
  nth: number,
  fileoff: number,
  fsbno: number,
  count: number,
): void {
  const { device, geometry, files } = image;
  changeInode(device, geometry, files[file]!.ino, (inode, view) => {
    const at = INODE_CORE_BYTES + 16 * nth;
    const before = Number(view.getBigUint64(at + 8) & 0x1fffffn);
    inode.nblocks += count - before;
    packExtent(view, at, { fileoff, fsbno, count });
  });
}

export const REALTIME_DEFECTS: readonly RealtimeDefect[] = [
  {
    name: 'a mapped extent called free',
    codes: ['RT_MAPPED_FREE'],
    plant: ({ bitmap }) => void (bitmap[0]! |= 2),
  },
  {
    name: 'a mapped extent called free, and summary and counter with it',
    codes: ['RT_MAPPED_FREE'],
    plant: (image) => {
      image.bitmap[12]! |= 0x20;
      settleSummary(image);
      changeSuperblock(image.device, (s) => s.frextents++);
    },
  },
  {
    name: 'a free extent called used',
    codes: ['RT_LEAKED'],
    plant: ({ bitmap }) => void (bitmap[40]! &= 0xef),
  },
  {
    name: 'a block of the bitmap overwritten',
    codes: ['RT_MAPPED_FREE', 'RT_LEAKED', 'RT_BITMAP_TAIL'],
    plant: ({ bitmap }) => void bitmap.fill(0x5a),
  },
  {
    name: 'a bit behind the last extent',
    codes: ['RT_BITMAP_TAIL'],
    plant: ({ device, bitmap }) => {
      const { rextents } = SUPERBLOCK.over(device.bytes);
      bitmap[(rextents >>> 3) + 1]! |= 1;
    },
  },
  {
    name: 'a word of the summary too large',
    codes: ['RT_SUMMARY'],
    plant: ({ summary }) => void summary[0]!++,
  },
  {
    name: 'a word of the summary lost',
    codes: ['RT_SUMMARY'],
    plant: ({ summary }) => void summary.fill(0),
  },
  {
    name: 'a word behind the summary',
    codes: ['RT_SUMMARY'],
    plant: ({ summary }) => void (summary[summary.length - 1] = 1),
  },
  sb('the counter too large', ['RT_FREE_COUNT'], (s) => s.frextents++),
  sb('the counter too small', ['RT_FREE_COUNT'], (s) => s.frextents--),
  {
    name: 'size of the bitmap inode',
    codes: ['RT_INODE'],
    plant: (image) =>
      changeInode(image.device, image.geometry, rbmino(image), (inode) => (inode.size += 4096n)),
  },
  {
    name: 'size of the summary inode',
    codes: ['RT_INODE'],
    plant: (image) =>
      changeInode(image.device, image.geometry, rbmino(image) + 1, (inode) => (inode.size = 8n)),
  },
  {
    name: 'a hole in the bitmap',
    codes: ['RT_INODE'],
    plant: (image) =>
      changeInode(image.device, image.geometry, rbmino(image), (_, view) => {
        const at = INODE_CORE_BYTES;
        view.setBigUint64(at, view.getBigUint64(at) + (1n << 9n));
      }),
  },
  {
    name: 'an unwritten bitmap',
    codes: ['INODE_EXTENT'],
    plant: (image) =>
      changeInode(image.device, image.geometry, rbmino(image), (_, view) => {
        view.setUint8(INODE_CORE_BYTES, 0x80 | view.getUint8(INODE_CORE_BYTES));
      }),
  },
  {
    name: 'an extent that another file holds',
    codes: ['RT_CROSS_LINK', 'RT_LEAKED'],
    plant: (image) => remap(image, 1, 2, 200, 40, 4),
  },
  {
    name: 'half an extent that another file holds the other half of',
    codes: ['RT_CROSS_LINK', 'RT_LEAKED'],
    plant: (image) => {
      remap(image, 0, 3, 40, 8, 2);
      remap(image, 1, 2, 200, 10, 2);
    },
  },
  {
    name: 'an extent that begins inside a realtime extent',
    codes: ['RT_PARTIAL'],
    plant: (image) => remap(image, 1, 2, 201, 1001, 3),
  },
  {
    name: 'an extent that ends inside a realtime extent',
    codes: ['RT_PARTIAL'],
    missedByRepair: true,
    plant: (image) => remap(image, 1, 2, 200, 1000, 3),
  },
  {
    name: 'an extent moved to free space',
    codes: ['RT_MAPPED_FREE', 'RT_LEAKED'],
    plant: (image) => remap(image, 1, 2, 200, 2000, 4),
  },
  {
    name: 'an extent behind the device',
    codes: ['INODE_EXTENT', 'INODE_BLOCK_COUNT'],
    plant: (image) => remap(image, 1, 2, 200, 2 ** 30, 4),
  },
  sb('blocks of the bitmap', ['SB_FIELD'], (s) => s.rbmblocks++),
  sb('logarithm of the extents', ['SB_FIELD'], (s) => s.rextslog++),
  sb('extents', ['SB_FIELD'], (s) => s.rextents--),
  {
    name: 'a directory as bitmap inode',
    codes: ['RT_INODE'],
    plant: (image) => {
      changeInode(image.device, image.geometry, rbmino(image), (inode) => {
        inode.mode = 0o040600;
      });
    },
  },
  {
    name: 'two files gone from the map',
    codes: ['RT_LEAKED'],
    plant: (image) => {
      for (const { ino } of image.files) {
        changeInode(image.device, image.geometry, ino, (inode) => {
          inode.nblocks = 0;
          if (image.geometry.features.nrext64) inode.big_nextents = 0n;
          else inode.nextents = 0;
        });
      }
    },
  },
];

/** Sound variants: nothing in use, all in use at the end, runs across blocks of the bitmap. */
export const REALTIME_LAYOUTS: readonly { readonly name: string; plant(image: RealtimeImage): void }[] = [
  {
    name: 'the last extents in use',
    plant: (image) => {
      const { rextents } = SUPERBLOCK.over(image.device.bytes);
      remap(image, 1, 2, 200, (rextents - 3) * 4, 12);
      settleRealtime(image, extentsOf(image));
    },
  },
  {
    name: 'a run across the end of a block of the bitmap',
    plant: (image) => {
      remap(image, 1, 2, 200, 8 * image.geometry.blocksize * 4 - 40, 80);
      settleRealtime(image, extentsOf(image));
    },
  },
];

function extentsOf({
  device,
  geometry,
  files,
}: RealtimeImage): { fileoff: number; fsbno: number; count: number }[] {
  return files.flatMap(({ ino }) => {
    const at = geometry.inoByte(ino);
    const view = new DataView(device.bytes.buffer, device.bytes.byteOffset + at, geometry.inodesize);
    const inode = DINODE.over(device.bytes.subarray(at, at + geometry.inodesize));
    const count = geometry.features.nrext64 ? Number(inode.big_nextents) : inode.nextents;
    return Array.from({ length: count }, (_, i) => {
      const low = view.getBigUint64(INODE_CORE_BYTES + 16 * i + 8);
      const high = view.getBigUint64(INODE_CORE_BYTES + 16 * i);
      return {
        fileoff: Number((high >> 9n) & 0x3fffffffffffffn),
        fsbno: Number(((high & 0x1ffn) << 43n) | (low >> 21n)),
        count: Number(low & 0x1fffffn),
      };
    });
  });
}
