/**
 * The reference image `small` (16 GiB, a million files): check has a budget of 4 s and 400 MiB for it. The image is
 * a metadump kept outside the repository, in the folder that XFSKIT_REFERENCE_IMAGES names (../shared/images if it
 * does not); without it, or without xfs_mdrestore and zstd, the test is skipped and says so.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { measured } from '../support/cli.ts';
import { cached } from '../support/corpus.ts';
import { mustRun, repository, run } from '../support/oracle.ts';

const MOST_MILLISECONDS = 4000;
const MOST_MIB = 400;
const folder = resolve(repository, process.env.XFSKIT_REFERENCE_IMAGES ?? '../shared/images');
const dump = join(folder, 'small.md.zst');

function whyNot(): string | undefined {
  if (!existsSync(dump)) return `there is no ${dump} (XFSKIT_REFERENCE_IMAGES names the folder)`;
  const absent = ['xfs_mdrestore', 'zstd'].filter((name) => run(name, ['-V']).status === 127);
  return absent.length > 0 ? `${absent.join(' and ')} is not installed` : undefined;
}

const why = whyNot();
if (why !== undefined) process.stderr.write(`\n*** SKIPPED: "reference image small": ${why}\n`);

(why === undefined ? describe : describe.skip)('reference image small', () => {
  test(`check takes at most ${MOST_MILLISECONDS} ms and ${MOST_MIB} MiB`, async () => {
    const made = await cached('reference-small', (into) => {
      mustRun('sh', ['-c', 'zstd -dc "$1" | xfs_mdrestore - "$2"', 'sh', dump, join(into, 'image')], {
        timeout: 300_000,
      });
    });
    const image = join(made, 'image');
    const result = measured(['check', image]);
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(result.peakMiB).toBeLessThan(MOST_MIB);
    // Processor time, as other tests share the machine; check runs on one core, so that is its wall time alone.
    expect(result.processorMilliseconds).toBeLessThan(MOST_MILLISECONDS);
    process.stderr.write(
      `reference image small: ${result.processorMilliseconds.toFixed(0)} ms, ${result.peakMiB.toFixed(0)} MiB\n`,
    );
  }, 400_000);
});
