/**
 * Writes tar archives for GNU tar to unpack into a mounted image.
 *
 * Node can neither set extended attributes nor make device nodes; tar can do both for thousands of entries in one
 * process and is part of every Debian. Attributes travel as pax records `SCHILY.xattr.NAME`, values are raw bytes.
 */
import { run } from './oracle.ts';

export interface TarEntry {
  readonly name: string;
  /** As tar spells it: '0' file, '2' symlink, '3' and '4' device, '5' directory, '6' fifo. */
  readonly type?: '0' | '2' | '3' | '4' | '5' | '6';
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly mtimeSeconds?: number;
  readonly data?: Uint8Array;
  readonly xattrs?: readonly (readonly [name: string, value: Uint8Array])[];
}

/** `length key=value\n`, where length counts itself. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

function header(name: string, type: string, size: number, entry: TarEntry): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(value.toString(8).padStart(digits, '0'), at);
  };
  block.write(name.slice(0, 99), 0);
  octal(entry.mode ?? (type === '5' ? 0o755 : 0o644), 100, 7);
  octal(Math.min(entry.uid ?? 0, 0o7777777), 108, 7);
  octal(Math.min(entry.gid ?? 0, 0o7777777), 116, 7);
  octal(size, 124, 11);
  octal(Math.max(0, Math.min(entry.mtimeSeconds ?? 1_700_000_000, 0o77777777777)), 136, 11);
  block.write(type, 156);
  block.write((entry.link ?? '').slice(0, 99), 157);
  block.write('ustar\x0000', 257);
  octal(entry.major ?? 0, 329, 7);
  octal(entry.minor ?? 0, 337, 7);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  octal(sum, 148, 6);
  block[154] = 0;
  return block;
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const records: Buffer[] = [paxRecord('path', Buffer.from(entry.name))];
    const text = (key: string, value: string | number | undefined): void => {
      if (value !== undefined) records.push(paxRecord(key, Buffer.from(String(value))));
    };
    text('linkpath', entry.link);
    text('uid', entry.uid);
    text('gid', entry.gid);
    text('mtime', entry.mtimeSeconds);
    for (const [name, value] of entry.xattrs ?? []) records.push(paxRecord(`SCHILY.xattr.${name}`, value));
    const pax = Buffer.concat(records);
    const data = entry.data ?? new Uint8Array(0);
    parts.push(header('pax', 'x', pax.length, {} as TarEntry), padded(pax));
    parts.push(header(entry.name, entry.type ?? '0', data.length, entry), padded(data));
  }
  parts.push(Buffer.alloc(1024));
  return Buffer.concat(parts);
}

/** Unpacks entries below `dir`; an existing file of the same name is replaced. */
export function unpack(dir: string, entries: readonly TarEntry[]): void {
  const result = run(
    'tar',
    ['-x', '-p', '--numeric-owner', '--overwrite', '--xattrs', '--xattrs-include=*', '-C', dir],
    { input: tarArchive(entries) },
  );
  if (result.status !== 0) throw new Error(`tar: ${result.stderr}`);
}
