/**
 * What mkfs.xfs of later releases makes, measured with their own programs (built from the release sources of xfsprogs
 * 6.6.0, 6.12.0 and 6.19.0, the latter for profile 6.18): whole images as sha256, and the least log of many geometries,
 * as `-l size=2m` is told when it is refused.
 *
 * Images have UUID 12345678-1234-1234-1234-123456789abc. Under SOURCE_DATE_EPOCH=1700000000 and DETERMINISTIC_SEED=1
 * mkfs.xfs 6.19 makes the same bytes on every run; of 6.6 and 6.12 what varies between runs is taken as zero.
 * `test/oracle/mkfsprofile.test.ts` compares with such programs where there are some.
 */
import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { MemoryDevice } from '../../src/device/memory.ts';
import { chooseFilesystem } from '../../src/mkfs/choose.ts';
import { GivenOptions } from '../../src/mkfs/given.ts';
import { identityOf } from '../../src/mkfs/identity.ts';
import type { OptionGroup } from '../../src/mkfs/options.ts';
import { geometryOfPlan } from '../../src/mkfs/plan.ts';
import type { Profile } from '../../src/mkfs/profile.ts';
import { PLAIN_FILE } from '../../src/mkfs/stripe.ts';
import { writeFilesystem } from '../../src/mkfs/write.ts';
import { blankVarying } from '../support/mkfsline.ts';

const MIB = 2 ** 20;
const UUID = '12345678-1234-1234-1234-123456789abc';
const VARYING = { '6.1': '6.1', '6.6': '6.1', '6.12': '6.12', '6.18': 'nothing' } as const;

function choose(profile: Profile, bytes: number, line: string, makeUuid: () => string) {
  const given = new GivenOptions();
  const words = line.split(' ').filter((word) => word !== '');
  for (let i = 0; i < words.length; i += 2) given.add(words[i]![1] as OptionGroup, words[i + 1]!);
  given.useProfile(profile);
  const options = { label: '', makeUuid, allowSmall: true, processors: 4 };
  return chooseFilesystem(given, { bytes, topology: PLAIN_FILE }, options).plan;
}

const IMAGES: readonly (readonly [Profile, number, string, string])[] = [
  ['6.6', 32, '', 'bbf46c7748e14b21994c1b3b1376401d5d661642e0a5f590f0448f7b225370b4'],
  ['6.6', 48, '-b size=1024 -m rmapbt=0', '5eba467c1ffa5a172fbf6299efaf1e50e0198f79ff5696cb223d2d66ae895721'],
  [
    '6.6',
    64,
    '-s size=4096 -n version=ci',
    'bb2795672e149ca87db7d6ef4b92a014e161dcfc20ccbe7ac9a9f542b1833c86',
  ],
  [
    '6.6',
    64,
    '-i size=1024 -m reflink=0,finobt=0',
    '84922f14ec1570c5b6b3059c363ed728dc10ec0ac856aecc23c4a7768a5d6ab1',
  ],
  [
    '6.6',
    40,
    '-d su=64k,sw=3 -i maxpct=0',
    '2919954006732ebab4c606a375e3cbec81cdc9d46c3da72fe562fca4061d727a',
  ],
  ['6.12', 32, '', 'dd0e8ad18d1072304755216e57b148c139c83b0035bebdcbcf3f57e22b43ad91'],
  [
    '6.12',
    48,
    '-b size=1024 -m rmapbt=0',
    '89d4ee3d21e2c0f9f16bef75611266866ea4e38310962306a82b96884b1b451c',
  ],
  [
    '6.12',
    64,
    '-s size=4096 -n version=ci',
    '4aab3f5dc2412fe788a519c1c2e5d2f8e86286ab9b2a38948f87e6af9b9655f1',
  ],
  [
    '6.12',
    64,
    '-i size=1024 -m reflink=0,finobt=0',
    '63731cc54655fefe711e5c4b5ab99f0e5426b7fec3a33280be0f96b18b2bbc09',
  ],
  [
    '6.12',
    40,
    '-d su=64k,sw=3 -i maxpct=0',
    '84c8e1abf902da299943be38b1c6e50b348586ed0b9a2fbe7c8e6654e5b8dcbb',
  ],
  ['6.12', 32, '-n parent=1', 'c62da36f9333c5626f93b5701e0ce892a53338d1fd34f9debf2045490ebc49c6'],
  [
    '6.12',
    48,
    '-b size=2048 -i exchange=1,sparse=0',
    '82ab39469168cd4a57db432284873be62827abf3e98cd5196efa3fc2c196e348',
  ],
  ['6.18', 32, '', '022b2666d295d2fcd435ddd458c9ff3cae4b36f38b68ad456a23894b7b209a85'],
  [
    '6.18',
    48,
    '-b size=1024 -m rmapbt=0',
    '522fc29d02169850e0c0cf3e8e404e9d2e3ddf3141903f47a2ff510c4c5f0397',
  ],
  [
    '6.18',
    64,
    '-s size=4096 -n version=ci',
    '7f406a8332d285f021afc8363dc2c6f8ad7881ed6185754d385c71da67b76c81',
  ],
  [
    '6.18',
    64,
    '-i size=1024 -m reflink=0,finobt=0',
    'ffbe61eafb50a50fb62ca88761c24b17c2daedf59fb5173507b0ab978bb2095a',
  ],
  [
    '6.18',
    32,
    '-b size=8192 -l agnum=0 -d agcount=2',
    '873117d2dc57f65f4716043c33a32a99e7fb1b746c46800a03e878091440a497',
  ],
  [
    '6.18',
    40,
    '-d su=64k,sw=3 -i maxpct=0',
    'b30ec63528639e2505105c07feac3d5ba2474f0976d68c47b6d89906c9159ed0',
  ],
  ['6.18', 32, '-n parent=1', '022b2666d295d2fcd435ddd458c9ff3cae4b36f38b68ad456a23894b7b209a85'],
  [
    '6.18',
    48,
    '-b size=2048 -i exchange=1,sparse=0',
    'a9557ccc524e23c190179d3190c02bb131f060420f96a4f9c4715e624c2b2d82',
  ],
];

test.each(IMAGES)('profile %s, %d MiB %s', (profile, mib, line, hash) => {
  const { moment, generation } = identityOf(undefined, { SOURCE_DATE_EPOCH: '1700000000' });
  const plan = choose(profile, mib * MIB, line, () => UUID);
  const device = new MemoryDevice(new Uint8Array(mib * MIB));
  writeFilesystem({ data: device }, plan, moment(), generation);
  blankVarying(device.bytes, 0, geometryOfPlan(plan), VARYING[profile]);
  expect(createHash('sha256').update(device.bytes).digest('hex')).toBe(hash);
});

/** Blocks, of filesystems of 200 GiB. */
const LEAST_LOGS: readonly (readonly [Profile, string, number])[] = [
  ['6.6', '-b size=1024 -m rmapbt=1,reflink=1', 6659],
  ['6.6', '-b size=4096 -m rmapbt=1,reflink=1', 3891],
  ['6.6', '-b size=65536 -m rmapbt=1,reflink=1', 2570],
  ['6.6', '-b size=1024 -m rmapbt=0,reflink=1', 4823],
  ['6.6', '-b size=4096 -m rmapbt=0,reflink=1', 2184],
  ['6.6', '-b size=65536 -m rmapbt=0,reflink=1', 910],
  ['6.6', '-b size=1024 -m rmapbt=1,reflink=0', 8681],
  ['6.6', '-b size=4096 -m rmapbt=1,reflink=0', 4049],
  ['6.6', '-b size=65536 -m rmapbt=1,reflink=0', 512],
  ['6.6', '-b size=1024 -m rmapbt=0,reflink=0', 8681],
  ['6.6', '-b size=4096 -m rmapbt=0,reflink=0', 4049],
  ['6.6', '-b size=65536 -m rmapbt=0,reflink=0', 512],
  ['6.6', '-b size=1024 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0', 6659],
  ['6.6', '-b size=4096 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0', 3891],
  ['6.6', '-b size=65536 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0', 2570],
  ['6.6', '-b size=4096 -i size=2048', 3891],
  ['6.6', '-b size=65536 -i size=2048', 2570],
  ['6.6', '-b size=1024 -n size=65536', 9501],
  ['6.6', '-b size=4096 -n size=65536', 3891],
  ['6.6', '-b size=65536 -n size=65536', 2570],
  ['6.6', '-b size=1024 -l su=256k', 19200],
  ['6.6', '-b size=4096 -l su=256k', 7104],
  ['6.6', '-b size=65536 -l su=256k', 2772],
  ['6.6', '-b size=4096 -s size=4096', 3744],
  ['6.6', '-b size=65536 -s size=4096', 2613],
  ['6.12', '-b size=1024 -m rmapbt=1,reflink=1 -n parent=0', 6659],
  ['6.12', '-b size=1024 -m rmapbt=1,reflink=1 -n parent=1', 4862],
  ['6.12', '-b size=4096 -m rmapbt=1,reflink=1 -n parent=0', 3891],
  ['6.12', '-b size=4096 -m rmapbt=1,reflink=1 -n parent=1', 2001],
  ['6.12', '-b size=65536 -m rmapbt=1,reflink=1 -n parent=0', 2570],
  ['6.12', '-b size=65536 -m rmapbt=1,reflink=1 -n parent=1', 1127],
  ['6.12', '-b size=1024 -m rmapbt=0,reflink=1 -n parent=0', 4823],
  ['6.12', '-b size=1024 -m rmapbt=0,reflink=1 -n parent=1', 4862],
  ['6.12', '-b size=4096 -m rmapbt=0,reflink=1 -n parent=0', 2184],
  ['6.12', '-b size=4096 -m rmapbt=0,reflink=1 -n parent=1', 2001],
  ['6.12', '-b size=65536 -m rmapbt=0,reflink=1 -n parent=0', 910],
  ['6.12', '-b size=65536 -m rmapbt=0,reflink=1 -n parent=1', 1127],
  ['6.12', '-b size=1024 -m rmapbt=1,reflink=0 -n parent=0', 8681],
  ['6.12', '-b size=1024 -m rmapbt=1,reflink=0 -n parent=1', 4862],
  ['6.12', '-b size=4096 -m rmapbt=1,reflink=0 -n parent=0', 4049],
  ['6.12', '-b size=4096 -m rmapbt=1,reflink=0 -n parent=1', 2001],
  ['6.12', '-b size=65536 -m rmapbt=1,reflink=0 -n parent=0', 512],
  ['6.12', '-b size=65536 -m rmapbt=1,reflink=0 -n parent=1', 1127],
  ['6.12', '-b size=1024 -m rmapbt=0,reflink=0 -n parent=0', 8681],
  ['6.12', '-b size=1024 -m rmapbt=0,reflink=0 -n parent=1', 4862],
  ['6.12', '-b size=4096 -m rmapbt=0,reflink=0 -n parent=0', 4049],
  ['6.12', '-b size=4096 -m rmapbt=0,reflink=0 -n parent=1', 2001],
  ['6.12', '-b size=65536 -m rmapbt=0,reflink=0 -n parent=0', 512],
  ['6.12', '-b size=65536 -m rmapbt=0,reflink=0 -n parent=1', 1127],
  ['6.12', '-b size=1024 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 6659],
  ['6.12', '-b size=1024 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 4154],
  ['6.12', '-b size=4096 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 3891],
  ['6.12', '-b size=4096 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 1757],
  ['6.12', '-b size=65536 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 2570],
  ['6.12', '-b size=65536 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 700],
  ['6.12', '-b size=4096 -i size=2048 -n parent=0', 3891],
  ['6.12', '-b size=4096 -i size=2048 -n parent=1', 2030],
  ['6.12', '-b size=65536 -i size=2048 -n parent=0', 2570],
  ['6.12', '-b size=65536 -i size=2048 -n parent=1', 1129],
  ['6.12', '-b size=1024 -n size=65536 -n parent=0', 9501],
  ['6.12', '-b size=1024 -n size=65536 -n parent=1', 21464],
  ['6.12', '-b size=4096 -n size=65536 -n parent=0', 3891],
  ['6.12', '-b size=4096 -n size=65536 -n parent=1', 5310],
  ['6.12', '-b size=65536 -n size=65536 -n parent=0', 2570],
  ['6.12', '-b size=65536 -n size=65536 -n parent=1', 1127],
  ['6.12', '-b size=1024 -l su=256k -n parent=0', 19200],
  ['6.12', '-b size=1024 -l su=256k -n parent=1', 13056],
  ['6.12', '-b size=4096 -l su=256k -n parent=0', 7104],
  ['6.12', '-b size=4096 -l su=256k -n parent=1', 4032],
  ['6.12', '-b size=65536 -l su=256k -n parent=0', 2772],
  ['6.12', '-b size=65536 -l su=256k -n parent=1', 1248],
  ['6.12', '-b size=4096 -s size=4096 -n parent=0', 3744],
  ['6.12', '-b size=4096 -s size=4096 -n parent=1', 1650],
  ['6.12', '-b size=65536 -s size=4096 -n parent=0', 2613],
  ['6.12', '-b size=65536 -s size=4096 -n parent=1', 1140],
  ['6.18', '-b size=1024 -m rmapbt=1,reflink=1 -n parent=0', 6659],
  ['6.18', '-b size=1024 -m rmapbt=1,reflink=1 -n parent=1', 4862],
  ['6.18', '-b size=4096 -m rmapbt=1,reflink=1 -n parent=0', 3891],
  ['6.18', '-b size=4096 -m rmapbt=1,reflink=1 -n parent=1', 2001],
  ['6.18', '-b size=65536 -m rmapbt=1,reflink=1 -n parent=0', 2570],
  ['6.18', '-b size=65536 -m rmapbt=1,reflink=1 -n parent=1', 1127],
  ['6.18', '-b size=1024 -m rmapbt=0,reflink=1 -n parent=0', 4823],
  ['6.18', '-b size=1024 -m rmapbt=0,reflink=1 -n parent=1', 4862],
  ['6.18', '-b size=4096 -m rmapbt=0,reflink=1 -n parent=0', 2184],
  ['6.18', '-b size=4096 -m rmapbt=0,reflink=1 -n parent=1', 2001],
  ['6.18', '-b size=65536 -m rmapbt=0,reflink=1 -n parent=0', 910],
  ['6.18', '-b size=65536 -m rmapbt=0,reflink=1 -n parent=1', 1127],
  ['6.18', '-b size=1024 -m rmapbt=1,reflink=0 -n parent=0', 8681],
  ['6.18', '-b size=1024 -m rmapbt=1,reflink=0 -n parent=1', 4862],
  ['6.18', '-b size=4096 -m rmapbt=1,reflink=0 -n parent=0', 4049],
  ['6.18', '-b size=4096 -m rmapbt=1,reflink=0 -n parent=1', 2001],
  ['6.18', '-b size=65536 -m rmapbt=1,reflink=0 -n parent=0', 512],
  ['6.18', '-b size=65536 -m rmapbt=1,reflink=0 -n parent=1', 1127],
  ['6.18', '-b size=1024 -m rmapbt=0,reflink=0 -n parent=0', 8681],
  ['6.18', '-b size=1024 -m rmapbt=0,reflink=0 -n parent=1', 4862],
  ['6.18', '-b size=4096 -m rmapbt=0,reflink=0 -n parent=0', 4049],
  ['6.18', '-b size=4096 -m rmapbt=0,reflink=0 -n parent=1', 2001],
  ['6.18', '-b size=65536 -m rmapbt=0,reflink=0 -n parent=0', 512],
  ['6.18', '-b size=65536 -m rmapbt=0,reflink=0 -n parent=1', 1127],
  ['6.18', '-b size=1024 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 6659],
  ['6.18', '-b size=1024 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 4154],
  ['6.18', '-b size=4096 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 3891],
  ['6.18', '-b size=4096 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 1757],
  ['6.18', '-b size=65536 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=0', 2570],
  ['6.18', '-b size=65536 -m finobt=0,rmapbt=1,reflink=1 -i nrext64=0 -n parent=1', 700],
  ['6.18', '-b size=4096 -i size=2048 -n parent=0', 3891],
  ['6.18', '-b size=4096 -i size=2048 -n parent=1', 2030],
  ['6.18', '-b size=65536 -i size=2048 -n parent=0', 2570],
  ['6.18', '-b size=65536 -i size=2048 -n parent=1', 1129],
  ['6.18', '-b size=1024 -n size=65536 -n parent=0', 9501],
  ['6.18', '-b size=1024 -n size=65536 -n parent=1', 21464],
  ['6.18', '-b size=4096 -n size=65536 -n parent=0', 3891],
  ['6.18', '-b size=4096 -n size=65536 -n parent=1', 5310],
  ['6.18', '-b size=65536 -n size=65536 -n parent=0', 2570],
  ['6.18', '-b size=65536 -n size=65536 -n parent=1', 1127],
  ['6.18', '-b size=1024 -l su=256k -n parent=0', 19200],
  ['6.18', '-b size=1024 -l su=256k -n parent=1', 13056],
  ['6.18', '-b size=4096 -l su=256k -n parent=0', 7104],
  ['6.18', '-b size=4096 -l su=256k -n parent=1', 4032],
  ['6.18', '-b size=65536 -l su=256k -n parent=0', 2772],
  ['6.18', '-b size=65536 -l su=256k -n parent=1', 1248],
  ['6.18', '-b size=4096 -s size=4096 -n parent=0', 3744],
  ['6.18', '-b size=4096 -s size=4096 -n parent=1', 1650],
  ['6.18', '-b size=65536 -s size=4096 -n parent=0', 2613],
  ['6.18', '-b size=65536 -s size=4096 -n parent=1', 1140],
];

test.each(LEAST_LOGS)('profile %s, least log of %s', (profile, line, blocks) => {
  const tooSmall = () => choose(profile, 200 * 2 ** 30, `${line} -l size=2m`, () => UUID);
  expect(tooSmall).toThrow(new RegExp(`too small, minimum size is ${blocks} blocks$`));
});
