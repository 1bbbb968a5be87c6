/**
 * What the corpus holds, asked from xfs_db and not from the recipe: a shape that silently is no longer made would
 * silently no longer be tested.
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CORPUS, type CorpusRow, corpusImage } from '../support/corpus.ts';
import { describeKernel, mustRun } from '../support/oracle.ts';

/** Runs xfs_db commands on a corpus image and returns the value of every `name = value` line, in order. */
function values(row: CorpusRow, image: string, commands: readonly string[]): string[] {
  const log = row.externalLog ? ['-l', join(image, '..', 'log')] : [];
  const args = commands.flatMap((command) => ['-c', command]);
  const { stdout } = mustRun('xfs_db', ['-r', ...log, ...args, image]);
  return [...stdout.matchAll(/ = (.*)$/gm)].map((match) => match[1] as string);
}

const FORMATS: readonly (readonly [path: string, fork: 'core.format' | 'core.aformat', format: string])[] = [
  ['/dirs/sf', 'core.format', '1 (local)'],
  ['/dirs/block', 'core.format', '2 (extents)'],
  ['/dirs/node', 'core.format', '2 (extents)'],
  ['/misc/sym30', 'core.format', '1 (local)'],
  ['/misc/fifo', 'core.format', '0 (dev)'],
  ['/misc/sock', 'core.format', '0 (dev)'],
  ['/files/frag1', 'core.format', '3 (btree)'],
  ['/attr/sf', 'core.aformat', '1 (local)'],
  ['/attr/deep', 'core.aformat', '2 (extents)'],
];

describeKernel('corpus', () => {
  test.each(CORPUS.filter((row) => !row.empty))(
    '$name holds every form of inode, directory and attribute fork',
    async (row) => {
      const image = await corpusImage(row.name);
      const wanted = [...FORMATS];
      if (row.dirBlockSize <= 8192) wanted.push(['/dirs/btree', 'core.format', '3 (btree)']);
      if (row.blockSize <= 8192) wanted.push(['/attr/btree', 'core.aformat', '3 (btree)']);
      const asked = wanted.flatMap(([path, fork]) => [`path ${path}`, `p ${fork}`]);
      const found = values(row, image, asked);
      expect(wanted.map(([path], i) => `${path} ${found[i]}`)).toEqual(
        wanted.map(([path, , format]) => `${path} ${format}`),
      );
      if (row.blockSize <= 4096) {
        expect(values(row, image, ['path /files/frag2', 'p u3.bmbt.level'])).toEqual(['2']);
      }
    },
  );

  test('btrees of every height', async () => {
    const levels = async (name: string, kind: 'agf' | 'agi', field: string): Promise<number> => {
      const row = CORPUS.find((candidate) => candidate.name === name) as CorpusRow;
      const image = await corpusImage(name);
      const agcount = Number(values(row, image, ['sb 0', 'p agcount'])[0]);
      const asked = Array.from({ length: agcount }, (_, agno) => [`${kind} ${agno}`, `p ${field}`]).flat();
      return Math.max(...values(row, image, asked).map(Number));
    };
    expect(await levels('rmap4k', 'agf', 'bnolevel')).toBe(2);
    expect(await levels('rmap4k', 'agf', 'cntlevel')).toBe(2);
    expect(await levels('rmap4k', 'agf', 'refcntlevel')).toBe(2);
    expect(await levels('b1k', 'agf', 'rmaplevel')).toBe(4);
    expect(await levels('b1k', 'agi', 'level')).toBe(2);
    expect(await levels('b1k', 'agi', 'free_level')).toBe(2);
    expect(await levels('ag1', 'agi', 'level')).toBe(2);
    const b1k = CORPUS.find((row) => row.name === 'b1k') as CorpusRow;
    const tall = values(b1k, await corpusImage('b1k'), ['path /files/frag3', 'p u3.bmbt.level']);
    expect(tall).toEqual(['3']);
  });

  test('sparse inode chunks and shared extents', async () => {
    const sparse = await corpusImage('sparse');
    const { stdout } = mustRun('xfs_db', ['-r', '-c', 'agi 0', '-c', 'addr root', '-c', 'p recs', sparse]);
    expect((stdout.match(/0xff00/g) ?? []).length).toBeGreaterThan(10);
    const shared = mustRun('xfs_db', [
      '-r',
      '-c',
      'path /refl/c3',
      '-c',
      'p v3.flags2 v3.reflink',
      await corpusImage('rmap4k'),
    ]);
    expect(shared.stdout).toContain('v3.reflink = 1');
  });
});
