/** Damage to quota: each row changes one thing of a quota image, and should give one finding. */
import { sealCrc } from '../../src/format/checksum.ts';
import { DISK_DQUOT, DQBLK, DQUOT_CRC_OFFSET, QFLAG, type QuotaType } from '../../src/format/dquot.ts';
import type { FindingCode } from '../../src/format/findings.ts';
import { FORK, INODE_CORE_BYTES } from '../../src/format/inode.ts';
import {
  changeInode,
  changeSuperblock,
  packExtent,
  type QuotaImage,
  reindex,
  writeInode,
} from './specialimage.ts';

export interface QuotaDefect {
  readonly name: string;
  readonly code: FindingCode;
  /** All findings, when there are others with it. */
  readonly codes?: readonly FindingCode[];
  /** xfs_repair 6.1 calls the image clean. */
  readonly missedByRepair?: boolean;
  readonly options?: readonly string[];
  plant(image: QuotaImage): void;
}

type Dquot = ReturnType<typeof DISK_DQUOT.over>;

/** Changes a record and seals it. */
export function changeDquot(
  { device, dquotByte }: QuotaImage,
  type: QuotaType,
  id: number,
  change: (record: Dquot, bytes: Uint8Array) => void,
): void {
  const at = dquotByte(type, id);
  const bytes = device.bytes.subarray(at, at + DQBLK.size);
  change(DISK_DQUOT.over(bytes), bytes);
  sealCrc(bytes, DQUOT_CRC_OFFSET, 0, DQBLK.size);
}

const field = (
  name: string,
  code: FindingCode,
  type: QuotaType,
  id: number,
  change: (record: Dquot, bytes: Uint8Array) => void,
  more: Partial<QuotaDefect> = {},
): QuotaDefect => ({ name, code, plant: (image) => changeDquot(image, type, id, change), ...more });

const flags = (
  name: string,
  change: (sb: Parameters<Parameters<typeof changeSuperblock>[1]>[0]) => void,
  more: Partial<QuotaDefect> = {},
): QuotaDefect => ({
  name,
  code: 'QUOTA_FLAGS',
  plant: ({ device }) => changeSuperblock(device, change),
  ...more,
});

export const QUOTA_DEFECTS: readonly QuotaDefect[] = [
  field('blocks too many', 'QUOTA_COUNT', 'user', 100_000, (d) => (d.bcount += 1n)),
  field('blocks too few', 'QUOTA_COUNT', 'group', 100, (d) => (d.bcount -= 1n)),
  field('inodes too many', 'QUOTA_COUNT', 'project', 42, (d) => (d.icount += 1n)),
  field('inodes of root too few', 'QUOTA_COUNT', 'user', 0, (d) => (d.icount -= 1n)),
  field('realtime blocks of nobody', 'QUOTA_COUNT', 'user', 7, (d) => (d.rtbcount = 1n)),
  field('use of an id that nobody has', 'QUOTA_COUNT', 'user', 8, (d) => (d.bcount = 5n)),
  field('above a soft limit by a wrong count', 'QUOTA_COUNT', 'user', 100_000, (d) => {
    d.blk_softlimit = 1000n;
    d.bcount = 2n ** 60n;
  }),
  field('magic', 'DQUOT_FIELD', 'user', 0, (d) => (d.magic = 0x4452)),
  field('version', 'DQUOT_FIELD', 'user', 3, (d) => (d.version = 2)),
  field('another type', 'DQUOT_FIELD', 'user', 7, (d) => (d.type = 0x84)),
  field('no type', 'DQUOT_FIELD', 'group', 3, (d) => (d.type = 0)),
  field('an unknown bit of the type', 'DQUOT_FIELD', 'group', 3, (d) => (d.type |= 0x20)),
  field('big timers of id 0', 'DQUOT_FIELD', 'project', 0, (d) => (d.type |= 0x80)),
  field('big timers without the feature', 'DQUOT_FIELD', 'user', 7, (d) => (d.type |= 0x80), {
    options: ['m.bigtime=0'],
  }),
  field('another id', 'DQUOT_FIELD', 'user', 7, (d) => (d.id = 9)),
  field('the id of another block', 'DQUOT_FIELD', 'user', 0, (d) => (d.id = 30)),
  field('uuid', 'DQUOT_FIELD', 'user', 7, (_, bytes) => (bytes[DQBLK.offset.uuid]! ^= 1)),
  field('soft limit exceeded without a timer', 'DQUOT_FIELD', 'user', 7, (d) => (d.btimer = 0)),
  field('inode limit exceeded without a timer', 'DQUOT_FIELD', 'group', 100, (d) => (d.ino_softlimit = 1n), {
    options: ['b.size=1024'],
  }),
  field('soft limit above the hard one', 'DQUOT_FIELD', 'user', 7, (d) => (d.blk_softlimit = 1001n), {
    missedByRepair: true,
  }),
  field('pad', 'DQUOT_FIELD', 'user', 7, (d) => (d.pad0 = 1), { missedByRepair: true }),
  field('fill', 'DQUOT_FIELD', 'user', 7, (_, bytes) => (bytes[DQBLK.offset.fill]! = 1), {
    missedByRepair: true,
  }),
  {
    name: 'checksum',
    code: 'DQUOT_CRC',
    plant: ({ device, dquotByte }) =>
      void (device.bytes[dquotByte('user', 7) + DISK_DQUOT.offset.blk_hardlimit]! ^= 1),
  },
  {
    name: 'a block of zeros',
    code: 'DQUOT_CRC',
    plant: ({ device, dquotByte, geometry }) => {
      const at = dquotByte('project', 0);
      device.bytes.fill(0, at, at + geometry.blocksize);
    },
  },
  {
    name: 'the last record of a block overwritten',
    code: 'DQUOT_CRC',
    plant: ({ device, dquotByte }) => {
      const at = dquotByte('project', 29);
      device.bytes.fill(0x58, at, at + DQBLK.size);
    },
  },
  {
    name: 'a missing block',
    code: 'QUOTA_MISSING',
    plant: (image) => {
      const { device, geometry, inodes } = image;
      const byte = image.dquotByte('user', 0);
      const fsbno = geometry.fsbno(2, (byte / geometry.blocksize) % geometry.agblocks);
      writeInode(device, geometry, inodes.user, 0, [{ fileoff: 0, fsbno, count: 1 }]);
      reindex(device);
    },
  },
  {
    name: 'a block in the place of another',
    code: 'DQUOT_FIELD',
    codes: ['QUOTA_MISSING', 'DQUOT_FIELD', 'RMAP_WRONG'],
    plant: ({ device, geometry, inodes, dquotByte }) => {
      const block = dquotByte('group', 90) / geometry.blocksize;
      const fsbno = geometry.fsbno(2, block % geometry.agblocks);
      changeInode(device, geometry, inodes.group, (_, view) =>
        packExtent(view, INODE_CORE_BYTES + 16, { fileoff: 4, fsbno, count: 1 }),
      );
    },
  },
  {
    name: 'a block behind the last id',
    code: 'QUOTA_MAPPING',
    plant: ({ device, geometry, inodes }) => {
      const bytes = geometry.inoByte(inodes.project) + INODE_CORE_BYTES;
      const fsbno = geometry.fsbno(2, 1200);
      writeExtra(device.bytes, bytes, fsbno);
      changeInode(device, geometry, inodes.project, (inode) => {
        inode.nblocks++;
        if (geometry.features.nrext64) inode.big_nextents++;
        else inode.nextents++;
      });
      reindex(device);
    },
  },
  {
    name: 'an unwritten block',
    code: 'INODE_EXTENT',
    plant: ({ device, geometry, inodes }) =>
      changeInode(device, geometry, inodes.group, (_, view) => {
        view.setUint8(INODE_CORE_BYTES, view.getUint8(INODE_CORE_BYTES) | 0x80);
      }),
  },
  {
    name: 'size of a quota inode',
    code: 'QUOTA_INODE',
    plant: ({ device, geometry, inodes }) =>
      changeInode(device, geometry, inodes.user, (inode) => (inode.size = 4096n)),
  },
  {
    name: 'attributes of a quota inode',
    code: 'QUOTA_INODE',
    missedByRepair: true,
    plant: ({ device, geometry, inodes }) =>
      changeInode(device, geometry, inodes.user, (inode, view) => {
        inode.forkoff = 30;
        inode.aformat = FORK.LOCAL;
        view.setUint32(INODE_CORE_BYTES + 240, 0x00040000);
      }),
  },
  {
    name: 'a quota inode that is free',
    code: 'QUOTA_INODE',
    plant: ({ device, inodes }) => changeSuperblock(device, (sb) => (sb.uquotino = inodes.project + 5)),
  },
  {
    name: 'a quota inode outside the filesystem',
    code: 'QUOTA_INODE',
    plant: ({ device }) => changeSuperblock(device, (sb) => (sb.gquotino = 2 ** 40)),
  },
  {
    name: 'the root directory as quota inode',
    code: 'QUOTA_INODE',
    plant: ({ device, geometry }) => changeSuperblock(device, (sb) => (sb.pquotino = geometry.rootino)),
  },
  {
    name: 'one inode for two types',
    code: 'QUOTA_INODE',
    plant: ({ device, inodes }) => changeSuperblock(device, (sb) => (sb.pquotino = inodes.user)),
  },
  {
    name: 'ids of a file changed',
    code: 'QUOTA_COUNT',
    codes: ['QUOTA_COUNT', 'QUOTA_COUNT'],
    plant: ({ device, geometry, files }) =>
      changeInode(device, geometry, files[0]!.ino, (inode) => (inode.uid = 8)),
  },
  flags('an unknown quota flag', (sb) => (sb.qflags |= 0x1000), { missedByRepair: true }),
  flags('counted but not accounted', (sb) => (sb.qflags &= ~QFLAG.user.acct), { missedByRepair: true }),
  flags('accounted without an inode', (sb) => (sb.pquotino = 0)),
];

/** Writes a third extent record, of the block behind that of the greatest id. */
function writeExtra(bytes: Uint8Array, byte: number, fsbno: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = byte;
  while (view.getBigUint64(at + 8) !== 0n) at += 16;
  packExtent(view, at, { fileoff: 143_165_577, fsbno, count: 1 });
}
