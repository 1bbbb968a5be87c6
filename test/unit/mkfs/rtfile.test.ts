/** Places of the realtime bitmap and summary, as measured with mkfs.xfs 6.1, 6.6 and 6.12. */
import { expect, test } from '@jest/globals';
import { chooseFilesystem } from '../../../src/mkfs/choose.ts';
import { GivenOptions, parseSize } from '../../../src/mkfs/given.ts';
import type { OptionGroup } from '../../../src/mkfs/options.ts';
import type { Profile } from '../../../src/mkfs/profile.ts';
import { PLAIN_FILE } from '../../../src/mkfs/stripe.ts';

function places(profile: Profile, size: string, realtime: string, line: string): string[] {
  const given = new GivenOptions();
  given.useProfile(profile);
  const words = `${line} -m rmapbt=0,reflink=0 -r rtdev=rt`.split(' ');
  for (let i = 0; i < words.length; i += 2) given.add(words[i]![1] as OptionGroup, words[i + 1]!);
  const bytesOf = (text: string): number => parseSize(text, { blocksize: 0, sectsize: 0 })!;
  const side = (name: string, text: string) => ({
    ...{ name, bytes: bytesOf(text), topology: PLAIN_FILE, isFile: true },
  });
  const log = line.includes('logdev') ? side('log', '64m') : undefined;
  const target = { bytes: bytesOf(size), topology: PLAIN_FILE, log, realtime: side('rt', realtime) };
  const makeUuid = () => '00000000-0000-0000-0000-000000000001';
  const { plan } = chooseFilesystem(given, target, { label: '', makeUuid, allowSmall: true, processors: 4 });
  const { bitmap, summary, rbmblocks, rsumblocks } = plan.realtime!;
  const total = [...bitmap, ...summary].reduce((sum, { count }) => sum + count, 0);
  expect(total).toBe(rbmblocks + rsumblocks);
  return [bitmap, summary].map((file) =>
    file.map(({ agno, agbno, count }) => `${agno}/${agbno}+${count}`).join(' '),
  );
}

const SPREAD = '-b size=65536 -d agcount=4 -r extsize=64k -l logdev=log';

test.each<[Profile, string, string, string, string[]]>([
  ['6.1', '64m', '9t', SPREAD, ['0/8+247 1/7+41', '1/48+1']],
  ['6.6', '64m', '12t', SPREAD, ['0/8+247 1/7+137', '1/144+1']],
  ['6.12', '64m', '9t', SPREAD, ['0/6+247 1/5+41', '0/253+1']],
  ['6.12', '64m', '12t', SPREAD, ['0/6+247 1/5+137', '0/253+1']],
  ['6.6', '128m', '100g', '-d agcount=4,su=128k,sw=2 -l agnum=0,size=30m', ['1/32+800', '0/7720+20']],
  ['6.12', '128m', '100g', '-d agcount=4,su=128k,sw=2 -l agnum=0,size=30m', ['1/9+800', '0/7720+20']],
  [
    '6.1',
    '64m',
    '2500g',
    '-b size=16384 -d agcount=4 -r extsize=16k -l agnum=3',
    ['0/10+1014 1/7+236', '1/243+9'],
  ],
  [
    '6.1',
    '64m',
    '4t',
    '-b size=16384 -d agcount=4 -r extsize=16k',
    ['0/10+1014 1/7+1016 2/519+18', '2/537+15'],
  ],
])('profile %s, %s with %s: %s', (profile, size, realtime, line, expected) => {
  expect(places(profile, size, realtime, line)).toEqual(expected);
});

test.each<Profile>(['6.1', '6.12'])('what has no room, or too many pieces, is refused (%s)', (profile) => {
  expect(() => places(profile, '64m', '40t', SPREAD)).toThrow(/^no room for the 1280 blocks of a file/);
  const many = SPREAD.replace('agcount=4', 'agcount=64');
  expect(() => places(profile, '1g', '180t', many)).toThrow(
    /would be in \d+ pieces, at most 21: take larger AGs$/,
  );
});
