/**
 * Blocks of a fork on their way into a dump: directory, attribute and symlink blocks get their unused space cleared
 * and their names replaced; what quota and realtime files hold goes out as it is.
 */
import {
  ATTR_LEAF_HEADER,
  ATTR_LEAF_MAGIC,
  ATTR_LOCAL,
  ATTR_REMOTE_HEADER,
  ATTR_REMOTE_MAGIC,
  attrEntryByte,
} from '../../format/attr.ts';
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_MAGIC,
  DIR_DATA_MAGIC,
  DIR_FREE_BYTE,
  DIR_LEAF_BYTE,
} from '../../format/dir.ts';
import { SYMLINK_HEADER, SYMLINK_MAGIC } from '../../format/symlink.ts';
import type { DumpContext } from './context.ts';
import { Scrub } from './scrub.ts';
import { changeAttribute, changeEntry } from './shortform.ts';
import { clearAttrGap, clearDaNode, clearDirFree, clearDirLeaf, walkDirData } from './stale.ts';

/** What a file holds, by what its inode is. */
export type Content = 'directory' | 'attributes' | 'symlink' | 'opaque';

const DIR_DATA_CRC = 4;
const DA_CRC = 12;
const LETTER_V = 0x76;

/** Where a fork block keeps its checksum; undefined where it has none that is known. */
function crcOffset(bytes: Uint8Array, content: Content): number | undefined {
  if (content === 'symlink') return SYMLINK_HEADER.offset.crc;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const magic = view.getUint32(0);
  if (content === 'attributes') {
    return magic === ATTR_REMOTE_MAGIC ? ATTR_REMOTE_HEADER.offset.crc : DA_CRC;
  }
  const hasDataHeader = view.getUint16(8) < 0x3d00 || view.getUint16(8) > 0x3eff;
  return hasDataHeader ? DIR_DATA_CRC : DA_CRC;
}

/** A block (or a directory block of several) as it shall be in the dump. */
export function scrubForkBlock(
  context: DumpContext,
  bytes: Uint8Array,
  content: Content,
  where: { readonly ino: number; readonly fileoff: number; readonly isOnly: boolean },
): Uint8Array {
  if (content === 'opaque' || !context.changes) return bytes;
  const block = new Scrub(bytes, crcOffset(bytes, content));
  if (content === 'directory') scrubDirectory(context, block, where);
  else if (content === 'attributes') scrubAttributes(context, block, where.ino);
  else scrubSymlink(context, block);
  block.seal();
  return bytes;
}

function scrubDirectory(
  context: DumpContext,
  block: Scrub,
  where: { readonly ino: number; readonly fileoff: number; readonly isOnly: boolean },
): void {
  const { geometry, options } = context;
  const byte = where.fileoff * geometry.blocksize;
  if (options.clear && geometry.dirblocksize === geometry.blocksize) clearDaNode(block);
  if (byte >= DIR_FREE_BYTE) {
    if (options.clear) clearDirFree(block);
    return;
  }
  if (byte >= DIR_LEAF_BYTE) {
    if (options.clear) clearDirLeaf(block);
    return;
  }
  if (block.view.getUint32(0) !== (where.isOnly ? DIR_BLOCK_MAGIC : DIR_DATA_MAGIC)) {
    context.doubt(() => `invalid magic in dir inode ${where.ino} block ${where.fileoff}`);
    return;
  }
  const how = { isBlockForm: where.isOnly, clears: options.clear };
  const stopped = walkDirData(block, geometry, how, ({ ino, start, end }) => {
    if (!options.obfuscate || end - start < 5) return;
    block.touch();
    changeEntry(context, block.bytes.subarray(start, end), where.ino, ino);
  });
  if (stopped !== undefined) context.doubt(() => `${stopped} in inode ${where.ino}`);
}

function scrubAttributes(context: DumpContext, block: Scrub, ino: number): void {
  const { options } = context;
  const { view, bytes } = block;
  const magic = view.getUint16(8);
  const isRemote = view.getUint32(0) === ATTR_REMOTE_MAGIC;
  if (!isRemote && magic === ATTR_LEAF_MAGIC) {
    scrubAttrLeaf(context, block, ino);
  } else if (!isRemote && magic === DA_NODE_MAGIC) {
    if (options.clear) clearDaNode(block);
  } else if (options.obfuscate) {
    // A remote value; or a damaged block, which may hold one.
    block.touch();
    bytes.fill(LETTER_V, ATTR_REMOTE_HEADER.size);
  }
}

function scrubAttrLeaf(context: DumpContext, block: Scrub, ino: number): void {
  const { view, bytes } = block;
  const count = view.getUint16(ATTR_LEAF_HEADER.offset.count);
  const entriesEnd = attrEntryByte(count);
  if (count === 0 || entriesEnd > bytes.length - ATTR_REMOTE_HEADER.size) {
    context.doubt(() => `invalid attr count in inode ${ino}`);
    return;
  }
  let lowest = bytes.length;
  for (let i = 0; i < count; i++) {
    const at = view.getUint16(attrEntryByte(i) + 4);
    if (!scrubAttrName(context, block, ino, at, view.getUint8(attrEntryByte(i) + 6))) {
      context.doubt(() => `invalid attr entry ${i} in inode ${ino}`);
      break;
    }
    lowest = Math.min(lowest, at);
  }
  if (context.options.clear) block.clear(entriesEnd, lowest);
}

/** False for a name that is empty or leaves its block. */
function scrubAttrName(context: DumpContext, block: Scrub, ino: number, at: number, flags: number): boolean {
  const { view, bytes } = block;
  const local = (flags & ATTR_LOCAL) !== 0;
  const start = at + (local ? 3 : 9);
  if (start > bytes.length) return false;
  const namelen = view.getUint8(start - 1);
  const valuelen = local ? view.getUint16(at) : 0;
  const middle = start + namelen;
  if (namelen === 0 || middle + valuelen > bytes.length) return false;
  if (!local && view.getUint32(at) === 0) return false;
  if (context.options.obfuscate) {
    block.touch();
    const value = bytes.subarray(middle, middle + valuelen);
    changeAttribute(context, ino, flags, bytes.subarray(start, middle), value);
  }
  if (context.options.clear) clearAttrGap(block, at, { local, namelen, valuelen });
  return true;
}

/** `block` is a whole extent with one header, which tells how much of the target is in it. */
function scrubSymlink(context: DumpContext, block: Scrub): void {
  const start = SYMLINK_HEADER.size;
  const header = SYMLINK_HEADER.over(block.bytes);
  const end = start + header.bytes;
  if (header.magic !== SYMLINK_MAGIC || end > block.bytes.length) {
    context.doubt(() => `invalid header of symlink inode ${header.owner}`);
    return;
  }
  if (context.options.obfuscate) {
    block.touch();
    context.names.changePath(block.bytes.subarray(start, end));
  }
  if (context.options.clear) block.clear(end, block.bytes.length);
}
