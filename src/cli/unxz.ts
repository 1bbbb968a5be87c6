/** The decoder for xz, in a module of its own: the package is CommonJS, which cannot be a chunk of the bundle alone. */
import { XzReadableStream } from 'xz-decompress';

export function xzReader(packed: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return new XzReadableStream(packed);
}
