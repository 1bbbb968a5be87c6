/**
 * Values in blocks of their own: each block has a header with its place in the value. They are written past the log,
 * so their LSN is all ones.
 */
import { ATTR_REMOTE_HEADER, ATTR_REMOTE_MAGIC } from '../../format/attr.ts';
import { crcIsGood } from '../../format/checksum.ts';
import { blockType, corrupt } from '../buffer.ts';
import type { Inode } from '../inode/inode.ts';
import { remoteBlocks, remoteRoom } from './entry.ts';

const TYPE = blockType('attr3', 'remote');
const AT = ATTR_REMOTE_HEADER.offset;
const NO_LSN = 0xffffffffffffffffn;

interface RemoteBlock {
  readonly agno: number;
  readonly agbno: number;
  /** Bytes of the value before it, and in it. */
  readonly offset: number;
  readonly bytes: number;
}

/** The blocks of a value of `bytes` from file offset `block` on, in order. */
function* valueBlocks(inode: Inode, block: number, bytes: number): Generator<RemoteBlock> {
  const { geometry } = inode.tr.fs;
  const { extents } = inode.fork('attr');
  const room = remoteRoom(geometry.blocksize);
  const count = remoteBlocks(bytes, geometry.blocksize);
  for (let i = 0; i < count; i++) {
    const extent = extents.find(block + i);
    if (!extent) {
      const text = `inode ${inode.ino}: block ${block + i} of an attribute value is not mapped`;
      corrupt('INODE_FORK', { ino: inode.ino, fileoff: block + i }, text);
    }
    const fsbno = extent.fsbno + (block + i - extent.fileoff);
    yield {
      agno: geometry.fsbnoAgno(fsbno),
      agbno: geometry.fsbnoAgbno(fsbno),
      offset: i * room,
      bytes: Math.min(room, bytes - i * room),
    };
  }
}

/** Writes a value into blocks that are mapped from file offset `block` on. */
export function writeRemote(inode: Inode, block: number, value: Uint8Array): void {
  const { tr } = inode;
  const { geometry } = tr.fs;
  for (const { agno, agbno, offset, bytes } of valueBlocks(inode, block, value.length)) {
    const buffer = tr.createBlock(TYPE, agno, agbno, inode.ino);
    const header = ATTR_REMOTE_HEADER.over(buffer.bytes);
    header.magic = ATTR_REMOTE_MAGIC;
    header.offset = offset;
    header.bytes = bytes;
    header.uuid = geometry.metaUuid;
    header.owner = inode.ino;
    header.bno = BigInt(geometry.agbnoDaddr(agno, agbno));
    header.lsn = NO_LSN;
    buffer.bytes.set(value.subarray(offset, offset + bytes), ATTR_REMOTE_HEADER.size);
  }
}

/** Reads a value. Throws CorruptionError when its blocks are not what they must be. */
export function readRemote(inode: Inode, block: number, length: number): Uint8Array {
  if (length > 65536) {
    corrupt('INODE_FORK', { ino: inode.ino }, `inode ${inode.ino}: an attribute value of ${length} bytes`);
  }
  const value = new Uint8Array(length);
  for (const { agno, agbno, offset, bytes } of valueBlocks(inode, block, length)) {
    const buffer = inode.tr.readBlock(TYPE, agno, agbno, inode.ino);
    if (buffer.view.getUint32(AT.offset) !== offset || buffer.view.getUint32(AT.bytes) !== bytes) {
      const text = `inode ${inode.ino}: block ${agbno} holds another part of an attribute value`;
      corrupt('INODE_FORK', { ino: inode.ino, agno, agbno }, text);
    }
    value.set(buffer.bytes.subarray(ATTR_REMOTE_HEADER.size, ATTR_REMOTE_HEADER.size + bytes), offset);
  }
  return value;
}

/** Whether a remote block's checksum is right; for readers that go past the verifier. */
export function remoteCrcIsGood(bytes: Uint8Array): boolean {
  return crcIsGood(bytes, AT.crc);
}
