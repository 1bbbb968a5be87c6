/**
 * Leaked CoW staging and unlinked inodes under a clean log, made by the kernel: check names every leak, repair
 * frees them, nothing else changes. xfs_db's reading of the refcount btrees is the truth.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { check, looksLikeCrash, messages } from '../support/cli.ts';
import { copyImage } from '../support/corpus.ts';
import { leakImage, leftoverExtents, sortExtents, stagingExtents } from '../support/leak.ts';
import { describeKernel, repairCheck, xfskit } from '../support/oracle.ts';
import { fileDigest, imageTree } from '../support/tree.ts';

const VARIANTS: readonly (readonly [name: string, seed: number, options: string[]])[] = [
  ['seed 1', 1, ['-m', 'rmapbt=1']],
  ['seed 2', 2, ['-m', 'rmapbt=1']],
  ['seed 3', 3, ['-m', 'rmapbt=1']],
  ['without rmapbt', 4, ['-m', 'rmapbt=0']],
  ['1 KiB blocks', 5, ['-b', 'size=1024', '-m', 'rmapbt=1']],
];

describeKernel('leaked CoW staging', () => {
  test.each(VARIANTS)(
    '%s: found to the block, freed, and nothing else changed',
    async (_, seed, options) => {
      const truth = await leakImage(seed, options);
      // The canary: two programs of the oracle agree about what there is to find.
      expect(leftoverExtents(truth.image)).toEqual(truth.staging);
      const before = fileDigest(truth.image);
      const checked = check(truth.image);
      const leaks = checked.findings.filter((finding) => finding.code === 'LEAKED_COW');
      const named = leaks.map(
        ({ where }) => [where.agno ?? -1, where.agbno ?? -1, where.blocks ?? -1] as const,
      );
      expect(sortExtents(named)).toEqual(truth.staging);
      expect(Object.values(checked.summary)).toContain(truth.stagingBlocks);
      expect(xfskit(['check', truth.image]).stdout).toContain(String(truth.stagingBlocks));
      expect(checked.status).toBe(4);
      const unlinked = checked.findings.filter((finding) => truth.orphans.includes(finding.where.ino ?? -1));
      expect(unlinked.map((finding) => finding.where.ino).sort((a, b) => a! - b!)).toEqual(truth.orphans);
      expect(fileDigest(truth.image)).toBe(before);

      const mine = copyImage(truth.image);
      const dry = xfskit(['repair', '-n', mine]);
      expect(looksLikeCrash(dry)).toBe(false);
      expect(fileDigest(mine)).toBe(fileDigest(copyImage(truth.image)));
      const repaired = xfskit(['repair', mine]);
      expect(looksLikeCrash(repaired)).toBe(false);
      expect(repaired.status).toBe(1);
      expect(stagingExtents(mine)).toEqual([]);
      // The unlinked inodes are freed too: xfs_repair would have moved them to lost+found.
      expect(repairCheck(mine).status).toBe(0);
      expect(messages(check(mine).damage)).toEqual([]);

      // A second repair finds nothing to do.
      const once = readFileSync(mine);
      xfskit(['repair', mine]);
      expect(readFileSync(mine).equals(once)).toBe(true);

      expect(imageTree(mine)).toEqual(truth.tree);
    },
    120_000,
  );
});
