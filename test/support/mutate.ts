/**
 * Mutations of a sound image, each from one seed: a field of any structure (found by its rows) with a value chosen to
 * hurt, a pointer bent to an ancestor, a sibling or itself, an object over another, two exchanged, noise, a device cut
 * short. Most get their checksums again, and copied objects their address too, so that what lies behind the checks
 * of a block by itself is reached.
 */
import { type Device, readBytes } from '../../src/device/device.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { sealCrc } from '../../src/format/checksum.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import {
  elementScope,
  isShape,
  place,
  type Row,
  type Scope,
  type Shape,
  scopeOf,
  viewOf,
} from '../../src/format/struct.ts';
import { type FoundObject, metadataObjects } from './objects.ts';
import { Random } from './random.ts';

/** One object of the sound image. */
export type Target = Pick<FoundObject, 'type' | 'offset' | 'place'> & { readonly length: number };

/** What mutations of one image choose from. */
export interface Prey {
  readonly geometry: Geometry;
  readonly byType: ReadonlyMap<string, readonly Target[]>;
  readonly all: readonly Target[];
}

/** Objects of a sound image; those in several pieces of disk are left out. */
export function preyOf(image: Uint8Array, geometry: Geometry): Prey {
  const byType = new Map<string, Target[]>();
  const all: Target[] = [];
  for (const { type, offset, bytes, place } of metadataObjects(image)) {
    const there = image.subarray(offset, offset + bytes.length);
    if (Buffer.compare(there, bytes) !== 0) continue;
    const target = { type, offset, place, length: bytes.length };
    // Inodes are apart by their type and format, or the many free ones would hide the rest.
    const name = type.name === 'inode' ? `inode ${bytes[2]! >> 4} ${bytes[5]}` : `${type.name} ${type.form}`;
    const same = byType.get(name);
    if (same) same.push(target);
    else byType.set(name, [target]);
    all.push(target);
  }
  return { geometry, byType, all };
}

/** The device below, ending early. */
class ShortDevice extends OverlayDevice {
  private readonly bytes: number;
  constructor(below: Device, bytes: number) {
    super(below);
    this.bytes = bytes;
  }
  override get size(): number {
    return this.bytes;
  }
}

/** A sound device with the mutations of all seeds, in their order; and one line on each. */
export function mutated(
  device: Device,
  prey: Prey,
  seeds: readonly number[],
): { device: Device; told: string[] } {
  const told: string[] = [];
  let size = device.size;
  const overlay = new OverlayDevice(device);
  for (const seed of seeds) {
    const random = new Random(seed);
    const count = random.below(3) > 0 ? 1 : 1 + random.below(4);
    for (let i = 0; i < count; i++) {
      if (random.below(200) === 0) {
        size = 512 * random.below(Math.ceil(device.size / 512));
        told.push(`device of ${size} bytes`);
      } else told.push(mutateOnce(overlay, prey, random));
    }
  }
  return { device: size === device.size ? overlay : new ShortDevice(overlay, size), told };
}

function someTarget(prey: Prey, random: Random): Target {
  return random.pick(prey.byType.get(random.pick([...prey.byType.keys()]))!);
}

/** Another object of the same type, if there is one. */
function fellow(prey: Prey, random: Random, target: Target): Target {
  const same = prey.all.filter(({ type }) => type === target.type);
  return random.pick(same);
}

function mutateOnce(device: OverlayDevice, prey: Prey, random: Random): string {
  const target = someTarget(prey, random);
  const name = `${target.type.name}${target.type.form && ` ${target.type.form}`} at ${target.offset}`;
  const bytes = readBytes(device, target.offset, target.length);
  let what: string;
  const kind = random.below(20);
  if (kind < 9) what = mutateField(bytes, prey, random, target, () => true);
  else if (kind < 13) what = mutateField(bytes, prey, random, target, isPointer);
  else if (kind < 15) what = mutateField(bytes, prey, random, target, isCount);
  else if (kind < 19) what = overwrite(device, bytes, prey, random, target);
  else what = noise(bytes, random);
  const seal = target.type.crc !== undefined && random.below(5) > 0;
  if (seal) sealCrc(bytes, target.type.crc!);
  device.write(target.offset, bytes);
  return `${name}: ${what}${seal ? ', resealed' : ''}`;
}

function noise(bytes: Uint8Array, random: Random): string {
  const sector = 512 * random.below(Math.max(1, bytes.length >> 9));
  const end = Math.min(sector + 512, bytes.length);
  for (let i = sector; i < end; i++) bytes[i] = random.below(256);
  return `noise from byte ${sector}`;
}

/** All of the object: by one byte, by another object, or in exchange for one. */
function overwrite(
  device: OverlayDevice,
  bytes: Uint8Array,
  prey: Prey,
  random: Random,
  target: Target,
): string {
  const kind = random.below(6);
  if (kind < 2) {
    bytes.fill(kind === 0 ? 0 : 0xff);
    return kind === 0 ? 'zeros' : 'ones';
  }
  const other = kind < 5 ? fellow(prey, random, target) : someTarget(prey, random);
  const length = Math.min(other.length, target.length);
  const mine = bytes.slice(0, length);
  const theirs = readBytes(device, other.offset, length);
  const stays = random.below(3) > 0;
  bytes.set(theirs);
  if (stays) keepIdentity(bytes, mine, target);
  if (kind !== 4)
    return `${other.type.name} of ${other.offset} over it${stays ? ', its own address kept' : ''}`;
  if (stays) keepIdentity(mine, theirs, other);
  if (stays && other.type.crc !== undefined && length === other.length) sealCrc(mine, other.type.crc);
  device.write(other.offset, mine);
  return `exchanged for ${other.type.name} of ${other.offset}${stays ? ', addresses kept' : ''}`;
}

/** Gives an object that was copied elsewhere the address and owner that belong there. */
function keepIdentity(bytes: Uint8Array, from: Uint8Array, { type }: Target): void {
  const keep = (at: number | undefined, length: number): void => {
    if (at !== undefined && at + length <= from.length) bytes.set(from.subarray(at, at + length), at);
  };
  keep(type.blkno, 8);
  keep(type.owner?.at, type.owner?.bytes ?? 0);
  keep(type.uuid, 16);
}

interface Leaf {
  readonly row: Row;
  readonly bit: number;
  readonly bits: number;
  readonly path: string;
}

const POINTER_UNITS = new Set(['agbno', 'fsbno', 'daddr', 'agino', 'ino', 'fileoff', 'attroff']);
const isPointer = (row: Row): boolean => POINTER_UNITS.has(row.unit ?? '') || row.goto !== undefined;
const isCount = (row: Row): boolean =>
  /count|num|len|size|level|blocks|extents|forkoff|format|used|first|off|tag|bno|nlink|aforkoff/.test(
    row.name,
  );

/** A random field, or element of an array, that fits; a few tries. */
function someLeaf(
  shape: Shape,
  scope: Scope,
  random: Random,
  fits: (row: Row) => boolean,
  path = '',
): Leaf | undefined {
  const placed = [...place(shape, scope)].filter(({ row, count }) => count > 0 && !row.view);
  for (let tries = 0; tries < 8 && placed.length > 0; tries++) {
    const one = random.pick(placed);
    const i = random.below(one.count);
    const name = `${path}${one.row.name}${one.row.count === undefined ? '' : `[${i}]`}`;
    if (isShape(one.row.kind)) {
      if (one.elementBits(i) === 0) continue;
      const inside = someLeaf(one.row.kind, elementScope(scope, one, i), random, fits, `${name}.`);
      if (inside) return inside;
    } else if (fits(one.row) && one.elementBits(i) > 0) {
      return { row: one.row, bit: one.elementBit(i), bits: one.elementBits(i), path: name };
    }
  }
  return undefined;
}

function mutateField(
  bytes: Uint8Array,
  prey: Prey,
  random: Random,
  target: Target,
  fits: (row: Row) => boolean,
): string {
  const scope = scopeOf(bytes, prey.geometry);
  const { shape } = target.type;
  const leaf = shape && (someLeaf(shape, scope, random, fits) ?? someLeaf(shape, scope, random, () => true));
  if (!leaf) return noise(bytes, random);
  const view = viewOf(bytes);
  if (leaf.bits > 64) {
    const bit = leaf.bit + random.below(leaf.bits);
    bytes[bit >>> 3]! ^= 0x80 >>> (bit & 7);
    return `${leaf.path}: bit ${bit} changed`;
  }
  const old = readBits(view, leaf.bit, leaf.bits);
  const pointed = isPointer(leaf.row) && random.below(4) > 0;
  const value = pointed
    ? address(prey, random, target, leaf.bits)
    : hurtful(prey.geometry, random, old, leaf.bits);
  writeBits(view, leaf.bit, leaf.bits, value === old ? old ^ 1n : value);
  return `${leaf.path} ${old} -> ${readBits(view, leaf.bit, leaf.bits)}`;
}

/** The address of this object, of one of its type, or of any other, in some unit. */
function address(prey: Prey, random: Random, target: Target, bits: number): bigint {
  const { geometry } = prey;
  const to = [target, fellow(prey, random, target), someTarget(prey, random)][random.below(3)]!;
  const { agno, agbno, ino } = to.place;
  const own = ino ?? geometry.rootino;
  const units = bits > 32 ? [geometry.fsbno(agno, agbno), own, geometry.agbnoDaddr(agno, agbno)] : [agbno];
  return BigInt(random.pick([...units, geometry.inoAgino(own), random.below(9)]));
}

function hurtful(geometry: Geometry, random: Random, old: bigint, bits: number): bigint {
  const top = 1n << BigInt(bits - 1);
  const { agblocks, dblocks, agcount, blocksize, inodesize } = geometry;
  const known = random.pick([agblocks, agblocks - 1, dblocks, agcount, blocksize, inodesize, 64, 255, 65535]);
  switch (random.below(12)) {
    case 0:
      return 0n;
    case 1:
      return 1n;
    case 2:
      return 2n * top - 1n;
    case 3:
      return top;
    case 4:
      return top - 1n;
    case 5:
      return old + 1n;
    case 6:
      return old - 1n;
    case 7:
      return BigInt(known);
    case 8:
      return (BigInt(random.next()) << 32n) | BigInt(random.next());
    case 9:
      return BigInt(random.below(300));
    default:
      return old ^ (1n << BigInt(random.below(bits)));
  }
}

function readBits(view: DataView, bit: number, bits: number): bigint {
  let value = 0n;
  for (let at = bit; at < bit + bits; at++) {
    value = (value << 1n) | BigInt((view.getUint8(at >>> 3) >>> (7 - (at & 7))) & 1);
  }
  return value;
}

function writeBits(view: DataView, bit: number, bits: number, value: bigint): void {
  for (let i = 0; i < bits; i++) {
    const at = bit + bits - 1 - i;
    const mask = 1 << (7 - (at & 7));
    const byte = view.getUint8(at >>> 3);
    view.setUint8(at >>> 3, (value >> BigInt(i)) & 1n ? byte | mask : byte & ~mask);
  }
}
