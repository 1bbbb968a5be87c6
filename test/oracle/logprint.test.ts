/** The drop-in of xfs_logprint prints what xfs_logprint prints; and a replay ends as the kernel's recovery does. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { copyImage, corpusImage } from '../support/corpus.ts';
import { type DirtyKind, dirtyImage } from '../support/leak.ts';
import {
  describeKernel,
  mountAgain,
  type RunResult,
  repository,
  run,
  temporaryDirectory,
  xfskit,
} from '../support/oracle.ts';
import { fileDigest } from '../support/tree.ts';

const KINDS: readonly DirtyKind[] = ['shutdown', 'frozen', 'powercut'];
const LINES: readonly (readonly string[])[] = [
  [],
  ['-t'],
  ['-t', '-i', '-b', '-q', '-o'],
  ['-d'],
  ['-n'],
  ['-o'],
  ['-v'],
  ['-s', '2'],
];

/** Addresses of the reference's own memory differ from run to run. */
function shown({ stdout, stderr, status }: RunResult): object {
  return { stdout: stdout.replace(/\b([aq]):0x[0-9a-f]+/g, '$1:0x0'), stderr, status };
}

function expectSame(args: readonly string[]): void {
  const ours = run(process.execPath, [join(repository, 'bin/compat/xfs_logprint'), ...args]);
  expect(shown(ours)).toEqual(shown(run('xfs_logprint', args)));
}

describeKernel('the log', () => {
  test.each(KINDS)(
    'xfs_logprint of a dirty log: %s',
    async (kind) => {
      const image = await dirtyImage(kind, ['-m', 'rmapbt=1']);
      for (const line of LINES) expectSame([...line, image]);
      expect(run('xfs_logprint', ['-t', image]).stdout).toContain('state: <DIRTY>');
    },
    120_000,
  );

  test('xfs_logprint of a clean log, and of one copied into a file', async () => {
    const image = await corpusImage('rmap4k');
    for (const line of LINES) expectSame([...line, image]);
    const copy = join(temporaryDirectory(), 'copied.log');
    const copied = run(process.execPath, [join(repository, 'bin/compat/xfs_logprint'), '-C', copy, image]);
    expect(copied.status).toBe(0);
    expectSame(['-t', '-f', copy]);
    expectSame(['-C', copy, image]);
  }, 120_000);

  test.each(KINDS)(
    'status and replay: %s',
    async (kind) => {
      const image = copyImage(await dirtyImage(kind, ['-m', 'rmapbt=1']));
      const before = fileDigest(image);
      const status = xfskit(['log', 'status', '--json', image]);
      expect(status.status).toBe(4);
      const { head, tail } = JSON.parse(status.stdout) as Record<string, { readonly block: number }>;
      const reference = run('xfs_logprint', ['-t', image]).stdout;
      expect(reference).toContain(`log tail: ${tail!.block} head: ${head!.block} state: <DIRTY>`);
      expect(fileDigest(image)).toBe(before);

      const twin = copyImage(image);
      expect(xfskit(['log', 'replay', image])).toMatchObject({ status: 1, stderr: '' });
      expect(run('xfs_logprint', ['-t', image]).stdout).toContain('state: <CLEAN>');
      expect(run('xfs_repair', ['-n', image]).status).toBe(0);
      mountAgain(twin, join(temporaryDirectory(), 'twin'))();
      expect(trees(image).length).toBeGreaterThan(10);
      expect(trees(image)).toEqual(trees(twin));
    },
    120_000,
  );
});

/** What a copy of both says of names, inodes and space. */
function trees(image: string): readonly string[] {
  const line = ['-c', 'blockget -n', '-c', 'ncheck', '-c', 'freesp -s'];
  const { stdout } = xfskit(['db', ...line, image]);
  return stdout.split('\n').sort();
}
