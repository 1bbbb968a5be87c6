/**
 * A metadata object in memory: one block, header sector, inode or directory block, with the row of the registry
 * that knows it. It is verified when it is read and sealed (CRC, own address left to whoever makes it) when it is
 * written; between the two only a transaction changes it.
 *
 * A directory block may lie in several pieces; every other object is one. Before a transaction changes an object it
 * keeps the bytes as they were, so that it can be dropped again.
 */
import { type Device, DeviceError, readBytes } from '../device/device.ts';
import { crcIsGood, sealCrc } from '../format/checksum.ts';
import { CorruptionError } from '../format/errors.ts';
import { FINDINGS, type FindingCode, type Where } from '../format/findings.ts';
import type { Geometry } from '../format/geometry.ts';
import type { Problem } from '../format/problem.ts';
import { BLOCK_TYPES, type BlockType, type ObjectPlace } from '../format/registry.ts';
import { viewOf } from '../format/struct.ts';

export interface Piece {
  /** Bytes from the start of the filesystem. */
  readonly offset: number;
  readonly length: number;
}

export class MetaBuffer {
  type: BlockType;
  readonly place: ObjectPlace;
  readonly pieces: readonly Piece[];
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Content before the transaction that is under way changed it; undefined: unchanged. */
  before: Uint8Array | undefined;

  constructor(type: BlockType, place: ObjectPlace, pieces: readonly Piece[], bytes: Uint8Array) {
    this.type = type;
    this.place = place;
    this.pieces = pieces;
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  /** Where it begins, bytes. */
  get offset(): number {
    return this.pieces[0]!.offset;
  }
}

/** The registry's row of this name and form; asserts that there is one. */
export function blockType(name: string, form = ''): BlockType {
  const type = BLOCK_TYPES.find((row) => row.name === name && row.form === form);
  if (!type) throw new TypeError(`no block type ${name} ${form}`);
  return type;
}

/** Throws damage that ends an operation; nothing of the operation is kept. */
export function corrupt(code: FindingCode, where: Where, message: string): never {
  const row = FINDINGS[code];
  throw new CorruptionError({ code, severity: row.severity, where, message }, message);
}

/** The finding that a broken object of a type is. */
function codeOf(type: BlockType): FindingCode {
  switch (type.name) {
    case 'sb':
      return 'SB_FIELD';
    case 'agf':
      return 'AGF_FIELD';
    case 'agi':
      return 'AGI_FIELD';
    case 'agfl':
      return 'AGFL_FIELD';
    case 'inode':
      return 'INODE_CORE';
    case 'bmapbtd':
    case 'bmapbta':
      return 'BMBT_BLOCK';
    case 'dir3':
    case 'attr3':
    case 'symlink':
      return 'INODE_FORK';
    default:
      return 'BTREE_BLOCK';
  }
}

function describe(buffer: MetaBuffer): string {
  const { type, place } = buffer;
  const whose = place.ino === undefined || type.name === 'inode' ? '' : ` of inode ${place.ino}`;
  const what = type.name === 'inode' ? `inode ${place.ino}` : `${type.name} block ${place.agbno}${whose}`;
  return `AG ${place.agno} ${what}`;
}

function problemsOf(buffer: MetaBuffer, geometry: Geometry): readonly Problem[] {
  return buffer.type.verify?.(buffer.bytes, geometry, buffer.place) ?? [];
}

/** Whether bytes begin as an object of this type does. */
export function hasMagic(bytes: Uint8Array, { magic }: BlockType): boolean {
  if (!magic || magic.at + magic.bytes > bytes.length) return false;
  const view = viewOf(bytes);
  return (magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at)) === magic.value;
}

/** Throws CorruptionError unless the object is sound and is the one that belongs there. */
export function needSound(buffer: MetaBuffer, geometry: Geometry): void {
  const { type, place } = buffer;
  const where: Where = { ...place, structure: type.name };
  const { magic } = type;
  if (magic) {
    const found = magic.bytes === 4 ? buffer.view.getUint32(magic.at) : buffer.view.getUint16(magic.at);
    if (found !== magic.value) {
      const text = `magic 0x${found.toString(16)}, expected 0x${magic.value.toString(16)}`;
      corrupt(codeOf(type), where, `${describe(buffer)}: ${text}`);
    }
  }
  if (type.crc !== undefined && !crcIsGood(buffer.bytes, type.crc)) {
    corrupt(codeOf(type), where, `${describe(buffer)}: checksum does not match`);
  }
  const problem = problemsOf(buffer, geometry)[0];
  if (problem) corrupt(codeOf(type), where, `${describe(buffer)}: ${problem.message}`);
}

/**
 * Stores the LSN (if one is given) and the CRC, then looks at the object as a reader will. What fails here was made from damage that no verifier can
 * see (a record that lies about its length): nothing is written then.
 */
export function seal(buffer: MetaBuffer, geometry: Geometry, lsn?: bigint): void {
  // Values of attributes are not logged: theirs stays all ones.
  if (lsn !== undefined && buffer.type.lsn !== undefined && buffer.type.form !== 'remote')
    buffer.view.setBigUint64(buffer.type.lsn, lsn);
  if (buffer.type.crc !== undefined) sealCrc(buffer.bytes, buffer.type.crc);
  const problem = problemsOf(buffer, geometry)[0];
  if (!problem) return;
  const where: Where = { ...buffer.place, structure: buffer.type.name };
  corrupt(codeOf(buffer.type), where, `${describe(buffer)} would be left broken: ${problem.message}`);
}

/** Reads the bytes of `pieces`. Throws DeviceError for a place outside of the device. */
export function readPieces(device: Device, pieces: readonly Piece[]): Uint8Array {
  const first = pieces[0]!;
  for (const { offset, length } of pieces) {
    if (!(offset >= 0) || offset + length > device.size) {
      throw new DeviceError('RANGE', `${device.name}: bytes ${offset} + ${length} are past its end`);
    }
  }
  if (pieces.length === 1) return readBytes(device, first.offset, first.length);
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const { offset, length } of pieces) {
    device.read(offset, bytes.subarray(at, at + length));
    at += length;
  }
  return bytes;
}

export function writePieces(device: Device, buffer: MetaBuffer): void {
  let at = 0;
  for (const { offset, length } of buffer.pieces) {
    device.write(offset, buffer.bytes.subarray(at, at + length));
    at += length;
  }
}
