/** No false finding: images made by mkfs.xfs and the kernel, of every geometry, are clean; check changes no byte. */
import { beforeAll, expect, test } from '@jest/globals';
import { check, messages } from '../support/cli.ts';
import { CORPUS, corpusDigest, corpusImage } from '../support/corpus.ts';
import { describeKernel } from '../support/oracle.ts';
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
