/**
 * Reproducible filesystems: the sha256 of whole images, the same on every machine and system. A change here is a
 * change of what mkfs writes, and must be meant.
 */
import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { MemoryDevice } from '../../src/device/memory.ts';
import { chooseFilesystem } from '../../src/mkfs/choose.ts';
import { GivenOptions } from '../../src/mkfs/given.ts';
import { identityOf } from '../../src/mkfs/identity.ts';
import type { OptionGroup } from '../../src/mkfs/options.ts';
import type { Profile } from '../../src/mkfs/profile.ts';
import { PLAIN_FILE } from '../../src/mkfs/stripe.ts';
import { writeFilesystem } from '../../src/mkfs/write.ts';

const MIB = 2 ** 20;

function imageHash(mib: number, line: string, profile: Profile, seed: string): string {
  const given = new GivenOptions();
  const words = line.split(' ').filter((word) => word !== '');
  for (let i = 0; i < words.length; i += 2) given.add(words[i]![1] as OptionGroup, words[i + 1]!);
  given.useProfile(profile);
  const { makeUuid, moment, generation } = identityOf(seed, {});
  const device = new MemoryDevice(new Uint8Array(mib * MIB));
  const target = { bytes: device.size, topology: PLAIN_FILE };
  const { plan } = chooseFilesystem(given, target, { label: '', makeUuid, allowSmall: true, processors: 4 });
  writeFilesystem({ data: device }, plan, moment(), generation);
  return createHash('sha256').update(device.bytes).digest('hex');
}

const GOLDEN: readonly (readonly [number, string, Profile, string, string])[] = [
  [32, '', '6.6', '0', '0ec8ccdd4ccad0f2bafa0cab6cd3594f055740d3df0d487ed4c91af48e473b44'],
  [32, '', '6.6', '1', 'da80cb8280f40bd869d3f68aa3ceba1e07e373d4b421c9534ee469bf0abba2fb'],
  [64, '', '6.1', '0', 'd02112c1c5ebf91909fa63ba3b65e5e3fc09df347d6a8c47c6856219fc864e61'],
  [
    64,
    '-b size=1024 -s size=1024 -l su=32k',
    '6.12',
    '0',
    '02a95f1c14b9179e69c13e8031b7cf38e24786af345fcaab7d3c48fa00b6bfcd',
  ],
  [100, '-n parent=1', '6.18', '7', '7b08a5a5f99ca11d53587e8adcee571a84d5eb6015bb422e2b72a83cf13b1212'],
];

test.each(GOLDEN)('%d MiB %s, profile %s, seed %s', (mib, line, profile, seed, hash) => {
  expect(imageHash(mib, line, profile, seed)).toBe(hash);
});
