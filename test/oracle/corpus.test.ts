/** Makes every image of the corpus: what it holds is asked from xfs_db, not from what the recipe meant to make. */
import { expect, test } from '@jest/globals';
import { corpusImage, corpusNames } from '../support/corpus.ts';
import { describeKernel } from '../support/oracle.ts';

describeKernel('corpus', () => {
  test.each(corpusNames)('%s', async (name) => {
    const image = await corpusImage(name);
    expect(image).toMatch(/image$/);
  });
});
