/**
 * db on damaged images: every command that prints or goes somewhere ends, without a crash or a hang, and says what
 * xfs_db says where that survives. 60 cases from a seed (XFSKIT_SEED), 300 with XFSKIT_LONG: one field, some bytes or
 * half a block of a sound image, two thirds of them with a good CRC.
 *
 * Not the same on purpose: a primary superblock that does not hold together is replaced by a copy, where xfs_db goes
 * on with what it says; CRCs stay bad on a second look; extents and attribute names end with the fork or block that
 * they are in, where xfs_db reads on.
 */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { corpusCopy, corpusImage } from '../support/corpus.ts';
import { lookAround, withDamage } from '../support/dbdamage.ts';
import { askProgram, askSession, findDifference, learn } from '../support/dbscripts.ts';
import { describeKernel, repository, run, temporaryDirectory, xfskit } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const IMAGES = ['rmap4k', 'b1k', 'nrext64', 'b1k_n8k'];
const CASES = process.env.XFSKIT_LONG === '1' ? 75 : 15;
const SEED = Number(process.env.XFSKIT_SEED ?? 1);
const DROP_IN = [process.execPath, join(repository, 'bin', 'compat', 'xfs_db')];
const LONGEST_MS = 10_000;

const withoutVerdicts = (text: string) => text.replace(/(crc = (?:0x[0-9a-f]+|0)) \((bad|correct)\)/g, '$1');
/** Where xfs_db reads on behind a fork or an attribute block. */
const READS_ON = /^(nvlist\[|[bd]u\[|(u3|a)\.bmx\[|\d+:\[|(data|attr) offset )/;

describeKernel('damaged objects', () => {
  test.each(IMAGES)(
    'of %s',
    async (name) => {
      const image = await corpusImage(name);
      const copy = await corpusCopy(name);
      const facts = learn(image);
      const different: object[] = [];
      let compared = 0;
      let alike = 0;
      for (let i = 0; i < CASES; i++) {
        const random = new Random(SEED * 1_000_033 + i);
        withDamage(copy, facts, random, (found) => {
          const script = lookAround(copy, facts, found, random);
          const start = Date.now();
          const { stdout } = askSession(copy, script);
          expect({ what: found.what, slow: Date.now() - start > LONGEST_MS }).toMatchObject({ slow: false });
          const theirs = askProgram(['xfs_db'], copy, script);
          if (theirs.signal !== null || found.visit[0] === 'sb 0') return;
          compared++;
          const difference = findDifference(
            script,
            stdout.map(withoutVerdicts),
            withoutVerdicts(theirs.stdout),
          );
          if (!difference) alike++;
          else if (!READS_ON.test(difference.theirs[0] ?? '') && !READS_ON.test(difference.ours[0] ?? '')) {
            different.push({ what: found.what, ...difference, script: difference.script.slice(-6) });
          }
          if (i % 8 !== 0) return;
          const real = askProgram(DROP_IN, copy, script);
          expect({ status: real.status, stdout: real.stdout }).toEqual({
            status: theirs.status,
            stdout: stdout.join(''),
          });
          expect(real.stderr).not.toMatch(/internal error|^\s+at /m);
        });
      }
      expect(different).toEqual([]);
      expect(alike).toBeGreaterThan(compared * 0.8);
    },
    600_000,
  );
});

describeKernel('what is hardly a filesystem', () => {
  test('a primary superblock that is lost: a copy takes its place, in the drop-in with -F', async () => {
    const copy = await corpusCopy('rmap4k');
    const sound = run('xfs_db', ['-r', '-c', 'ls -i /dirs', '-c', 'agf 3', '-c', 'p freeblks', copy]);
    const file = join(temporaryDirectory(), 'zeroes');
    writeFileSync(file, Buffer.alloc(512));
    run('dd', [`if=${file}`, `of=${copy}`, 'conv=notrunc']);
    const script = ['-r', '-c', 'ls -i /dirs', '-c', 'agf 3', '-c', 'p freeblks', copy];
    const ours = xfskit(['db', ...script]);
    expect(ours).toMatchObject({ status: 0, stdout: sound.stdout });
    expect(ours.stderr).toMatch(/^xfskit db: warning: primary superblock: .*using the copy at byte \d+$/m);
    const refused = run(DROP_IN[0]!, [DROP_IN[1]!, ...script]);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^xfs_db: .* is not a valid XFS filesystem \(unexpected SB magic number 0x00000000\)/,
    );
    expect(run(DROP_IN[0]!, [DROP_IN[1]!, '-F', ...script])).toMatchObject({
      status: 0,
      stdout: sound.stdout,
    });
  });

  test.each([1 << 20, 40 << 20, (96 << 20) + 512])(
    'an image cut to %d bytes',
    async (bytes) => {
      const facts = learn(await corpusImage('rmap4k'));
      const copy = await corpusCopy('rmap4k');
      truncateSync(copy, bytes);
      const random = new Random(SEED + bytes);
      for (let i = 0; i < 6; i++) {
        const visit = random.pick(facts.objects);
        const script = lookAround(copy, facts, { what: 'cut', visit }, random);
        const { stdout } = askSession(copy, script);
        const theirs = askProgram(['xfs_db'], copy, script);
        if (theirs.signal !== null) continue;
        const difference = findDifference(
          script,
          stdout.map(withoutVerdicts),
          withoutVerdicts(theirs.stdout),
        );
        expect(
          difference && !READS_ON.test(difference.theirs[0] ?? '') ? difference : undefined,
        ).toBeUndefined();
      }
    },
    120_000,
  );

  test('noise behind the magic of a superblock', () => {
    const random = new Random(SEED);
    for (let i = 0; i < 20; i++) {
      const bytes = Buffer.from(random.bytes(1 << 20));
      bytes.write('XFSB', 0, 'latin1');
      const path = join(temporaryDirectory(), 'noise');
      writeFileSync(path, bytes);
      const { status, stdout, stderr } = xfskit(['db', '-c', 'sb 0', '-c', 'p', '-c', 'ls /', path]);
      expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
      expect(stderr).toMatch(/^xfskit db: [^\n]*no usable copy was found\n$/);
    }
  }, 60_000);
});
