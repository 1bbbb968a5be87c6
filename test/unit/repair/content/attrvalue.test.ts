/** Values of names that the system gives a meaning to, and what messages show of names. */
import { describe, expect, test } from '@jest/globals';
import { setAttr } from '../../../../src/fs/attr/attr.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

describe('values that mean something', () => {
  const acl = (...entries: readonly (readonly [number, number, number])[]): Uint8Array => {
    const view = new DataView(new ArrayBuffer(4 + 12 * entries.length));
    view.setUint32(0, entries.length);
    entries.forEach(([tag, id, permissions], i) => {
      view.setUint32(4 + 12 * i, tag);
      view.setUint32(8 + 12 * i, id);
      view.setUint16(12 + 12 * i, permissions);
    });
    return new Uint8Array(view.buffer);
  };
  const base = [
    [1, 0, 6],
    [4, 0, 4],
    [32, 0, 4],
  ] as const;
  const found = (name: string, value: Uint8Array, namespace: 'trusted' | 'user' = 'trusted') => {
    const small = smallImage();
    setAttr(openFileSystem(small.device), small.files[0]!.ino, { namespace, name, value });
    return observe(small.device)
      .findings.filter(({ severity }) => severity !== 'note')
      .map(({ code }) => code);
  };
  const many = Array.from({ length: 400 }, (_, i) => [2, i, 7] as const);

  test.each<[string, Uint8Array]>([
    ['a short ACL', acl(...base)],
    ['an ACL with a user and a mask', acl(...base, [2, 5, 7], [16, 0, 7])],
    ['an ACL in blocks of its own', acl(...base, [16, 0, 7], ...many)],
  ])('%s is sound', (_what, value) => {
    expect(found('SGI_ACL_FILE', value)).toEqual([]);
  });

  test.each<[string, Uint8Array]>([
    ['no bytes of a count', new Uint8Array(3)],
    ['a count that is not that of its bytes', acl(...base).subarray(0, 28)],
    ['no entry for others', acl(base[0], base[1])],
    ['no mask', acl(...base, [2, 5, 7])],
    ['an owner twice', acl(...base, base[0])],
    ['a user twice', acl(...base, [2, 5, 7], [2, 5, 6], [16, 0, 7])],
    ['an unknown tag', acl(...base, [64, 0, 0])],
    ['unknown permissions', acl([1, 0, 9], base[1], base[2])],
    ['no mask, in blocks of its own', acl(...base, ...many)],
  ])('an ACL with %s is not', (_what, value) => {
    expect(found('SGI_ACL_DEFAULT', value)).toEqual(['ATTR_VALUE']);
    expect(found('SGI_ACL_DEFAULT', value, 'user')).toEqual([]);
  });

  test('capabilities and labels', () => {
    expect(found('SGI_CAP_FILE', new Uint8Array(24))).toEqual([]);
    expect(found('SGI_CAP_FILE', new Uint8Array(20))).toEqual(['ATTR_VALUE']);
    expect(found('SGI_MAC_FILE', new TextEncoder().encode('Lh\0\0\0\0\0\0'))).toEqual([]);
    expect(found('SGI_MAC_FILE', new TextEncoder().encode('Uh\0\0\0\0\0\0'))).toEqual(['ATTR_VALUE']);
    expect(found('SGI_MAC_FILE', new TextEncoder().encode('Th\0\0\x02\0\0\0\x05\0\x04\0'))).toEqual([
      'ATTR_VALUE',
    ]);
  });
});

test('attributes without the feature bit are worth a note, once', () => {
  const small = smallImage();
  const fs = openFileSystem(small.device);
  for (const { ino } of small.files)
    setAttr(fs, ino, { namespace: 'user', name: 'n', value: new Uint8Array(1) });
  expect(observe(small.device).findings).toEqual([]);
  const place = { offset: 0, length: 512, crcOffset: 224 };
  withEdit(
    small.device,
    place,
    (v) => v.setUint16(100, v.getUint16(100) & ~0x10),
    () => {
      expect(observe(small.device).findings).toMatchObject([{ code: 'ATTR_FEATURE', severity: 'note' }]);
    },
  );
});

test('names in messages are short and harmless', () => {
  const small = smallImage();
  const { ino } = small.files[0]!;
  const name = `\u001b[2J${'n'.repeat(100)}`;
  setAttr(openFileSystem(small.device), ino, {
    namespace: 'trusted',
    name: `SGI_CAP_FILE${name}`,
    value: new Uint8Array(1),
  });
  const [finding] = observe(small.device).findings;
  expect(finding!.message).toContain('"SGI_CAP_FILE\\x1b[2J');
  expect(finding!.message.length).toBeLessThan(160);
});
