/** Which blocks of two devices differ: both are read in big pieces, and only pieces that differ are looked at closer. */
import type { Device } from '../../device/device.ts';

const PIECE_BYTES = 4 << 20;

export interface BlockRun {
  readonly start: number;
  count: number;
}

/** Runs of blocks that differ among the first `blocks`. Both devices must hold them. Throws DeviceError. */
export function differingRuns(a: Device, b: Device, blocksize: number, blocks: number): BlockRun[] {
  const runs: BlockRun[] = [];
  const perPiece = Math.max(1, Math.floor(PIECE_BYTES / blocksize));
  const bytesA = Buffer.alloc(perPiece * blocksize);
  const bytesB = Buffer.alloc(perPiece * blocksize);
  for (let first = 0; first < blocks; first += perPiece) {
    const count = Math.min(perPiece, blocks - first);
    const pieceA = bytesA.subarray(0, count * blocksize);
    const pieceB = bytesB.subarray(0, count * blocksize);
    a.read(first * blocksize, pieceA);
    b.read(first * blocksize, pieceB);
    if (pieceA.equals(pieceB)) continue;
    for (let i = 0; i < count; i++) {
      const [from, to] = [i * blocksize, (i + 1) * blocksize];
      if (pieceA.compare(pieceB, from, to, from, to) !== 0) add(runs, first + i);
    }
  }
  return runs;
}

/** Runs of blocks that byte ranges (ascending) touch, among the first `blocks`. */
export function blocksOf(
  ranges: Iterable<{ readonly offset: number; readonly bytes: Uint8Array }>,
  blocksize: number,
  blocks: number,
): BlockRun[] {
  const runs: BlockRun[] = [];
  let next = 0;
  for (const { offset, bytes } of ranges) {
    const end = Math.min(blocks, Math.ceil((offset + bytes.length) / blocksize));
    for (let block = Math.max(next, Math.floor(offset / blocksize)); block < end; block++) add(runs, block);
    next = Math.max(next, end);
  }
  return runs;
}

function add(runs: BlockRun[], block: number): void {
  const last = runs.at(-1);
  if (last && last.start + last.count === block) last.count++;
  else runs.push({ start: block, count: 1 });
}
