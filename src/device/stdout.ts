/**
 * Standard output without Node's stream, which takes longer to load than most commands run. What is written is out
 * when this returns, as with the stream on a file, a pipe or a terminal, so both may be used by turns.
 */
import { writeSync } from 'node:fs';
import { systemError } from './file.ts';

const STDOUT = 1;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
/** Milliseconds until a full pipe, whose other end does not want to be waited for, is tried again. */
const WAIT = 2;

let hasReader = true;

/** Writes all of it. A reader that went away is no error: the rest is dropped. Throws DeviceError. */
export function writeOut(piece: string | Uint8Array): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
  for (let at = 0; at < bytes.length && hasReader; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') Atomics.wait(PAUSE, 0, 0, WAIT);
      else if (code === 'EPIPE') hasReader = false;
      else if (code !== 'EINTR') throw systemError(error, 'output');
    }
  }
}
