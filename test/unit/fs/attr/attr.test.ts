/** Attributes against a map: random setting, replacing and removing in every form, checked clean on the way. */
import { describe, expect, test } from '@jest/globals';
import { CorruptionError } from '../../../../src/format/errors.ts';
import {
  AttrError,
  type AttrNamespace,
  getAttr,
  listAttrs,
  removeAttr,
  setAttr,
} from '../../../../src/fs/attr/attr.ts';
import { type FileSystem, openFileSystem } from '../../../../src/fs/filesystem.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { Random } from '../../../support/random.ts';
import { smallImage } from '../../../support/smallimage.ts';

const NAMESPACES: readonly AttrNamespace[] = ['user', 'trusted', 'secure'];

function randomValue(random: Random): Uint8Array {
  const sizes = [30, 30, 255, 255, 3500, 20000, 65536];
  return new Uint8Array(random.bytes(random.below(random.pick(sizes) + 1)));
}

function expectSame(fs: FileSystem, ino: number, model: ReadonlyMap<string, Uint8Array>): void {
  const listed = listAttrs(fs, ino).map(
    ({ namespace, name }) => `${namespace} ${new TextDecoder().decode(name)}`,
  );
  expect(listed.sort()).toEqual([...model.keys()].sort());
}

describe.each([
  ['4 KiB blocks', []],
  ['1 KiB blocks', ['b.size=1024', 'm.rmapbt=1']],
  ['large inodes, extent counts of 64 bits', ['i.size=1024', 'i.nrext64=1', 'm.rmapbt=1']],
] as const)('%s', (_name, options) => {
  test.each([1, 2])('seed %i: what was set is there, whatever the form', (seed) => {
    const { device, files } = smallImage(options);
    const fs = openFileSystem(device);
    const random = new Random(seed);
    const { ino } = files[0]!;
    const model = new Map<string, Uint8Array>();
    for (let i = 0; i < 260; i++) {
      const growing = i < 160;
      if (model.size > 0 && random.below(10) < (growing ? 2 : 9)) {
        const key = random.pick([...model.keys()]);
        const [namespace, name] = key.split(' ') as [AttrNamespace, string];
        removeAttr(fs, ino, { namespace, name });
        model.delete(key);
      } else {
        const namespace = random.pick(NAMESPACES);
        const known =
          random.below(3) === 0 ? [...model.keys()].find((key) => key.startsWith(namespace)) : undefined;
        const name = known?.split(' ')[1] ?? 'n'.repeat(1 + random.below(40)) + random.next();
        const value = randomValue(random);
        setAttr(fs, ino, { namespace, name, value });
        model.set(`${namespace} ${name}`, value);
      }
      if (i % 40 === 0) {
        expectSame(fs, ino, model);
        expect(checkImage(device).findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
      }
    }
    for (const [key, value] of model) {
      const [namespace, name] = key.split(' ') as [AttrNamespace, string];
      expect(Buffer.from(getAttr(fs, ino, { namespace, name })!).equals(value)).toBe(true);
      removeAttr(fs, ino, { namespace, name });
    }
    // The fork is gone with the last of them.
    expect(transact(fs, (tr) => readInode(tr, ino).core.forkoff)).toBe(0);
    expect(checkImage(device).findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });
});

test('create and replace insist, and leave everything as it was', () => {
  const { device, files } = smallImage();
  const fs = openFileSystem(device);
  const { ino } = files[0]!;
  const attr = { namespace: 'user', name: 'a', value: new Uint8Array(3) } as const;
  const before = device.bytes.slice();
  expect(() => setAttr(fs, ino, { ...attr, mode: 'replace' })).toThrow(AttrError);
  expect(() => removeAttr(fs, ino, attr)).toThrow(AttrError);
  expect(() => setAttr(fs, ino, { ...attr, name: 'x'.repeat(256) })).toThrow(/1 to 255/);
  expect(Buffer.from(device.bytes).equals(before)).toBe(true);
  setAttr(fs, ino, { ...attr, mode: 'create' });
  expect(() => setAttr(fs, ino, { ...attr, mode: 'create' })).toThrow(AttrError);
});

test('damage stops the operation before anything is written', () => {
  const { device, files } = smallImage(['m.rmapbt=1']);
  const { ino } = files[0]!;
  const sound = openFileSystem(device);
  const big = { namespace: 'user', name: 'big', value: new Uint8Array(9000) } as const;
  const { geometry } = sound;
  // One byte of the cntbt root of the inode's AG: the allocator must not go on.
  const root = transact(sound, (tr) => tr.perag(geometry.inoAgno(ino)).agf.cntroot);
  device.bytes[geometry.agbnoByte(geometry.inoAgno(ino), root) + 60]! ^= 1;
  const before = device.bytes.slice();
  const fs = openFileSystem(device);
  expect(() => setAttr(fs, ino, big)).toThrow(CorruptionError);
  expect(Buffer.from(device.bytes).equals(before)).toBe(true);
  // And the filesystem can still be worked on elsewhere.
  setAttr(fs, ino, { namespace: 'user', name: 'small', value: new Uint8Array(5) });
  expect(getAttr(fs, ino, { namespace: 'user', name: 'small' })?.length).toBe(5);
});
