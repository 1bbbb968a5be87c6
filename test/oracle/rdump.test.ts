/**
 * rdump against the kernel: what is copied out of an image is what a mount of it shows. The copy goes onto an XFS of
 * its own, which holds attributes as large as the image's.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { corpusImage } from '../support/corpus.ts';
import { describeKernel, mustRun, run, temporaryDirectory, withMounted, xfskit } from '../support/oracle.ts';

/** Sizes from here on are more than can be copied. */
const LARGEST = 2 ** 53;
/** Files up to this size are compared by content. */
const CONTENT = 2 ** 26;

interface Fact {
  readonly text: string;
  readonly mtimeNs: bigint;
}

/** What stands at each path; what cannot be copied is left out. */
function facts(top: string): Map<string, Fact> {
  const found = new Map<string, Fact>();
  const links = new Map<string, string>();
  const walk = (folder: string, shown: string): void => {
    for (const name of readdirSync(Buffer.from(folder, 'latin1'), 'latin1').sort()) {
      const path = Buffer.from(`${folder}/${name}`, 'latin1');
      const stat = lstatSync(path, { bigint: true });
      const place = `${shown}/${name}`;
      if (stat.isSocket() || (stat.isFile() && Number(stat.size) >= LARGEST)) continue;
      const parts: (string | number | bigint)[] = [stat.mode.toString(8), stat.uid, stat.gid];
      if (stat.isFile()) parts.push(stat.size, Number(stat.size) > CONTENT ? '' : digest(path));
      if (stat.isSymbolicLink()) parts.push(String(readlinkSync(path, 'latin1')));
      if (stat.isCharacterDevice() || stat.isBlockDevice()) parts.push(stat.rdev);
      const first = links.get(String(stat.ino));
      if (!stat.isDirectory() && stat.nlink > 1n && first !== undefined) parts.push(`= ${first}`);
      links.set(String(stat.ino), place);
      found.set(place, { text: parts.join(' '), mtimeNs: stat.mtimeNs });
      if (stat.isDirectory()) walk(`${folder}/${name}`, place);
    }
  };
  walk(Buffer.from(top).toString('latin1'), '');
  return found;
}

/** Node sets times to the microsecond. */
function isSame(a: Fact, b: Fact): boolean {
  const apart = Number(a.mtimeNs - b.mtimeNs);
  return a.text === b.text && Math.abs(apart) <= 1000;
}

function digest(path: Buffer): string {
  return createHash('sha1').update(readFileSync(path)).digest('hex');
}

/** All extended attributes below a folder, sorted; ACLs as the system calls have them. */
function attributes(top: string): string {
  const dump = spawnSync(
    'sh',
    ['-c', 'find . -mindepth 1 -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex'],
    {
      cwd: top,
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 2 ** 30,
    },
  );
  const blocks = dump.stdout.toString('latin1').split('\n\n');
  return blocks
    .map((block) => block.split('\n').filter((line) => !line.startsWith('trusted.SGI_ACL')))
    .filter((lines) => lines.some((line) => line !== '' && !line.startsWith('#')))
    .map((lines) => lines.sort().join('\n'))
    .join('\n\n');
}

const hasSetfattr = run('setfattr', ['--version']).status === 0;

describeKernel('rdump', () => {
  test.each('rmap4k b1k b1k_n8k b4k_n64k i2048 nrext64 nobigtime alloff'.split(' '))(
    '%s: all of the tree, as the kernel shows it',
    async (name) => {
      const image = await corpusImage(name);
      const target = join(temporaryDirectory(), 'target.img');
      writeFileSync(target, '');
      truncateSync(target, 2 ** 30);
      mustRun('mkfs.xfs', ['-q', '-f', target]);
      withMounted(target, (mountPoint) => {
        const out = join(mountPoint, 'out');
        const result = xfskit(['db', '--json', '-c', `rdump ${out}`, image], { timeout: 120_000 });
        const report = JSON.parse(result.stdout).result;
        // A socket and two files of 8 EiB cannot be copied.
        expect(report.messages).toHaveLength(report.notCopied);
        expect(report.messages.filter((text: string) => !/socket|too large/.test(text))).toEqual([]);
        withMounted(
          image,
          (source) => {
            const [theirs, ours] = [facts(source), facts(out)];
            expect([...ours.keys()]).toEqual([...theirs.keys()]);
            const different = [...theirs].filter(([path, fact]) => !isSame(fact, ours.get(path)!));
            expect(different.slice(0, 5).map(([path, fact]) => [path, fact, ours.get(path)])).toEqual([]);
            if (hasSetfattr) expect(attributes(out) === attributes(source)).toBe(true);
            else expect(report.lost).toContain('xattrs');
          },
          ['ro', 'norecovery', 'noatime'],
        );
      });
    },
    300_000,
  );

  test('holes stay holes', async () => {
    const out = join(temporaryDirectory(), 'holes');
    mkdirSync(out);
    xfskit(['db', '-c', `rdump /files ${out}`, await corpusImage('rmap4k')], { timeout: 60_000 });
    const sparse = lstatSync(join(out, 'sparse'));
    expect(sparse.blocks * 512).toBeLessThan(sparse.size / 2);
  });
});
