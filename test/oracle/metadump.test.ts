/**
 * Metadata dumps against xfs_metadump and xfs_mdrestore: the same bytes where names stay as they are, the same
 * filesystem whichever tool restores whichever dump, and with names replaced a filesystem that xfs_repair calls
 * clean, in which nothing but names and attribute values is different.
 */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { openDevice } from '../../src/device/open.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { hashName } from '../../src/format/dahash.ts';
import { S_IFDIR } from '../../src/format/inode.ts';
import { walkAttrs } from '../../src/fs/read/attr.ts';
import { walkDir } from '../../src/fs/read/dir.ts';
import { inodeFacts, readInode } from '../../src/fs/read/inode.ts';
import type { Volume } from '../../src/fs/read/volume.ts';
import { corpusImage } from '../support/corpus.ts';
import { dumpImage, dumpTo, restoreImage } from '../support/dump.ts';
import {
  describeKernel,
  describeXfsprogs,
  mustRun,
  repairCheck,
  repository,
  run,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { fileDigest } from '../support/tree.ts';

const GEOMETRIES = 'b1k b1k_n8k b4k_n64k b64k i2048 nrext64 nosparse stripe metauuid alloff s4096 ag16'.split(
  ' ',
);
const scratch = (name: string) => join(temporaryDirectory(), name);

/** Whether two files hold the same bytes. */
function same(a: string, b: string): boolean {
  return statSync(a).size === statSync(b).size && run('cmp', ['-s', a, b]).status === 0;
}

describeKernel('dumps with names as they are', () => {
  test.each(GEOMETRIES)(
    '%s: byte for byte that of xfs_metadump, both block forms',
    async (name) => {
      const image = await corpusImage(name);
      const [theirs, ours] = [scratch('theirs'), scratch('ours')];
      for (const clear of [true, false]) {
        mustRun('xfs_metadump', clear ? ['-o', image, theirs] : ['-a', '-o', image, theirs]);
        expect(dumpImage(image, ours, { clear })).toEqual([]);
        expect(same(theirs, ours)).toBe(true);
      }
    },
    120_000,
  );

  test.each(GEOMETRIES)(
    '%s: restored alike by both tools, from both versions',
    async (name) => {
      const image = await corpusImage(name);
      const dump = scratch('dump');
      mustRun('xfs_metadump', ['-o', image, dump]);
      const [theirs, ours] = [scratch('theirs.img'), scratch('ours.img')];
      mustRun('xfs_mdrestore', [dump, theirs]);
      restoreImage(dump, ours);
      expect(fileDigest(ours)).toBe(fileDigest(theirs));
      expect(statSync(ours).blocks).toBeLessThanOrEqual(statSync(theirs).blocks);
      dumpImage(image, dump, { version: 2 });
      restoreImage(dump, ours);
      expect(fileDigest(ours)).toBe(fileDigest(theirs));
      expect(repairCheck(ours).status).toBe(0);
    },
    120_000,
  );

  test('external log: left out of version 1, restored from version 2', async () => {
    const image = await corpusImage('extlog');
    const log = image.replace(/image$/, 'log');
    const [theirs, ours] = [scratch('theirs'), scratch('ours')];
    mustRun('xfs_metadump', ['-o', '-l', log, image, theirs]);
    expect(xfskit(['metadump', '-o', '-v', '1', '-l', log, image, ours]).status).toBe(0);
    expect(same(theirs, ours)).toBe(true);
    expect(xfskit(['metadump', '-o', '-l', log, image, ours]).status).toBe(0);
    const refused = xfskit(['mdrestore', ours, scratch('no.img')]);
    expect(refused.status).toBe(16);
    const restored = scratch('restored.img');
    expect(xfskit(['mdrestore', '-l', scratch('restored.log'), ours, restored]).status).toBe(0);
    expect(repairCheck(restored, {}, scratch('restored.log')).status).toBe(0);
  }, 60_000);
});

describeXfsprogs('dumps of filesystems with a realtime section', () => {
  test('bitmap and summary are in it', () => {
    const [image, rt] = [scratch('rt.img'), scratch('rt')];
    for (const [file, bytes] of [
      [image, 64 << 20],
      [rt, 96 << 20],
    ] as const) {
      writeFileSync(file, '');
      truncateSync(file, bytes);
    }
    const options = ['-q', '-f', '-m', 'reflink=0,rmapbt=0', '-r', `rtdev=${rt}`, image];
    mustRun('mkfs.xfs', options, { env: smallFilesystems });
    const [theirs, ours] = [scratch('theirs'), scratch('ours')];
    mustRun('xfs_metadump', ['-o', image, theirs]);
    dumpImage(image, ours);
    expect(same(theirs, ours)).toBe(true);
  });
});

/** Compares two filesystems that may differ in names and attribute values only; counts what differs. */
function compareTrees(plain: Volume, hidden: Volume): { names: number; kept: number; values: number } {
  const count = { names: 0, kept: 0, values: 0 };
  const note = (before: Uint8Array, after: Uint8Array): void => {
    expect(after).toHaveLength(before.length);
    expect(hashName(after)).toBe(hashName(before));
    if (Buffer.compare(before, after) === 0) count.kept += before.length >= 5 ? 1 : 0;
    else count.names++;
  };
  const queue = [plain.geometry.rootino];
  const seen = new Set(queue);
  for (let ino = queue.pop(); ino !== undefined; ino = queue.pop()) {
    const [before, after] = [readInode(plain, ino)!, readInode(hidden, ino)!];
    expect(after.crcGood).toBe(true);
    const attributes = [...walkAttrs(hidden, after)];
    for (const [i, attribute] of [...walkAttrs(plain, before)].entries()) {
      const other = attributes[i]!;
      note(attribute.name, other.name);
      const value = other.value()!;
      expect(value).toHaveLength(attribute.valueBytes);
      expect(value.every((byte) => byte === 0x76)).toBe(true);
      count.values++;
    }
    if (inodeFacts(before).type !== S_IFDIR) continue;
    const entries = [...walkDir(hidden, after)];
    const names = entries.map(({ name }) => Buffer.from(name).toString('latin1'));
    expect(new Set(names).size).toBe(names.length);
    for (const [i, entry] of [...walkDir(plain, before)].entries()) {
      expect(entries[i]!.ino).toBe(entry.ino);
      note(entry.name, entries[i]!.name);
      if (!seen.has(entry.ino)) queue.push(entry.ino);
      seen.add(entry.ino);
    }
  }
  return count;
}

describeKernel('dumps with names replaced', () => {
  test.each([...GEOMETRIES.slice(0, 8), 'b16k'])(
    '%s: clean, and alike but for the names',
    async (name) => {
      const image = await corpusImage(name);
      const [dump, theirs, ours] = [scratch('dump'), scratch('theirs.img'), scratch('ours.img')];
      const warnings = dumpImage(image, dump, { obfuscate: true });
      expect(warnings).toEqual([]);
      mustRun('xfs_mdrestore', [dump, theirs]);
      restoreImage(dump, ours);
      expect(fileDigest(ours)).toBe(fileDigest(theirs));
      expect(repairCheck(ours).status).toBe(0);
      const [plain, hidden] = [openDevice(image), openDevice(ours)];
      const { names, kept, values } = compareTrees(openFilesystem(plain), openFilesystem(hidden));
      expect(names).toBeGreaterThan(200);
      expect(kept).toBe(0);
      expect(values).toBeGreaterThan(200);
      plain.close();
      hidden.close();
    },
    120_000,
  );

  test('a name that is in the image is nowhere in the dump', async () => {
    const image = await corpusImage('rmap4k');
    const device = openDevice(image);
    const volume = openFilesystem(device);
    const names: string[] = [];
    for (const entry of walkDir(volume, readInode(volume, volume.geometry.rootino)!)) {
      const inode = readInode(volume, entry.ino)!;
      if (inodeFacts(inode).type !== S_IFDIR) continue;
      for (const { name } of walkDir(volume, inode)) names.push(Buffer.from(name).toString('latin1'));
    }
    device.close();
    dumpImage(image, scratch('dump'), { obfuscate: true });
    const dumped = readFileSync(scratch('dump')).toString('latin1');
    const long = names.filter((name) => name.length > 8);
    expect(long.length).toBeGreaterThan(10);
    expect(long.filter((name) => dumped.includes(name))).toEqual([]);
  });

  test('names that differ in case only, on a filesystem that ignores it', () => {
    const image = scratch('ci.img');
    const proto = scratch('proto');
    const lines = Array.from({ length: 300 }, (_, i) => `MixedCaseName${i} ---644 0 0 /dev/null`);
    writeFileSync(proto, ['/', '0 0', 'd--755 0 0', ...lines, '$', ''].join('\n'));
    writeFileSync(image, '');
    truncateSync(image, 64 << 20);
    mustRun('mkfs.xfs', ['-q', '-f', '-n', 'version=ci', '-p', proto, image], { env: smallFilesystems });
    dumpImage(image, scratch('dump'), { obfuscate: true });
    restoreImage(scratch('dump'), scratch('ours.img'));
    expect(repairCheck(scratch('ours.img')).status).toBe(0);
  });
});

const DAMAGED = 100;
/** One in so many is restored as well. */
const RESTORED = 10;

describeKernel('dumps of damaged filesystems', () => {
  test(`${DAMAGED} images with bytes changed in metadata: a dump or one line`, async () => {
    const random = new Random(20261121);
    const images = await Promise.all(['rmap4k', 'b1k', 'b1k_n8k', 'i1024'].map(corpusImage));
    const addresses = images.map((image) => {
      dumpImage(image, scratch('dump'));
      return dumpAddresses(readFileSync(scratch('dump')));
    });
    for (let n = 0; n < DAMAGED; n++) {
      const which = random.below(images.length);
      const device = openDevice(images[which]!);
      const overlay = new OverlayDevice(device);
      const places = Array.from({ length: 1 + random.below(8) }, () => {
        return random.pick(addresses[which]!) * 512 + random.below(504);
      });
      for (const place of places) overlay.write(place, random.bytes(1 + random.below(8)));
      let dumps = 0;
      try {
        for (const obfuscate of [false, true]) {
          dumpTo(openFilesystem(overlay), scratch('damaged'), { obfuscate, version: obfuscate ? 2 : 1 });
          dumps++;
        }
        if (n % RESTORED === 0) restoreImage(scratch('damaged'), scratch('damaged.img'));
      } catch (error) {
        expect((error as Error).name).toBe('DeviceError');
        expect((error as Error).message).not.toContain('\n');
      }
      if (dumps < 2) expect(places.some((place) => place < 512)).toBe(true);
      device.close();
    }
  }, 300_000);
});

/** Sectors that a dump of version 1 holds. */
function dumpAddresses(dump: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at < dump.length; ) {
    const count = dump.readUInt16BE(at + 4);
    for (let i = 0; i < count; i++) found.push(Number(dump.readBigUInt64BE(at + 8 + 8 * i)));
    at += (count + 1) * 512;
  }
  return found;
}

describeKernel('drop-ins', () => {
  const compat = (name: string, args: readonly string[], input?: Uint8Array) =>
    run(process.execPath, [join(repository, 'bin', 'compat', name), ...args], input ? { input } : {});

  test('xfs_metadump and xfs_mdrestore: options, status, pipes', async () => {
    const image = await corpusImage('rmap4k');
    const [theirs, ours, restored] = [scratch('theirs'), scratch('ours'), scratch('ours.img')];
    mustRun('xfs_metadump', ['-o', image, theirs]);
    expect(compat('xfs_metadump', ['-ow', '-m', '100', image, ours]).status).toBe(0);
    const progress = mustRun('xfs_metadump', ['-og', image, theirs]).stdout;
    expect(progress).toContain('inodes (');
    expect(compat('xfs_metadump', ['-og', image, ours]).stdout).toBe(progress);
    expect(same(theirs, ours)).toBe(true);
    expect(compat('xfs_mdrestore', ['-', restored], readFileSync(ours)).status).toBe(0);
    expect(repairCheck(restored).status).toBe(0);
    const info = run('xfs_mdrestore', ['-i', ours]);
    expect(compat('xfs_mdrestore', ['-i', ours])).toMatchObject({ status: 0, stdout: info.stdout });
  });

  test('what the originals refuse', () => {
    const cases: [string, string[]][] = [
      ['xfs_metadump', ['--help']],
      ['xfs_metadump', ['-o', 'one']],
      ['xfs_metadump', ['/dev/null', scratch('x')]],
      ['xfs_mdrestore', []],
      ['xfs_mdrestore', ['-z', 'a', 'b']],
      ['xfs_mdrestore', ['/dev/null', scratch('x')]],
      ['xfs_mdrestore', [scratch('missing'), scratch('x')]],
    ];
    for (const [name, args] of cases) {
      const mine = compat(name, args);
      expect([name, args, mine.status]).toEqual([name, args, run(name, args).status]);
      expect(mine.stderr).toMatch(/^(Usage|xfs_)/);
    }
    const help = compat('xfs_metadump', ['--help']).stderr;
    expect(help).toContain('-v version');
    expect(help).toContain('-r rtdev');
  });

  test('a target in use is not touched', async () => {
    const image = await corpusImage('rmap4k');
    dumpImage(image, scratch('dump'));
    const copy = scratch('held.img');
    copyFileSync(image, copy);
    const loop = mustRun('losetup', ['--find', '--show', copy]).stdout.trim();
    const before = fileDigest(copy);
    try {
      mustRun('sh', ['-c', `exec 9<${loop}; exit 0`]);
      mustRun('mkdir', ['-p', scratch('mnt')]);
      expect(repairCheck(copy).status).toBe(0);
      mustRun('mount', ['-o', 'ro,norecovery,nouuid', loop, scratch('mnt')]);
      try {
        for (const target of [copy, loop]) {
          const refused = xfskit(['mdrestore', scratch('dump'), target]);
          expect(refused.status).toBe(8);
          expect(refused.stderr).toMatch(/^xfskit mdrestore: .*mounted on .*\n$/);
        }
      } finally {
        mustRun('umount', [scratch('mnt')]);
      }
    } finally {
      run('losetup', ['--detach', loop]);
    }
    expect(fileDigest(copy)).toBe(before);
  }, 60_000);
});
