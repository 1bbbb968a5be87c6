/**
 * Random option lines: what mkfs.xfs 6.1 takes, `xfskit mkfs --profile 6.1` takes too, prints the same geometry and
 * makes the same bytes, external log and realtime device included; what it refuses is refused.
 *
 * 60 lines, 400 with XFSKIT_LONG; XFSKIT_SEED gives others.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { differences, randomLine } from '../support/mkfsline.ts';
import { expectSame, INSTALLED, isSound, makeLine, place } from '../support/mkfspair.ts';
import {
  describeKernel,
  describeXfsprogs,
  mustRun,
  repairCheck,
  smallFilesystems,
  withMounted,
  xfskit,
} from '../support/oracle.ts';

const seed = Number(process.env.XFSKIT_SEED ?? 20_260);
const count = process.env.XFSKIT_LONG ? 400 : 60;

/** Few blocks in an AG, and many realtime extents to a block of the bitmap. */
const SPREAD = ['-b', 'size=65536', '-r', 'extsize=65536', '-l', 'logdev=LOG'];

describeXfsprogs('random lines as with mkfs.xfs', () => {
  let taken = 0;
  test.each(Array.from({ length: count }, (_, i) => seed + i))('line %d', (each) => {
    const line = randomLine(each);
    try {
      if (!expectSame(line, INSTALLED)) return;
      taken++;
      // Repair takes its time with many realtime extents; the bytes are those of mkfs.xfs, as seen above.
      if (!/\dg$/.test(line.realtime ?? '')) expect(isSound(line, 'ours')).toBe(true);
    } catch (error) {
      throw new Error(`${line.size} ${line.options.join(' ')} (log ${line.log}, rt ${line.realtime})`, {
        cause: error,
      });
    }
  });
  test('blocks of 64 KiB in AGs so small that no rmapbt has a second level', () => {
    const options = ['-b', 'size=65536', '-m', 'rmapbt=1', '-l', 'logdev=LOG'];
    expect(expectSame({ size: '64m', options, log: '130m', realtime: undefined }, INSTALLED)).toBe(true);
  });
  test('a log to the end of a small AG', () => {
    const options = ['-i', 'sparse=0', '-d', 'agsize=16m', '-l', 'agnum=2,su=64k'];
    expect(expectSame({ size: '100m', options, log: undefined, realtime: undefined }, INSTALLED)).toBe(true);
    const large = { size: '4097m', options, log: undefined, realtime: undefined };
    expect(expectSame(large, INSTALLED)).toBe(false);
  });
  test('AGs in whole stripe units that make the image larger', () => {
    const options = ['-d', 'agcount=14,su=16m,sw=1'];
    expect(expectSame({ size: '385m', options, log: undefined, realtime: undefined }, INSTALLED)).toBe(true);
    // An image that is there already grows as well; a part of one does not.
    const small = ['-s', '385m', place('img')];
    const how = { env: smallFilesystems };
    for (const who of ['theirs', 'ours']) {
      mustRun('truncate', small);
      const uuid = ['-m', 'uuid=12345678-1234-1234-1234-123456789abc'];
      if (who === 'ours')
        expect(xfskit(['mkfs', '--profile', '6.1', ...options, ...uuid, place('img')], how).status).toBe(0);
      else mustRun('mkfs.xfs', [...options, ...uuid, place('img')], how);
      renameSync(place('img'), place(`img.${who}`));
    }
    expect(differences(place('img.ours'), place('img.theirs'), '6.1')).toEqual([]);
    mustRun('truncate', ['-s', `${385 * 2 ** 20 + 512}`, place('img')]);
    const part = xfskit(['mkfs', '--offset', '512', ...options, place('img')], how);
    expect([part.status, part.stderr]).toEqual([
      1,
      expect.stringMatching('do not fit, the device has 98560 blocks'),
    ]);
  });
  test.each([
    [
      'beside a log in AG 0, a stripe',
      '128m',
      ['-d', 'agcount=4,su=128k,sw=2', '-l', 'agnum=0,size=30m'],
      '100g',
    ],
    ['in AG 1, as AG 0 has no run for it', '64m', ['-d', 'agcount=4', '-l', 'agnum=0,size=13m'], '100g'],
    ['in AG 0 and AG 1, as no AG has a run for it', '64m', [...SPREAD, '-d', 'agcount=4'], '9t'],
    ['in two AGs, with a stripe', '128m', [...SPREAD, '-d', 'agcount=8,su=128k,sw=2'], '15t'],
  ])('the realtime bitmap %s', (_title, size, options, realtime) => {
    const line = { size, options: ['-r', 'rtdev=RT', ...options], log: '64m', realtime };
    expect(expectSame(line, INSTALLED)).toBe(true);
  });
  test('most of them were taken', () => {
    expect(taken).toBeGreaterThan(count / 2);
  });
});

describeKernel('an external log and a realtime device for the kernel', () => {
  test('external log: mounted, used, clean', () => {
    const line = {
      size: '400m',
      options: ['-l', 'logdev=LOG', '-m', 'rmapbt=1'],
      log: '100m',
      realtime: undefined,
    };
    expect(makeLine(line, 'ours', INSTALLED).status).toBe(0);
    const loop = mustRun('losetup', ['--find', '--show', place('log.ours')]).stdout.trim();
    try {
      withMounted(place('img.ours'), (dir) => writeFileSync(join(dir, 'file'), 'content'.repeat(10_000)), [
        `logdev=${loop}`,
      ]);
    } finally {
      mustRun('losetup', ['--detach', loop]);
    }
    expect(repairCheck(place('img.ours'), {}, place('log.ours')).status).toBe(0);
  });
});
