/**
 * Every kind of defect that `inject` plants, on images made by the kernel: found by check, mended by repair, clean
 * afterwards by our check and by xfs_repair -n, a second repair changes nothing, and no file has changed.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { INJECT_KINDS } from '../../src/repair/inject/inject.ts';
import { check, messages } from '../support/cli.ts';
import { copyImage, corpusImage } from '../support/corpus.ts';
import { describeKernel, mustRun, repairCheck, xfskit } from '../support/oracle.ts';
import { fileDigest, imageTree, type Tree } from '../support/tree.ts';

/** Defects that xfs_repair -n passes over: it calls the image clean while the kernel would trust the records. */
const MISSED_BY_XFS_REPAIR = ['surplus-refcount', 'surplus-rmap'];

describeKernel('inject, through the commands', () => {
  let original: Tree;
  let image: string;
  beforeAll(async () => {
    image = await corpusImage('rmap4k');
    original = imageTree(copyImage(image));
  }, 120_000);

  test('the list names every kind', () => {
    const listed = mustRun(process.execPath, ['bin/xfskit', 'inject', '--list']).stdout;
    const names = listed
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toEqual(INJECT_KINDS.map((kind) => kind.name));
    expect(names.length).toBeGreaterThan(12);
  });

  test.each(INJECT_KINDS.map((kind) => [kind.name, kind] as const))(
    '%s: found, repaired, clean',
    (name, kind) => {
      const mine = copyImage(image);
      const planted = xfskit(['inject', name, '--seed', '1', mine]);
      expect([planted.status, planted.stderr]).toEqual([0, '']);
      const found = check(mine);
      expect(found.status).toBe(4);
      expect(found.damage.map((finding) => finding.code)).toContain(kind.finds);
      if (MISSED_BY_XFS_REPAIR.includes(name)) expect(repairCheck(mine).status).toBe(0);

      const repaired = xfskit(['repair', mine]);
      expect([repaired.status, repaired.stderr]).toEqual([1, '']);
      const after = check(mine);
      expect(messages(after.damage)).toEqual([]);
      expect(after.status).toBe(0);
      const once = fileDigest(mine);
      expect(xfskit(['repair', mine]).status).toBe(0);
      expect(fileDigest(mine)).toBe(once);
      // Mounted only if xfs_repair -n calls it clean.
      expect(imageTree(mine)).toEqual(original);
      rmSync(dirname(mine), { recursive: true });
    },
    120_000,
  );
});
