/**
 * Maps of images that the kernel made: every block has a use, the uses agree with what the reference tools count, and
 * nothing contradicts itself; damage shows where it was planted, and nothing stops a map.
 */
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { looksLikeCrash } from '../support/cli.ts';
import { corpusImage } from '../support/corpus.ts';
import { leakImage } from '../support/leak.ts';
import { describeKernel, mustRun, temporaryDirectory, xfskit } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

interface Whole {
  readonly blocks: number;
  readonly agcount: number;
  readonly use: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}
interface Row {
  readonly agno: number;
  readonly use: Readonly<Record<string, number>>;
  readonly cells: string;
}

function mapOf(image: string): { whole: Whole; rows: readonly Row[] } {
  const result = xfskit(['map', '--json', image]);
  expect([result.stderr, result.status]).toEqual(['', 0]);
  const [whole, ...rows] = result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  return { whole: whole as Whole, rows: rows as Row[] };
}

function fields(image: string, place: readonly string[], names: readonly string[]): number[] {
  const commands = [...place, ...names.map((name) => `p ${name}`)].flatMap((line) => ['-c', line]);
  const { stdout } = mustRun('xfs_db', ['-r', ...commands, image]);
  return [...stdout.matchAll(/ = (\d+)/g)].map((match) => Number(match[1]));
}

describeKernel('map of images that the kernel made', () => {
  test.each([
    'rmap4k',
    'b1k',
    'b1k_normap',
    'b64k',
    'noreflink',
    'sparse',
    'ag16',
    'i2048',
    'extlog',
    'ag5odd',
  ])(
    '%s: the sum of the uses is the filesystem, and free space and log are those of the reference',
    async (name) => {
      const image = await corpusImage(name);
      const { whole, rows } = mapOf(image);
      const sb = ['dblocks', 'agcount', 'logstart', 'logblocks', 'blocksize', 'sectsize'];
      const [dblocks, agcount, logstart, logblocks] = fields(image, ['sb 0'], sb) as [
        number,
        number,
        number,
        number,
      ];
      expect(whole.blocks).toBe(dblocks);
      expect(Object.values(whole.use).reduce((sum, count) => sum + count, 0)).toBe(dblocks);
      const free = Array.from(
        { length: agcount },
        (_, agno) => fields(image, [`agf ${agno}`], ['freeblks'])[0]!,
      );
      expect(rows.map((row) => row.use.free ?? 0)).toEqual(free);
      expect(whole.use.log ?? 0).toBe(logstart === 0 ? 0 : logblocks);
      expect([whole.use.conflict, whole.use.unknown, whole.notes]).toEqual([undefined, undefined, []]);
    },
  );

  test.each([
    [1, '-m rmapbt=1'],
    [4, '-m rmapbt=0'],
  ])('CoW staging of leak %d (%s) is drawn to the block', async (seed, options) => {
    const { image, stagingBlocks, staging } = await leakImage(seed, options.split(' '));
    const { whole, rows } = mapOf(image);
    expect(whole.use.staging).toBe(stagingBlocks);
    for (const row of rows) {
      const here = staging
        .filter(([agno]) => agno === row.agno)
        .reduce((sum, [, , blocks]) => sum + blocks, 0);
      expect(row.use.staging ?? 0).toBe(here);
    }
    expect(rows.map(({ cells }) => cells).join('')).toContain('C');
    const fsmap = mustRun('xfs_db', [
      '-r',
      '-c',
      'agf 0',
      '-c',
      'addr refcntroot',
      '-c',
      'btdump',
      image,
    ]).stdout;
    // Records of the refcount btree that are no staging: [start,blocks,count,cow].
    const shared = [...fsmap.matchAll(/\[(\d+),(\d+),(\d+),0\]/g)];
    const five = shared
      .filter((match) => Number(match[3]) >= 5)
      .reduce((sum, match) => sum + Number(match[2]), 0);
    expect(rows[0]!.use.shared5 ?? 0).toBe(five);
  });

  test.each([
    ['leaked-cow', 'staging'],
    ['surplus-rmap', 'conflict'],
    ['missing-rmap', 'conflict'],
    ['wrong-owner-rmap', 'conflict'],
    ['wrong-offset-rmap', 'conflict'],
    ['missing-refcount', 'conflict'],
    ['wrong-refcount', 'conflict'],
    ['surplus-refcount', 'conflict'],
    ['used-block-free', 'conflict'],
    ['bnobt-cntbt-mismatch', 'conflict'],
    ['leaked-space', 'unknown'],
  ])('planted %s is drawn as %s', async (kind, use) => {
    const image = join(temporaryDirectory(), 'hurt');
    const sound = await corpusImage('rmap4k');
    mustRun('cp', ['--sparse=always', '--no-preserve=mode', sound, image]);
    const planted = xfskit(['inject', kind, image]);
    expect([planted.stderr, planted.status]).toEqual(['', 0]);
    const { whole } = mapOf(image);
    expect(whole.blocks).toBe(mapOf(sound).whole.blocks);
    expect(whole.use[use]).toBeGreaterThan(0);
    expect(whole.notes.length).toBe(use === 'conflict' ? 1 : 0);
  });

  test('any damage is drawn as far as it can be read', async () => {
    const image = join(temporaryDirectory(), 'torn');
    const random = new Random(5);
    for (let round = 0; round < 6; round++) {
      mustRun('cp', ['--sparse=always', '--no-preserve=mode', await corpusImage('ag16'), image]);
      const file = openSync(image, 'r+');
      for (let i = 0; i < 60; i++) {
        // Headers of an AG and what lies next to them, where the roots of trees are.
        const ag = random.below(16) * 5120 * 4096;
        const byte = ag + (round === 0 ? 0 : 512) + random.below(12 * 4096);
        writeSync(file, Uint8Array.of(random.below(256)), 0, 1, byte);
      }
      closeSync(file);
      const result = xfskit(['map', image]);
      expect(looksLikeCrash(result)).toBe(false);
      expect([0, 8]).toContain(result.status);
      const page = join(temporaryDirectory(), `torn${round}.html`);
      const drawn = xfskit(['db', '-c', `map --html ${page}`, image]);
      expect(looksLikeCrash(drawn)).toBe(false);
      expect(existsSync(page)).toBe(drawn.status === 0);
    }
  });

  test('a page replaces a page and nothing else', async () => {
    const image = await corpusImage('rmap4k');
    const page = join(temporaryDirectory(), 'a page.html');
    expect(xfskit(['map', '--html', page, image]).status).toBe(0);
    expect(xfskit(['db', '-c', `map --html "${page}"`, image]).stdout).toBe(`${page} written\n`);
    const other = join(temporaryDirectory(), 'other');
    copyFileSync(image, other);
    const slip = xfskit(['map', '--html', other, image]);
    expect([slip.status, slip.stderr]).toEqual([
      8,
      `xfskit map: ${other}: is there, and no page; not written\n`,
    ]);
    expect(readFileSync(other).equals(readFileSync(image))).toBe(true);
    expect(xfskit(['map', '-w', '7', image]).status).toBe(16);
    expect(xfskit(['db', '-c', 'map -a 99', image]).stdout).toBe('bad AG for map command: 99; 0 to 3\n');
  });
});
