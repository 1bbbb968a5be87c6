/**
 * Leaked CoW staging and unlinked inodes under a clean log, made by the kernel: check names every leak, repair
 * frees them, nothing else changes. xfs_db's reading of the refcount btrees is the truth.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { check, looksLikeCrash, messages } from '../support/cli.ts';
import { copyImage } from '../support/corpus.ts';
import { leakImage, leftoverExtents, sortExtents, stagingExtents } from '../support/leak.ts';
import { describeKernel, mustRun, repairCheck, xfskit } from '../support/oracle.ts';
import { fileDigest, imageTree } from '../support/tree.ts';

/** What xfs_repair -n complains of, without its progress lines and what it says of the unlinked inodes. */
function otherComplaints(image: string, orphans: readonly number[]): string[] {
  const { stdout, stderr } = repairCheck(image);
  const known = new Set(orphans);
  return `${stdout}\n${stderr}`.split('\n').filter((line) => {
    if (
      /^\s*$|^\s+- |^Phase \d|^No modify flag|^Cannot get host|^Repair may fail|^the image and the host/.test(
        line,
      )
    ) {
      return false;
    }
    const unlinked =
      /^agi unlinked bucket \d+ is \d+ in ag \d+ \(inode=(\d+)\)/.exec(line) ??
      /^disconnected inode (\d+), would move to lost\+found$/.exec(line) ??
      /^would have reset inode (\d+) nlinks from 0 to 1$/.exec(line);
    return !unlinked || !known.has(Number(unlinked[1]));
  });
}

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
      expect(repaired.status! & 1).toBe(1);
      expect(repaired.status! & ~5).toBe(0);
      expect(stagingExtents(mine)).toEqual([]);
      expect(otherComplaints(mine, truth.orphans)).toEqual([]);
      expect(messages(check(mine).findings.filter((finding) => finding.code === 'LEAKED_COW'))).toEqual([]);

      // A second repair finds nothing to do.
      const once = readFileSync(mine);
      xfskit(['repair', mine]);
      expect(readFileSync(mine).equals(once)).toBe(true);

      // xfs_repair moves the unlinked inodes to lost+found; then the kernel may look at the tree.
      mustRun('xfs_repair', [mine]);
      expect(imageTree(mine)).toEqual(truth.tree);
    },
    120_000,
  );
});
