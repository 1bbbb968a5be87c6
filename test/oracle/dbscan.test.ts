/**
 * The scanning commands of db against xfs_db: the same scripts on the same kernel-made images, byte for byte; then on
 * images with one field damaged, where ours must also end in time. Each script is a session of its own, as blockget
 * leaves things behind.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { Session } from '../../src/db/session.ts';
import { openDevice } from '../../src/device/open.ts';
import { copyImage, corpusImage } from '../support/corpus.ts';
import { describeKernel, run } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const IMAGES = ['rmap4k', 'alloff', 'ag5odd', 'b64k', 'sparse', 'i2048', 'nrext64', 'b1k_n8k', 's4096'];

/** Commands separated by semicolons, a script each. */
const SCRIPTS = `
freesp; freesp -s; freesp -d
freesp -c -d
freesp -cds
freesp -e 10 -s
freesp -e10 -a 0
freesp -m 4; freesp -b -s
freesp -h 5 -h 20 -h 3 -s; freesp -h 0; freesp -e 0; freesp -m 0 -s
freesp -a 1 -a 0 -s; freesp -a 77 -s
freesp -A 4 -s -d
freesp -b -e 3; freesp -h 4 -b; freesp foo; freesp -x; freesp -e; freesp -d -- 3
frag; frag -v
frag -a -v; frag -d -v
frag -f -v; frag -l -v
frag -q; frag -R; frag -r; frag -adfv; frag -x; frag -fv foo
fsmap
fsmap 5; fsmap 5 20; fsmap 0 0; fsmap 20 5; fsmap 100 100; fsmap 3000 9000; fsmap 0x10 040
fsmap 10000 40000; fsmap 99999999; fsmap 0 99999999; fsmap x; fsmap 1 x; fsmap -x; fsmap 1 2 3
blockget; blockget; blockfree; blockuse; blockfree
blockget -n; ncheck
blockget -v
blockget -n; ncheck -s; ncheck -i 128 -i 131 -i 99999; ncheck -x
blockget -n; fsb 0; blockuse; blockuse -c 40; blockuse -n -c 20; blockuse -c 0; blockuse -z
blockget; fsb 20; blockuse -c 100; blockuse -n; blockuse -c 99999999; ncheck
blockget -s -b 20 -i 131
blockget -v -n -p
check -i 131 -i 132 -b 16 -b 30
blockget -t -s; agf 1; addr bnoroot; blockuse; inode 128; blockuse -c 3
blockget -x; blockuse; blockget
blockget -i 999999999999 -n
ncheck; blockuse
info; i; info x; logres
agresv; agresv 1 0; agresv 1 2x; agresv 99
timelimit; timelimit --pretty; timelimit --compact; timelimit --classic; timelimit --bigtime --pretty
timelimit --foo; echo not reached
hash foo; hash "foo bar"; hash "foo"; hash a; hash abcdefgh; hash
btheight -n 1000 all; btheight -n 10000000 -w max bnobt rmapbt; btheight -n 10000000 -w min bnobt rmapbt
btheight -w absmax all; btheight -w absmax foo bnobt; btheight -n 18446744073709551615 bnobt
btheight -n 0x10 -b 1k inobt; btheight -n 5 -b 64k refcountbt; btheight -n 5 -b 2b bmapbt
btheight -n 10 16:8:8:longcrc 8:8:4:shortcrc bnobt; btheight -n 10 16:8 bnobt; btheight -n 5 0:8:8:short
btheight -n 5 16:8:8:foo; btheight -n 0 bnobt; btheight -n 5 -b 128 rmapbt; btheight
btdump; sb 0; btdump; btdump -x; agf 0; addr bnoroot; btdump foo; btdump -a
agf 0; addr bnoroot; btdump; btdump -i; addr
agf 0; addr cntroot; btdump -i; agi 0; addr root; btdump -i; addr
inode 128; btdump; btdump -a
`
  .trim()
  .split('\n')
  .map((line) => line.split(';').map((command) => command.trim()));

/** Trees that only some images have. */
const RMAP_SCRIPT = ['agf 0', 'addr rmaproot', 'btdump', 'btdump -i'];
const FINOBT_SCRIPT = ['agi 0', 'addr free_root', 'btdump'];

/** What xfs_db prints, in bytes; undefined when it crashed or did not end. */
function theirs(image: string, script: readonly string[]): Buffer | undefined {
  const commands = script.flatMap((command) => ['-c', command]);
  const result = spawnSync('xfs_db', ['-r', ...commands, image], {
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    timeout: 20_000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  });
  return result.signal === null && !result.error ? result.stdout : undefined;
}

function ours(image: string, script: readonly string[]): Buffer {
  const device = openDevice(image);
  try {
    const session = new Session(openFilesystem(device), COMMANDS);
    const parts: Buffer[] = [];
    for (const command of script) {
      const result = session.run(command);
      parts.push(Buffer.from(result.text, result.bytes ? 'latin1' : 'utf8'));
      if (result.ends) break;
    }
    return Buffer.concat(parts);
  } finally {
    device.close();
  }
}

/** The first lines that differ, for the report of a failure. */
function difference(script: readonly string[], mine: Buffer, reference: Buffer): object | undefined {
  if (mine.equals(reference)) return undefined;
  const a = mine.toString('latin1').split('\n');
  const b = reference.toString('latin1').split('\n');
  const found = b.findIndex((line, i) => line !== a[i]);
  const at = found < 0 ? b.length : found;
  return { script: script.join('; '), ours: a.slice(at, at + 3), theirs: b.slice(at, at + 3) };
}

/** The scripts for an image by its features. */
function scriptsFor(image: string): readonly (readonly string[])[] {
  const device = openDevice(image);
  try {
    const { rmapbt, finobt } = openFilesystem(device).geometry.features;
    return [...SCRIPTS, ...(rmapbt ? [RMAP_SCRIPT] : []), ...(finobt ? [FINOBT_SCRIPT] : [])];
  } finally {
    device.close();
  }
}

describeKernel('db scans as xfs_db does', () => {
  test.each(IMAGES)(
    'every command on %s',
    async (name) => {
      process.env.TZ = 'UTC';
      const image = await corpusImage(name);
      const different: object[] = [];
      for (const script of scriptsFor(image)) {
        const reference = theirs(image, script);
        expect(reference).toBeDefined();
        const found = difference(script, ours(image, script), reference!);
        if (found) different.push(found);
      }
      expect(different).toEqual([]);
    },
    300_000,
  );

  test('no block of a clean image contradicts itself or belongs to nobody', async () => {
    for (const name of IMAGES) {
      const image = await corpusImage(name);
      const device = openDevice(image);
      try {
        const filesystem = openFilesystem(device);
        const session = new Session(filesystem, COMMANDS);
        for (let agno = 0; agno < filesystem.geometry.agcount; agno++) {
          const length = filesystem.geometry.agLength(agno);
          const rows = [...session.run(`owner ${agno}:0 ${length}`).rows!()] as {
            count: number;
            verdict: string;
          }[];
          expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(length);
          const strange = rows.filter(({ verdict }) => verdict === 'contradiction' || verdict === 'nobody');
          expect([name, agno, strange]).toEqual([name, agno, []]);
        }
      } finally {
        device.close();
      }
    }
  }, 120_000);
});

/** Where to go and which fields to damage there. */
const TARGETS: readonly (readonly [nav: readonly string[], fields: readonly string[]])[] = [
  [['sb 0'], ['icount', 'fdblocks', 'ifree', 'inprogress', 'logblocks']],
  [['agf 0'], ['bnoroot', 'cntlevel', 'flfirst', 'fllast', 'flcount', 'freeblks', 'longest', 'btreeblks']],
  [['agf 1'], ['rmaproot', 'rmaplevel', 'length', 'seqno', 'bnolevel', 'refcntroot']],
  [['agi 0'], ['root', 'level', 'count', 'freecount', 'unlinked[3]', 'free_root', 'seqno']],
  [['agfl 0'], ['bno[1]', 'bno[2]']],
  [
    ['agf 0', 'addr bnoroot'],
    ['magic', 'level', 'numrecs', 'recs[1].startblock', 'recs[2].blockcount'],
  ],
  [
    ['agf 0', 'addr cntroot'],
    ['magic', 'level', 'numrecs', 'recs[1].startblock', 'recs[2].blockcount'],
  ],
  [
    ['agf 0', 'addr rmaproot'],
    ['magic', 'level', 'numrecs', 'ptrs[1]', 'ptrs[2]', 'rightsib'],
  ],
  [
    ['agi 0', 'addr root'],
    ['magic', 'level', 'numrecs', 'recs[1].startino', 'recs[1].free', 'recs[2].startino'],
  ],
  [
    ['agi 0', 'addr free_root'],
    ['magic', 'numrecs', 'recs[1].startino'],
  ],
  [['inode 128'], ['core.format', 'core.size', 'core.nblocks', 'core.mode', 'core.nlinkv2', 'core.forkoff']],
  [
    ['inode 128', 'dblock 0'],
    ['bhdr.bestfree[0].length', 'bu[2].inumber', 'bu[3].namelen', 'bleaf[1].address'],
  ],
  [['inode 1024'], ['core.format', 'core.size', 'u3.bmbt.ptrs[1]', 'u3.bmbt.numrecs', 'u3.bmbt.level']],
  [['inode 1032'], ['core.nextents', 'core.aformat', 'u3.bmx[0].startblock', 'u3.bmx[0].blockcount']],
];
const VERBS = ['zeroes', 'ones', 'firstbit', 'middlebit', 'lastbit', 'add', 'sub'];
const DAMAGE_SCRIPTS: readonly (readonly string[])[] = [
  ['blockget -n', 'ncheck'],
  ['freesp -d'],
  ['frag -v'],
  ['fsmap'],
];
/** Ours alone: xfs_db has none of these, or leaves its own cache in them. */
const OWN_SCRIPTS: readonly (readonly string[])[] = [
  ['owner 0:0 4000', 'shares ino 1032', 'forks 1024', 'dump_iunlinked', 'agresv'],
  ['agf 0', 'addr bnoroot', 'btdump -i', 'agf 0', 'addr rmaproot', 'btdump', 'inode 1024', 'btdump -i'],
];
const CASES = 60;
/** Cases of which xfs_db shows what it read outside of its buffers, or an inode that is not there. */
const MOST_DIFFERENT = 8;

interface Buffers {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of the image that a command which writes to an object may write. */
function bufferOf(image: string, nav: readonly string[]): Buffers {
  const device = openDevice(image);
  try {
    const session = new Session(openFilesystem(device), COMMANDS);
    for (const command of nav) session.run(command);
    const { daddr, bbs } = session.cursor.top;
    return { offset: daddr * 512, length: bbs * 512 };
  } finally {
    device.close();
  }
}

function withFile<T>(path: string, mode: string, use: (file: number) => T): T {
  const file = openSync(path, mode);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

function bytesAt(image: string, { offset, length }: Buffers): Buffer {
  const bytes = Buffer.alloc(length);
  withFile(image, 'r', (file) => readSync(file, bytes, 0, length, offset));
  return bytes;
}

describeKernel('db scans damaged images', () => {
  test(`${CASES} damaged fields: in time, without a crash, and as xfs_db tells`, async () => {
    const clean = await corpusImage('rmap4k');
    const random = new Random(20261121);
    const different: object[] = [];
    let compared = 0;
    const image = copyImage(clean);
    for (let i = 0; i < CASES; ) {
      const [nav, fields] = random.pick(TARGETS);
      const fuzz = `fuzz -d ${random.pick(fields)} ${random.pick(VERBS)}`;
      const place = bufferOf(image, nav);
      const before = bytesAt(image, place);
      const goTo = nav.flatMap((command) => ['-c', command]);
      run('xfs_db', ['-x', ...goTo, '-c', fuzz, image], { timeout: 20_000 });
      if (bytesAt(image, place).equals(before)) continue;
      i++;
      for (const script of [...DAMAGE_SCRIPTS, ...OWN_SCRIPTS]) {
        const start = performance.now();
        const mine = ours(image, script);
        expect([nav, fuzz, script, performance.now() - start < 10_000]).toEqual([nav, fuzz, script, true]);
        if (OWN_SCRIPTS.includes(script)) continue;
        const reference = theirs(image, script);
        if (!reference) continue;
        compared++;
        const found = difference(script, mine, reference);
        if (found) different.push({ nav, fuzz, ...found });
      }
      withFile(image, 'r+', (file) => writeSync(file, before, 0, before.length, place.offset));
    }
    expect(compared).toBeGreaterThan(CASES * 3);
    if (different.length > MOST_DIFFERENT) expect(different).toEqual([]);
  }, 600_000);
});
