/**
 * Blocks of forks and quota records whose checksum alone is wrong are sealed again. Whether their content is sane is
 * asked of their verifier here, and of the next check after that: what it says anew about the block takes the seal back.
 */
import { readBytes } from '../../device/device.ts';
import { crcIsGood, sealCrc } from '../../format/checksum.ts';
import { DIR_LEAF_BYTE } from '../../format/dir.ts';
import {
  DQBLK,
  DQUOT_CRC_OFFSET,
  dquotsPerBlock,
  QUOTA_INODE_FIELD,
  QUOTA_TYPES,
} from '../../format/dquot.ts';
import type { Finding } from '../../format/findings.ts';
import { BLOCK_TYPES, type BlockType } from '../../format/registry.ts';
import { viewOf } from '../../format/struct.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import { SYMLINK_HEADER } from '../../format/symlink.ts';
import { verifyDquot } from '../../format/verify.ts';
import { hasMagic } from '../../fs/buffer.ts';
import { blockAt } from '../../fs/read/extent.ts';
import { inodeFacts, readInode } from '../../fs/read/inode.ts';
import type { Change, Fixes, FixSite, Left, Piece } from './change.ts';
import { fixDirectories } from './directory.ts';

/** Fork whose blocks a structure is. */
const FORKS = { dir3: 'data', attr3: 'attr', symlink: 'data' } as const;

export function fixSeals(site: FixSite, findings: readonly Finding[]): Fixes {
  const changes: Change[] = [];
  const left: Left[] = [];
  const anew: Finding[] = [];
  for (const finding of findings) {
    const made = finding.code === 'DQUOT_CRC' ? sealRecords(site, finding) : sealBlock(site, finding);
    if (typeof made !== 'string') changes.push(made);
    else if (isOfIndex(site, finding)) anew.push(finding);
    else left.push({ finding, reason: made });
  }
  const indexes = fixDirectories(site, anew);
  return { changes: [...changes, ...indexes.changes], left: [...left, ...indexes.left] };
}

/** Whether it is about a block that only indexes the entries of a directory: whatever it holds can be made anew. */
function isOfIndex({ geometry }: FixSite, { code, where }: Finding): boolean {
  return code === 'DIR_CRC' && (where.fileoff ?? 0) >= DIR_LEAF_BYTE / geometry.blocksize;
}

/** The object that a finding is about, in its pieces; undefined when it is not mapped whole. */
function piecesOf(
  { device, geometry }: FixSite,
  finding: Finding,
  name: keyof typeof FORKS,
): Piece[] | undefined {
  const { ino, fileoff } = finding.where;
  const volume = { device, geometry };
  const inode = ino === undefined ? undefined : readInode(volume, ino);
  if (!inode || fileoff === undefined) return undefined;
  let blocks = name === 'dir3' ? 2 ** geometry.dirblklog : 1;
  if (name === 'symlink') {
    const room = geometry.blocksize - SYMLINK_HEADER.size;
    const needed = Math.ceil((inodeFacts(inode).size ?? 0) / room);
    const extent = blockAt(volume, inode, 'data', fileoff);
    blocks = Math.min(needed - fileoff, extent?.blocks ?? 0);
  }
  const pieces: Piece[] = [];
  for (let i = 0; i < blocks; i++) {
    const block = blockAt(volume, inode, FORKS[name], fileoff + i);
    if (!block) return undefined;
    const offset = geometry.fsbnoByte(block.at);
    pieces.push({ offset, bytes: readBytes(device, offset, geometry.blocksize) });
  }
  return pieces.length > 0 ? pieces : undefined;
}

function sealBlock(site: FixSite, finding: Finding): Change | string {
  const { agno, agbno, ino, structure } = finding.where;
  const known = structure !== undefined && Object.hasOwn(FORKS, structure);
  if (!known || agno === undefined || agbno === undefined || ino === undefined)
    return 'its place is not known';
  const name = structure as keyof typeof FORKS;
  const pieces = piecesOf(site, finding, name);
  if (!pieces) return 'the block is not mapped';
  const bytes = joined(pieces);
  const type = BLOCK_TYPES.find((row) => row.name === name && hasMagic(bytes, row));
  if (type?.crc === undefined) return 'its content is not what it should be';
  sealCrc(bytes, type.crc);
  const problem = problemOf(site, type, bytes, { agno, agbno, ino });
  if (problem) return `its content is not sane: ${problem}`;
  split(bytes, pieces);
  const what = name === 'dir3' ? 'directory' : name === 'attr3' ? 'attribute' : 'symlink';
  return {
    action: `inode ${ino}: reseal ${what} block ${finding.where.fileoff}`,
    findings: [finding],
    pieces,
    suspect: { agno, agbno, blocks: pieces.length },
  };
}

function problemOf(
  { geometry }: FixSite,
  { verify }: BlockType,
  bytes: Uint8Array,
  place: { agno: number; agbno: number; ino: number },
): string | undefined {
  return verify?.(bytes, geometry, place)[0]?.message;
}

function joined(pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.bytes.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece.bytes, at);
    at += piece.bytes.length;
  }
  return bytes;
}

function split(bytes: Uint8Array, pieces: readonly Piece[]): void {
  let at = 0;
  for (const piece of pieces) {
    piece.bytes.set(bytes.subarray(at, at + piece.bytes.length));
    at += piece.bytes.length;
  }
}

/** Records of a block of quota that nothing but their checksum speaks against. */
function sealRecords({ check, device, geometry }: FixSite, finding: Finding): Change | string {
  const { agno, agbno, ino, fileoff } = finding.where;
  if (agno === undefined || agbno === undefined || fileoff === undefined) return 'its place is not known';
  const sb = SUPERBLOCK.over(check.observation.superblock);
  const type = QUOTA_TYPES.find((name) => sb[QUOTA_INODE_FIELD[name]] === ino);
  if (!type) return 'whose quota it is, is not known';
  const offset = geometry.agbnoByte(agno, agbno);
  const bytes = readBytes(device, offset, geometry.blocksize);
  const perBlock = dquotsPerBlock(geometry.blocksize);
  let sealed = 0;
  for (let slot = 0; slot < perBlock; slot++) {
    const at = slot * DQBLK.size;
    if (crcIsGood(bytes, DQUOT_CRC_OFFSET, at, DQBLK.size)) continue;
    sealCrc(bytes, DQUOT_CRC_OFFSET, at, DQBLK.size);
    const problem = verifyDquot(viewOf(bytes), at, geometry, type, fileoff * perBlock + slot)[0];
    if (problem) return `the record is not sane: ${problem.message}`;
    sealed++;
  }
  return {
    action: `inode ${ino}: reseal ${sealed} quota ${sealed === 1 ? 'record' : 'records'} of block ${fileoff}`,
    findings: [finding],
    pieces: [{ offset, bytes }],
    suspect: { agno, agbno, blocks: 1 },
  };
}
