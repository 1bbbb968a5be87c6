/**
 * Images that are compressed (gzip, zstd, xz, known by their first bytes) or come by standard input: unpacked into a
 * sparse temporary file, which is then the device. A decoder is loaded when a stream of its kind is met.
 */
import { createReadStream, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { createGunzip } from 'node:zlib';
import { type Device, DeviceError } from '../device/device.ts';
import { systemError } from '../device/file.ts';
import { SparseFile } from '../device/temporary.ts';
import { UsageError } from '../format/errors.ts';
import type { Progress } from '../repair/progress.ts';
import { breath } from './interrupt.ts';
import { PACKING_HEAD, type Packing, packingOfHead, STANDARD_INPUT } from './packing.ts';

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
/** Throws what says that the stream is damaged. */
type Unpack = (packed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

const UNPACK: Readonly<Record<Packing, Unpack>> = { gzip: gunzip, zstd: unzstd, xz: unxz };

/** What zstd is given at a time: some ten thousand times as much may come of it. */
const SIP = 16 * 1024;
const MIB = 2 ** 20;

/** What messages call an image. */
export function imageName(image: string): string {
  return image === STANDARD_INPUT ? 'standard input' : image;
}

/** Unpacks a file, or standard input, into a temporary file. Throws DeviceError. */
export async function unpackImage(image: string, progress: Progress | undefined): Promise<Device> {
  const name = imageName(image);
  const isInput = image === STANDARD_INPUT;
  if (isInput && isatty(0)) throw new UsageError('standard input is a terminal: no image comes from there');
  const file = new SparseFile(tmpdir(), name);
  let source: Readable | undefined;
  try {
    const total = isInput ? 0 : statSync(image).size;
    progress?.begin('unpacking', Math.ceil(total / MIB), 'MiB');
    source = isInput ? process.stdin : createReadStream(image, { highWaterMark: 1 << 18 });
    await pour(counted(source, progress), file, name);
    return file.finish();
  } catch (error) {
    file.drop();
    throw systemError(error, name);
  } finally {
    source?.destroy();
  }
}

/** The chunks of a stream, counted. */
async function* counted(source: AsyncIterable<Uint8Array>, progress?: Progress): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    const before = Math.floor(bytes / MIB);
    bytes += chunk.length;
    progress?.advance(Math.floor(bytes / MIB) - before);
    yield chunk;
  }
}

async function pour(source: AsyncGenerator<Uint8Array>, file: SparseFile, name: string): Promise<void> {
  const first: Uint8Array[] = [];
  for (let have = 0; have < PACKING_HEAD; ) {
    const { value, done } = await source.next();
    if (done) break;
    first.push(value);
    have += value.length;
  }
  const head = Buffer.concat(first);
  const packing = packingOfHead(head);
  const whole = chain([head], source);
  if (packing === undefined) {
    for await (const chunk of whole) file.append(chunk);
    return;
  }
  let last = performance.now();
  const unpacked = UNPACK[packing](whole)[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await unpacked.next().catch((error: unknown) => {
      throw damaged(error, name, packing);
    });
    if (done) return;
    file.append(value);
    if (performance.now() - last < 50) continue;
    await breath();
    last = performance.now();
  }
}

/** Errors of the system stay what they are; all others are a decoder's. */
function damaged(error: unknown, name: string, packing: string): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof DeviceError || syscall !== undefined) return error;
  return new DeviceError('UNPACK', `${name}: its ${packing} stream is damaged or cut off (${message})`);
}

async function* chain(...parts: readonly Chunks[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part;
}

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzipped = createGunzip({ chunkSize: 1 << 18 });
  const source = Readable.from(packed);
  source.on('error', (error) => gunzipped.destroy(error));
  yield* source.pipe(gunzipped);
}

async function* unxz(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { xzReader } = await import('./unxz.ts');
  const web = Readable.toWeb(Readable.from(packed)) as ReadableStream<Uint8Array>;
  try {
    yield* xzReader(web);
  } catch (error) {
    // Numbers of xz-embedded: what the stream asks for, and what is wrong with it.
    const code = /error code (\d+)$/.exec(String((error as Error).message))?.[1];
    const reasons: Readonly<Record<string, string>> = {
      3: 'its dictionary needs too much memory',
      4: 'its dictionary needs too much memory',
      5: 'no xz stream',
      6: 'a check or filter that is not supported: CRC32, CRC64 and LZMA2 are',
      7: 'data that contradict themselves',
      8: 'it ends too early, or something stands behind its end',
    };
    const reason = code === undefined ? undefined : reasons[code];
    throw reason === undefined ? error : new Error(reason);
  }
}

/**
 * The decoder is asked piece by piece and asks in turn for the next chunk, of which one is always ready. It does not
 * look at its own errors but gives empty pieces for ever; so many in a row cannot be otherwise.
 */
async function* unzstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  const ready: Uint8Array[] = [];
  const sips = sipsOf(packed);
  let ended = false;
  const pieces = decoder.decodeStreaming(
    (function* () {
      while (ready.length > 0) yield ready.shift()!;
    })(),
  );
  for (let empty = 0; ; ) {
    if (ready.length === 0 && !ended) {
      const { value, done } = await sips.next();
      if (done) ended = true;
      else if (value.length > 0) ready.push(value);
      if (!done && ready.length === 0) continue;
    }
    const { value, done } = pieces.next();
    if (done) return;
    empty = value.length > 0 ? 0 : empty + 1;
    if (empty > 2 * SIP) throw new Error('data that contradict themselves, or a window of more than 128 MiB');
    if (value.length > 0) yield value;
  }
}

async function* sipsOf(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of packed) {
    for (let at = 0; at < chunk.length; at += SIP) yield chunk.subarray(at, at + SIP);
  }
}
