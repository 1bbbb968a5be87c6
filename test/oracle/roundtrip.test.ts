/**
 * Every metadata object of real images, made by mkfs.xfs and filled by the kernel, goes through decode, JSON and
 * encode and comes back byte for byte. What no row covers may hold old bytes only where the format leaves room.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { BTREE, maxRecords } from '../../src/format/btree.ts';
import { decode, encode } from '../../src/format/codec.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { LOG_EXTENSION, LOG_OP, LOG_OPERATION, LOG_RECORD, LOG_TRANSACTION } from '../../src/format/log.ts';
import { logItem } from '../../src/format/logitem.ts';
import { type Shape, scopeOf, viewOf } from '../../src/format/struct.ts';
import { geometryOf, SUPERBLOCK } from '../../src/format/superblock.ts';
import { corpusImage, corpusNames } from '../support/corpus.ts';
import { type FoundObject, logRecords, metadataObjects } from '../support/objects.ts';
import { describeKernel } from '../support/oracle.ts';

/** Images of which we know that they hold every kind of object, and whose logs are read too. */
const RICH = ['rmap4k', 'b1k_n8k', 'nrext64', 'nobigtime'];
const KINDS = [
  'sb',
  'agf',
  'agi',
  'agfl',
  'bnobt',
  'cntbt',
  'inobt',
  'finobt',
  'inode',
  'bmapbtd',
  'symlink',
  'dir3 block',
  'dir3 data',
  'dir3 leaf1',
  'dir3 leafn',
  'dir3 node',
  'dir3 free',
  'attr3 leaf',
  'attr3 node',
  'attr3 remote',
];

/** Decodes, goes through JSON, encodes; returns the slack. */
function roundTrip(shape: Shape, bytes: Uint8Array, geometry: Geometry, what: string) {
  const decoded = JSON.parse(JSON.stringify(decode(shape, scopeOf(bytes, geometry))));
  const again = new Uint8Array(bytes.length);
  encode(shape, decoded, again, geometry);
  const at = again.findIndex((byte, i) => byte !== bytes[i]);
  if (at >= 0) throw new Error(`${what}: byte ${at} is ${again[at]}, was ${bytes[at]}`);
  if (decoded.overlap) throw new Error(`${what}: rows claim one another's bytes`);
  return decoded.slack as { at: number; hex: string }[];
}

/** Ranges in which an object may hold bytes that mean nothing. */
function unused(found: FoundObject): [from: number, to: number][] {
  const view = viewOf(found.bytes);
  const size = found.bytes.length;
  const { name, form } = found.type;
  if (name in BTREE || name.startsWith('bmapbt')) {
    const family = BTREE[(name.startsWith('bmapbt') ? 'bmapbt' : name) as keyof typeof BTREE];
    const count = view.getUint16(6);
    if (view.getUint16(4) === 0) return [[family.headerBytes + count * family.recordBytes, size]];
    const pointers = family.headerBytes + maxRecords(family, 1, size) * family.keyBytes;
    return [
      [family.headerBytes + count * family.keyBytes, pointers],
      [pointers + count * family.pointerBytes, size],
    ];
  }
  if (name === 'inode') return [[176, size]];
  if (form === 'leaf1') {
    const bests = size - 4 - 2 * view.getUint32(size - 4);
    return [[64 + 8 * view.getUint16(56), bests]];
  }
  if (form === 'leafn' || form === 'node') return [[64 + 8 * view.getUint16(56), size]];
  if (form === 'free') return [[64 + 2 * view.getUint32(52), size]];
  if (form === 'leaf') return [[80 + 8 * view.getUint16(56), size]];
  if (form === 'remote' || name === 'symlink') return [[56 + view.getUint32(8), size]];
  return [];
}

/** Operations of a record: their headers, transaction headers and the first regions of items. */
function operations(data: Uint8Array, count: number): { name: string; shape: Shape; bytes: Uint8Array }[] {
  const out: { name: string; shape: Shape; bytes: Uint8Array }[] = [];
  const view = viewOf(data);
  let regionsLeft = 0;
  let fresh = false;
  for (let at = 0, i = 0; i < count && at + 12 <= data.length; i++) {
    const { len, flags } = LOG_OPERATION.at(view, at);
    out.push({ name: 'operation', shape: LOG_OPERATION, bytes: data.subarray(at, at + 12) });
    const region = data.subarray(at + 12, at + 12 + len);
    at += 12 + len;
    if ((flags & LOG_OP.UNMOUNT) !== 0) break;
    if ((flags & LOG_OP.START) !== 0) fresh = true;
    // A region that began in an earlier record: it and the rest of its item are not recognisable here.
    else if ((flags & LOG_OP.WAS_CONT) !== 0 || len < 4) continue;
    else if (fresh && len === LOG_TRANSACTION.size) {
      out.push({ name: 'transaction', shape: LOG_TRANSACTION, bytes: region });
      fresh = false;
      regionsLeft = 0;
    } else if (regionsLeft > 0) regionsLeft--;
    else {
      const head = viewOf(region);
      const item = logItem(head.getUint16(0, true), len);
      if (!item || (flags & LOG_OP.CONTINUE) !== 0) continue;
      regionsLeft = head.getUint16(2, true) - 1;
      out.push({ name: item.name, shape: item.shape, bytes: region });
    }
  }
  return out;
}

describeKernel('round trip of real metadata', () => {
  test.each(corpusNames)(
    '%s',
    async (name) => {
      const image = readFileSync(await corpusImage(name));
      const geometry = geometryOf(image);
      const seen = new Map<string, number>();
      for (const found of metadataObjects(image)) {
        const what = `${found.type.name} ${found.type.form} at ${found.offset}`;
        seen.set(
          `${found.type.name} ${found.type.form}`.trim(),
          (seen.get(`${found.type.name} ${found.type.form}`.trim()) ?? 0) + 1,
        );
        const slack = roundTrip(found.type.shape!, found.bytes, geometry, what);
        const room = unused(found);
        for (const { at, hex } of slack) {
          const inside = room.some(([from, to]) => at >= from && at + hex.length / 2 <= to);
          expect({ what, at, hex, inside }).toMatchObject({ inside: true });
        }
        expect({ what, problems: found.type.verify!(found.bytes, geometry, found.place) }).toEqual({
          what,
          problems: [],
        });
      }
      if (RICH.includes(name)) {
        for (const kind of KINDS) expect([kind, seen.get(kind) ?? 0]).not.toEqual([kind, 0]);
      }
      expect(seen.get('inode')).toBe(Number(SUPERBLOCK.over(image).icount));
    },
    180_000,
  );

  test.each(RICH)(
    'log of %s',
    async (name) => {
      const image = readFileSync(await corpusImage(name));
      const geometry = geometryOf(image);
      const names = new Set<string>();
      let records = 0;
      for (const record of logRecords(image)) {
        records++;
        expect(roundTrip(LOG_RECORD, record.header, geometry, 'record')).toEqual([]);
        for (const extension of record.extensions) {
          expect(roundTrip(LOG_EXTENSION, extension, geometry, 'extension')).toEqual([]);
        }
        const count = LOG_RECORD.over(record.header).num_logops;
        for (const { name: item, shape, bytes } of operations(record.data, count)) {
          names.add(item);
          expect({ item, slack: roundTrip(shape, bytes, geometry, item) }).toEqual({ item, slack: [] });
        }
      }
      expect(records).toBeGreaterThan(1);
      expect([...names]).toEqual(expect.arrayContaining(['operation', 'transaction', 'INODE', 'BUF']));
    },
    180_000,
  );
});
