/** No false finding: images made by mkfs.xfs and the kernel, of every geometry, are clean; check changes no byte. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { check, messages } from '../support/cli.ts';
import { populate } from '../support/corpus/populate.ts';
import { CORPUS, corpusDigest, corpusImage, corpusRow, makeFilesystem } from '../support/corpus.ts';
import { describeKernel, mountImage, repairCheck, temporaryDirectory } from '../support/oracle.ts';
import { fileDigest } from '../support/tree.ts';

describeKernel('check of sound images', () => {
  const images = new Map<string, string>();
  beforeAll(async () => {
    for (const { name } of CORPUS) images.set(name, await corpusImage(name));
  }, 300_000);

  test.each(CORPUS)('$name is clean', ({ name }) => {
    const image = images.get(name) as string;
    const checked = check(image);
    expect(messages(checked.damage)).toEqual([]);
    expect(checked.status).toBe(0);
    expect(fileDigest(image)).toBe(corpusDigest(name));
  });
});

describeKernel('check of what the kernel made of images of our own mkfs', () => {
  test.each(['rmap4k', 'b1k_n8k', 'i2048', 's4096', 'ag5odd', 'nosparse', 'alloff', 'b16k', 'stripe'])(
    '%s',
    async (name) => {
      const row = corpusRow(name);
      const image = join(mkdtempSync(join(temporaryDirectory(), 'ours-')), 'image');
      makeFilesystem(image, row.sizeMiB, row.logMiB, row.mkfs, undefined, 'xfskit');
      expect(messages(check(image).findings)).toEqual([]);
      const mountPoint = mkdtempSync(join(temporaryDirectory(), 'mnt-'));
      const unmount = mountImage(image, mountPoint);
      try {
        await populate(mountPoint, row, 77);
      } finally {
        unmount();
      }
      expect(repairCheck(image).status).toBe(0);
      const checked = check(image);
      expect(messages(checked.damage)).toEqual([]);
      expect(checked.status).toBe(0);
      rmSync(image);
    },
    120_000,
  );
});
