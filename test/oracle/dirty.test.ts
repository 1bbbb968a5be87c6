/** A log that needs replay: check says so and calls its findings provisional; repair refuses and touches nothing. */
import { expect, test } from '@jest/globals';
import { check } from '../support/cli.ts';
import { copyImage, corpusImage } from '../support/corpus.ts';
import { type DirtyKind, dirtyImage, leakImage } from '../support/leak.ts';
import { describeKernel, xfskit } from '../support/oracle.ts';
import { fileDigest } from '../support/tree.ts';

const KINDS: readonly DirtyKind[] = ['shutdown', 'frozen', 'powercut'];

describeKernel('dirty log', () => {
  test.each(KINDS.flatMap((kind) => [[kind, 'rmapbt=1'] as const, [kind, 'rmapbt=0'] as const]))(
    '%s, %s',
    async (kind, feature) => {
      const image = copyImage(await dirtyImage(kind, ['-m', feature]));
      const before = fileDigest(image);
      const checked = check(image);
      expect(checked.provisional).toBe(true);
      expect(checked.status).toBe(4);
      expect(checked.findings.map((finding) => finding.code)).toContain('LOG_DIRTY');
      const repaired = xfskit(['repair', image]);
      expect(repaired.status! & 1).toBe(0);
      expect(repaired.status).not.toBe(0);
      expect(repaired.stdout + repaired.stderr).toMatch(/log/);
      expect(fileDigest(image)).toBe(before);
    },
    120_000,
  );

  test('a clean log is called clean', async () => {
    expect(check(await corpusImage('rmap4k')).provisional).toBe(false);
    expect(check((await leakImage(1)).image).provisional).toBe(false);
  });
});
