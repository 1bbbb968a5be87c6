/**
 * A small image in memory, made by our own mkfs and given a few files by hand: `alone` (two extents), `shared` and
 * `clone` (which share an extent in AG 2). For tests that must run without xfsprogs, kernel or root; that the image
 * is sound is shown by test/oracle/smallimage.test.ts.
 */
import { MemoryDevice } from '../../src/device/memory.ts';
import { sealCrc } from '../../src/format/checksum.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import {
  DIFLAG2,
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  INODE_CRC_OFFSET,
  S_IFREG,
} from '../../src/format/inode.ts';
import { buildAg } from '../../src/fs/space/build.ts';
import { chooseFilesystem } from '../../src/mkfs/choose.ts';
import { GivenOptions } from '../../src/mkfs/given.ts';
import { PLAIN_FILE } from '../../src/mkfs/stripe.ts';
import { writeFilesystem } from '../../src/mkfs/write.ts';
import { checkImage } from '../../src/repair/check.ts';
import { contentsOf, stageAg, stageCounters } from '../../src/repair/plan.ts';

export interface SmallFile {
  readonly name: string;
  readonly ino: number;
}

export interface SmallImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  readonly files: readonly SmallFile[];
}

interface Extent {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

/** Where the files lie: clear of headers, btrees, inodes and log. */
const CONTENT: readonly { name: string; reflink: boolean; extents: readonly Extent[] }[] = [
  {
    name: 'alone',
    reflink: false,
    extents: [
      { agno: 0, agbno: 700, count: 9 },
      { agno: 2, agbno: 600, count: 4 },
    ],
  },
  { name: 'shared', reflink: true, extents: [{ agno: 2, agbno: 800, count: 16 }] },
  { name: 'clone', reflink: true, extents: [{ agno: 2, agbno: 804, count: 8 }] },
];

/** For filesystems without sharing that need two files. */
const SECOND: (typeof CONTENT)[number] = {
  name: 'second',
  reflink: false,
  extents: [{ agno: 2, agbno: 650, count: 3 }],
};

/**
 * An empty filesystem of `bytes` in memory; `options` are spelled as on the command line, e.g. `m.rmapbt=0`. With
 * `realtimeBytes` it has a realtime section of that size, whose device holds nothing and is not returned.
 */
export function emptyImage(
  bytes: number,
  options: readonly string[] = [],
  realtimeBytes?: number,
): MemoryDevice {
  const given = new GivenOptions();
  given.add('m', 'uuid=0f0e0d0c-0b0a-4908-8706-050403020100');
  given.add('d', 'agcount=3');
  for (const option of options) given.add(option[0] as 'm', option.slice(2));
  const device = new MemoryDevice(new Uint8Array(bytes), 'small image');
  if (realtimeBytes !== undefined) given.add('r', 'rtdev=rt');
  const realtime =
    realtimeBytes === undefined
      ? undefined
      : { name: 'rt', bytes: realtimeBytes, topology: PLAIN_FILE, isFile: true };
  const { plan } = chooseFilesystem(
    given,
    { bytes, topology: PLAIN_FILE, ...(realtime ? { realtime } : {}) },
    { label: 'small', makeUuid: () => '', allowSmall: true, processors: 4 },
  );
  const side =
    realtimeBytes === undefined ? {} : { realtime: new MemoryDevice(new Uint8Array(realtimeBytes)) };
  writeFilesystem({ data: device, ...side }, plan, { seconds: 1_700_000_000, nanoseconds: 0 });
  return device;
}

export function smallImage(options: readonly string[] = [], realtimeBytes?: number): SmallImage {
  const device = emptyImage(48 << 20, options, realtimeBytes);
  const { observation } = checkImage(device);
  const { geometry } = observation;
  const first = geometry.rootino + 3;
  const alone = CONTENT.slice(0, 1);
  const plain = realtimeBytes === undefined ? alone : [...alone, SECOND];
  const content = geometry.features.reflink ? CONTENT : plain;
  content.forEach((file, i) => {
    writeFile(device, geometry, first + i, file.reflink, file.extents);
  });
  writeRoot(
    device,
    geometry,
    content.map((file, i) => ({ name: file.name, ino: first + i })),
  );
  const built = observation.ags.map((ag) => {
    const contents = contentsOf(geometry, ag);
    content.forEach((file, i) => {
      let offset = 0;
      for (const extent of file.extents) {
        if (extent.agno === ag.agno) contents.owners.push(extent.agbno, extent.count, first + i, offset, 0);
        offset += extent.count;
      }
    });
    if (ag.agno === 0) {
      contents.chunks.freecount[0]! -= content.length;
      contents.chunks.freeLow[0] = (0xffffffff << (3 + content.length)) >>> 0;
    }
    return buildAg(geometry, contents);
  });
  for (const ag of built) stageAg(geometry, device, ag);
  stageCounters(observation, device, new Map(built.map((ag) => [ag.agno, ag])));
  return { device, geometry, files: content.map((file, i) => ({ name: file.name, ino: first + i })) };
}

function writeFile(
  device: MemoryDevice,
  geometry: Geometry,
  ino: number,
  reflink: boolean,
  extents: readonly Extent[],
): void {
  const at = geometry.inoByte(ino);
  const bytes = device.bytes.subarray(at, at + geometry.inodesize);
  const inode = DINODE.over(bytes);
  const { bigtime, nrext64 } = geometry.features;
  const blocks = extents.reduce((sum, extent) => sum + extent.count, 0);
  inode.mode = S_IFREG | 0o644;
  inode.format = FORK.EXTENTS;
  inode.aformat = FORK.EXTENTS;
  inode.nlink = 1;
  inode.size = BigInt(blocks * geometry.blocksize);
  inode.nblocks = blocks;
  if (nrext64) inode.big_nextents = BigInt(extents.length);
  else inode.nextents = extents.length;
  inode.flags2 =
    (bigtime ? 1n << BigInt(DIFLAG2.BIGTIME) : 0n) |
    (nrext64 ? 1n << BigInt(DIFLAG2.NREXT64) : 0n) |
    (reflink ? 1n << BigInt(DIFLAG2.REFLINK) : 0n);
  let fileoff = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  extents.forEach((extent, i) => {
    const start = BigInt(geometry.fsbno(extent.agno, extent.agbno));
    view.setBigUint64(INODE_CORE_BYTES + i * 16, (BigInt(fileoff) << 9n) | (start >> 43n));
    view.setBigUint64(INODE_CORE_BYTES + i * 16 + 8, BigInt.asUintN(64, start << 21n) | BigInt(extent.count));
    fileoff += extent.count;
    const data = geometry.agbnoByte(extent.agno, extent.agbno);
    device.bytes.fill(0x40 + i + (ino & 7), data, data + extent.count * geometry.blocksize);
  });
  sealCrc(bytes, INODE_CRC_OFFSET);
}

/** Shortform entries in the root directory. */
function writeRoot(device: MemoryDevice, geometry: Geometry, files: readonly SmallFile[]): void {
  const at = geometry.inoByte(geometry.rootino);
  const bytes = device.bytes.subarray(at, at + geometry.inodesize);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let fork = INODE_CORE_BYTES + 6;
  let offset = 0x60;
  for (const { name, ino } of files) {
    bytes[fork] = name.length;
    view.setUint16(fork + 1, offset);
    for (let i = 0; i < name.length; i++) bytes[fork + 3 + i] = name.charCodeAt(i);
    bytes[fork + 3 + name.length] = 1; // a regular file
    view.setUint32(fork + 4 + name.length, ino);
    fork += 8 + name.length;
    offset += Math.ceil((12 + name.length) / 8) * 8;
  }
  bytes[INODE_CORE_BYTES] = files.length;
  DINODE.over(bytes).size = BigInt(fork - INODE_CORE_BYTES);
  sealCrc(bytes, INODE_CRC_OFFSET);
}
