/** Head, tail and state of the log, as xfs_logprint finds them. */
import { expect, test } from '@jest/globals';
import { openDevice } from '../../src/device/open.ts';
import { findLogHead } from '../../src/fs/log/head.ts';
import { observe } from '../../src/repair/observe/observe.ts';
import { corpusImage } from '../support/corpus.ts';
import { type DirtyKind, dirtyImage } from '../support/leak.ts';
import { describeKernel, run } from '../support/oracle.ts';

/** `-t` prints e.g. `log tail: 24 head: 369 state: <DIRTY>`. */
function oracleLog(image: string): { tailBlock: number; headBlock: number; state: string } {
  const { stdout } = run('xfs_logprint', ['-t', image]);
  const match = /log tail: (\d+) head: (\d+) state: <(\w+)>/.exec(stdout);
  if (!match) throw new Error(`xfs_logprint said: ${stdout.slice(0, 200)}`);
  return {
    tailBlock: Number(match[1]),
    headBlock: Number(match[2]),
    state: match[3]!.toLowerCase(),
  };
}

function ourLog(image: string) {
  const device = openDevice(image);
  try {
    const { geometry } = observe(device);
    const { state, headBlock, tailBlock } = findLogHead(device, geometry);
    return { tailBlock, headBlock, state };
  } finally {
    device.close();
  }
}

describeKernel('log head', () => {
  test.each(['rmap4k', 'b1k', 'stripe', 's4096'])(
    '%s: clean, at the same block',
    async (name) => {
      const image = await corpusImage(name);
      const log = ourLog(image);
      expect(log).toEqual(oracleLog(image));
      expect(log.state).toBe('clean');
    },
    120_000,
  );

  test.each<DirtyKind>(['shutdown', 'frozen', 'powercut'])(
    '%s: dirty, from the same tail',
    async (kind) => {
      const image = await dirtyImage(kind);
      const log = ourLog(image);
      expect(log).toEqual(oracleLog(image));
      expect(log.state).toBe('dirty');
    },
    120_000,
  );
});
