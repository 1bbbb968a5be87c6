/**
 * Finds metadata in the bytes of an image by magic number and checksum alone, without following a pointer: what
 * the hostile tests corrupt must not be chosen by the code under test. Stale blocks (freed, their magic still
 * there) are found as well.
 */
import { crcIsGood, sealCrc } from '../../src/format/checksum.ts';
import { Random } from './random.ts';

export interface MetadataObject {
  readonly type: string;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly crcOffset: number;
}

export interface ImageShape {
  readonly blockSize: number;
  readonly sectorSize: number;
  readonly inodeSize: number;
  readonly dirBlockSize: number;
}

/** What the primary superblock says, at fixed offsets. */
export function imageShape(image: Buffer): ImageShape {
  const blockSize = image.readUInt32BE(4);
  return {
    blockSize,
    sectorSize: image.readUInt16BE(102),
    inodeSize: image.readUInt16BE(104),
    dirBlockSize: blockSize << image.readUInt8(192),
  };
}

type Extent = 'sector' | 'block' | 'dirBlock' | 'inode';

const BY_MAGIC: Readonly<Record<string, readonly [type: string, crcOffset: number, extent: Extent]>> = {
  XFSB: ['superblock', 224, 'sector'],
  XAGF: ['agf', 216, 'sector'],
  XAGI: ['agi', 312, 'sector'],
  XAFL: ['agfl', 32, 'sector'],
  AB3B: ['bnobt', 52, 'block'],
  AB3C: ['cntbt', 52, 'block'],
  IAB3: ['inobt', 52, 'block'],
  FIB3: ['finobt', 52, 'block'],
  RMB3: ['rmapbt', 52, 'block'],
  R3FC: ['refcntbt', 52, 'block'],
  BMA3: ['bmbt', 64, 'block'],
  XDB3: ['dir-block', 4, 'dirBlock'],
  XDD3: ['dir-data', 4, 'dirBlock'],
  XDF3: ['dir-free', 4, 'dirBlock'],
  XSLM: ['symlink', 12, 'block'],
  XARM: ['attr-remote', 12, 'block'],
};

const BY_DA_MAGIC: Readonly<Record<number, readonly [type: string, extent: Extent]>> = {
  16062: ['da-node', 'block'],
  15857: ['dir-leaf1', 'dirBlock'],
  15871: ['dir-leafn', 'dirBlock'],
  15342: ['attr-leaf', 'block'],
};

function recognise(
  image: Buffer,
  at: number,
): readonly [type: string, crcOffset: number, extent: Extent] | undefined {
  const known = BY_MAGIC[image.toString('latin1', at, at + 4)];
  if (known) return known;
  if (image.readUInt16BE(at) === 0x494e) return ['inode', 100, 'inode'];
  const da = BY_DA_MAGIC[image.readUInt16BE(at + 8)];
  return da ? [da[0], 12, da[1]] : undefined;
}

/** Everything in the image that has a known magic and a good checksum, in disk order. */
export function findMetadata(image: Buffer): MetadataObject[] {
  const shape = imageShape(image);
  const lengths: Readonly<Record<Extent, number>> = {
    sector: shape.sectorSize,
    block: shape.blockSize,
    dirBlock: shape.dirBlockSize,
    inode: shape.inodeSize,
  };
  const found: MetadataObject[] = [];
  const step = Math.min(shape.sectorSize, shape.inodeSize, shape.blockSize);
  for (let at = 0; at + step <= image.length; at += step) {
    const known = recognise(image, at);
    if (!known) continue;
    const [type, crcOffset, extent] = known;
    const length = lengths[extent];
    if (at % Math.min(length, shape.blockSize) !== 0 || at + length > image.length) continue;
    if (crcIsGood(image.subarray(at, at + length), crcOffset))
      found.push({ type, offset: at, length, crcOffset });
  }
  return found;
}

export interface Corruption {
  readonly object: MetadataObject;
  /** One line that tells it apart, e.g. `agf at 512: byte 40 0x03 -> 0x83, resealed`. */
  readonly what: string;
  readonly bytes: Buffer;
}

/**
 * A random corruption of one object: a single byte, or the whole of it (zeros, ones, noise, another object's
 * bytes). Every second one gets a valid checksum again, so that the damage reaches the code behind the checksum.
 */
export function corrupt(
  image: Buffer,
  object: MetadataObject,
  others: readonly MetadataObject[],
  seed: number,
): Corruption {
  const random = new Random(seed);
  const bytes = Buffer.from(image.subarray(object.offset, object.offset + object.length));
  let what: string;
  if (random.below(3) > 0) {
    // Half of the bytes in the first 256: headers and first records are read most.
    const at = random.below(random.below(2) === 0 ? Math.min(256, bytes.length) : bytes.length);
    const old = bytes[at] as number;
    bytes[at] =
      random.below(2) === 0 ? old ^ (1 << random.below(8)) : random.pick([0, 0xff, 0x7f, 0x80, old + 1]);
    if (bytes[at] === old) bytes[at] = old ^ 0xff;
    what = `byte ${at} ${old} -> ${bytes[at]}`;
  } else {
    const kind = random.pick(['zeros', 'ones', 'noise', 'another object'] as const);
    if (kind === 'zeros' || kind === 'ones') bytes.fill(kind === 'zeros' ? 0 : 0xff);
    if (kind === 'noise')
      for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(random.next(), at);
    const other = random.pick(others);
    if (kind === 'another object')
      image.copy(bytes, 0, other.offset, other.offset + Math.min(other.length, bytes.length));
    what = kind === 'another object' ? `${other.type} of ${other.offset} over it` : kind;
  }
  const resealed = random.below(2) === 0;
  if (resealed) sealCrc(bytes, object.crcOffset);
  return {
    object,
    what: `${object.type} at ${object.offset}: ${what}${resealed ? ', resealed' : ''}`,
    bytes,
  };
}

/** Seeded choice of `count` objects: the type first, so that the many inodes do not crowd out the few headers. */
export function chooseObjects(
  found: readonly MetadataObject[],
  count: number,
  seed: number,
): MetadataObject[] {
  const byType = new Map<string, MetadataObject[]>();
  for (const object of found) {
    const same = byType.get(object.type);
    if (same) same.push(object);
    else byType.set(object.type, [object]);
  }
  const types = [...byType.keys()].sort();
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.pick(byType.get(random.pick(types)) as MetadataObject[]));
}
