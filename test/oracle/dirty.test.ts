/** A log that needs replay: check tells what a mount would see and touches nothing; repair replays it first. */
import { expect, test } from '@jest/globals';
import { check } from '../support/cli.ts';
import { copyImage, corpusImage } from '../support/corpus.ts';
import { type DirtyKind, dirtyImage, leakImage } from '../support/leak.ts';
import { describeKernel, run, xfskit } from '../support/oracle.ts';
import { fileDigest } from '../support/tree.ts';

const KINDS: readonly DirtyKind[] = ['shutdown', 'frozen', 'powercut'];

describeKernel('dirty log', () => {
  test.each(KINDS.flatMap((kind) => [[kind, 'rmapbt=1'] as const, [kind, 'rmapbt=0'] as const]))(
    '%s, %s',
    async (kind, feature) => {
      const image = copyImage(await dirtyImage(kind, ['-m', feature]));
      const before = fileDigest(image);
      const checked = check(image);
      expect(checked.provisional).toBe(false);
      expect(checked.status).toBe(4);
      expect(checked.findings.map((finding) => finding.code)).toEqual(['LOG_DIRTY']);
      const injected = xfskit(['inject', 'leaked-cow', image]);
      expect([injected.status, injected.stderr]).toEqual([8, expect.stringMatching(/log is dirty/)]);
      expect(xfskit(['repair', '-n', image]).stdout).toMatch(/log: \d+ transactions replayed/);
      expect(fileDigest(image)).toBe(before);
      expect(xfskit(['repair', image]).status).toBe(1);
      expect(run('xfs_repair', ['-n', image]).status).toBe(0);
      expect(check(image).findings).toEqual([]);
      const after = fileDigest(image);
      expect(xfskit(['repair', image]).status).toBe(0);
      expect(fileDigest(image)).toBe(after);
    },
    120_000,
  );

  test('a clean log is called clean', async () => {
    expect(check(await corpusImage('rmap4k')).provisional).toBe(false);
    expect(check((await leakImage(1)).image).provisional).toBe(false);
  });
});
