/**
 * Option lines of every kind through `-N`: what mkfs.xfs 6.1 takes we take, with the same geometry block; what it
 * refuses we refuse. Singly every suboption with every kind of value, then random handfuls, sound and not.
 *
 * Our side runs inside this process: a line costs milliseconds. 600 handfuls, 12,000 with XFSKIT_LONG;
 * XFSKIT_SEED gives others.
 */
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { define } from '../../src/cli/mkfs.ts';
import { describeXfsprogs, mustRun, run, smallFilesystems, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const seed = Number(process.env.XFSKIT_SEED ?? 61);
const count = process.env.XFSKIT_LONG ? 12_000 : 600;
const place = (name: string): string => join(temporaryDirectory(), name);

/** Values with a meaning, by suboption; LOG, RT and so on are files. */
const MEANT: Readonly<Record<string, string>> = {
  'b.size': '512 1024 2048 4096 8192 32768 65536 1k 64k 8s 1b',
  'd.agcount': '1 2 4 16 100 1000',
  'd.agsize': '16m 64m 100m 1g 20000b 4096b 32768s 1t 300m',
  'd.size': '16m 64m 300m 1g 500m 76800b 5000b 614400s 10g 1000000000 1048576000 16777216 20000256',
  'd.file': '0',
  'd.su': '0 4k 16k 64k 1m 512 96k 8b 16s 1g',
  'd.sw': '0 1 2 4 10 1000',
  'd.sunit': '0 8 128 2048 7',
  'd.swidth': '0 8 128 512 2048 14',
  'd.noalign': '- 0 1',
  'd.sectsize': '512 1024 4096 8s 1b',
  'd.cowextsize': '0 1 16 100000',
  'd.extszinherit': '0 1 16 17 100000 8192',
  'd.projinherit': '0 5',
  'd.daxinherit': '- 0 1',
  'd.rtinherit': '- 0 1',
  'i.size': '256 512 1024 2048',
  'i.perblock': '2 4 8 16 32 128',
  'i.maxpct': '0 1 50 100',
  'i.sparse': '- 0 1',
  'i.nrext64': '- 0 1',
  'i.align': '- 0 1',
  'i.projid32bit': '- 0 1',
  'i.attr': '0 1 2',
  'l.size': '2m 10m 20m 32m 64m 100m 5000b 20000b 16384b 500m 1g 2037m 2048m 131072s 65540k 67112960',
  'l.su': '512 4k 8k 12k 32k 64k 256k 1b 8s',
  'l.sunit': '1 8 16 64 512',
  'l.internal': '- 0 1',
  'l.agnum': '0 1 2 3 7 100',
  'l.logdev': 'LOG SHORT HUGE NONE',
  'l.name': 'LOG',
  'l.file': '- 0',
  'l.version': '1 2',
  'l.lazy-count': '- 0 1',
  'l.sectsize': '512 1024 4096 16384',
  'm.crc': '- 1',
  'm.finobt': '- 0 1',
  'm.inobtcount': '- 0 1',
  'm.rmapbt': '- 0 1',
  'm.reflink': '- 0 1',
  'm.bigtime': '- 0 1',
  'm.uuid': '12345678-1234-1234-1234-123456789ABC 00000000-0000-0000-0000-000000000000 nonsense',
  'n.size': '1024 4096 8192 16k 32k 64k 1b 2b 8s',
  'n.version': '2 ci Ci 1',
  'n.ftype': '- 0 1',
  'r.file': '- 0',
  'r.size': '0 4096 100m 1g 2g 1000b 512',
  'r.extsize': '4k 8k 64k 1m 100m 1g 1b 3b 12k 8s',
  'r.noalign': '- 0 1',
  'r.rtdev': 'RT NONE',
  'r.name': 'RT',
  's.size': '512 1024 4096 8192 4k 8s',
  's.sectsize': '512 4096',
};
const KEYS = Object.keys(MEANT);

/** Values of any kind; the suboptions that name files are left out. */
const ANY =
  '- = =0 =1 =2 =-1 =7 =100 =256 =512 =4096 =65536 =0x200 =010 =01000 =+1 =1.0 =1e3 =x =ci =1b =8s =4K =64k =260k ' +
  '=16m =1g =1t =1p =2147483648 =4294967295 =4294967296 =9223372036854775807 =18446744073709551616 =0x =08 =4kb =1=1 ==1 ' +
  '=-0 =--1 =5000b =20000000';

const IMAGES = ['16m', '64m', '299m', '300m', '1g', '1073743360', '10g', '1t', '5t', '15t'];
const FILES = { LOG: '64m', SHORT: '1m', HUGE: '3g', RT: '1g' };

function prepare(): void {
  Object.assign(process.env, smallFilesystems);
  for (const size of IMAGES) mustRun('truncate', ['-s', size, place(size)]);
  for (const [name, size] of Object.entries(FILES)) mustRun('truncate', ['-s', size, place(name)]);
}

/** Why we refused the last line. */
let refusal: string | undefined;

/** Our geometry block, or undefined when we refuse; anything else that is thrown fails the test. */
async function ours(words: readonly string[]): Promise<string | undefined> {
  refusal = undefined;
  const command = new Command('mkfs').exitOverride().configureOutput({ outputError: () => undefined });
  define(command);
  const [writeOut, writeError] = [process.stdout.write, process.stderr.write];
  let text = '';
  process.stdout.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof process.stdout.write;
  process.stderr.write = (() => true) as typeof process.stderr.write;
  try {
    await command.parseAsync(['--profile', '6.1', ...words], { from: 'user' });
    return text;
  } catch (error) {
    const { name, message } = error as Error;
    refusal = message;
    if (name !== 'UsageError' && name !== 'DeviceError' && name !== 'CommanderError') throw error;
    return undefined;
  } finally {
    process.stdout.write = writeOut;
    process.stderr.write = writeError;
  }
}

const geometry = (text: string | undefined): string | undefined =>
  text?.match(/^(?:[a-z-]+ *|\s+)=.*$/gm)?.join('\n');

/** Whether a geometry has more AGs, or fewer, than its blocks fill. */
function cannotBe(block: string): boolean {
  const [agcount, agblocks] = [/agcount=(\d+)/, /agsize=(\d+)/].map((each) => Number(each.exec(block)![1]));
  const blocks = Number(/^data .*blocks=(\d+)/m.exec(block)![1]);
  return Math.ceil(blocks / agblocks!) !== agcount;
}

interface Seen {
  readonly words: readonly string[];
  readonly taken: boolean;
}

/** Both on one line; undefined when they agree, else what differs. */
async function difference(words: readonly string[], seen: Seen[]): Promise<string | undefined> {
  const theirs = run('mkfs.xfs', words, { env: smallFilesystems });
  const mine = await ours(words);
  seen.push({ words, taken: theirs.status === 0 });
  const expected = theirs.status === 0 ? geometry(theirs.stdout) : undefined;
  if (geometry(mine) === expected) return undefined;
  // Where mkfs.xfs fails half way, its -N knowing nothing of it, we refuse at once.
  if (mine === undefined && /no room for the root inode|not hold one extent/.test(refusal ?? ''))
    return undefined;
  if (mine === undefined && /blocks are \d+ AGs of/.test(refusal ?? '') && cannotBe(expected!))
    return undefined;
  const what = mine === undefined ? 'we refuse' : expected === undefined ? 'we take' : 'other geometry';
  return `${words.join(' ')}: ${what}`;
}

function handful(random: Random): string[] {
  const words: string[] = [];
  const used = new Set<string>();
  for (let wanted = 1 + random.below(6); wanted > 0; wanted--) {
    const key = random.pick(KEYS);
    if (used.has(key) && random.below(10) > 0) continue;
    used.add(key);
    const value = random.pick(MEANT[key]!.split(' '));
    const spelled = value === 'NONE' || value in FILES ? place(value) : value;
    const [group, name] = key.split('.') as [string, string];
    const token = value === '-' ? name : `${name}=${spelled}`;
    if (words.at(-2) === `-${group}` && random.below(2) === 0) words.push(`${words.pop()},${token}`);
    else words.push(`-${group}`, token);
  }
  return ['-N', '-f', ...words, place(random.pick(IMAGES))];
}

/** An agcount, a stripe that makes AGs larger, and a size that leaves little or nothing for the last of them. */
function stripedCount(random: Random): string[] {
  const agcount = random.pick([2, 3, 5, 7, 14, 16, 31, 33, 60, 99, 128, 250, 500, 999, 1000]);
  const blocksize = random.pick([1024, 4096, 4096, 65536]);
  const mib = agcount * random.pick([16, 17, 18, 20.5, 24, 31, 33, 64, 100]);
  const size = Math.floor((mib * 2 ** 20) / blocksize) + random.below(3000) * random.below(2);
  const su = random.pick([64, 128, 192, 256, 1024, 4096, 16384]);
  const data = `agcount=${agcount},su=${su}k,sw=${random.pick([1, 2, 3, 8])},size=${size}b`;
  return ['-N', '-f', '-b', `size=${blocksize}`, '-d', data, place('15t')];
}

describeXfsprogs('-N as mkfs.xfs', () => {
  beforeAll(prepare);
  const seen: Seen[] = [];
  const compare = async (lines: readonly (readonly string[])[]): Promise<void> => {
    const found: string[] = [];
    for (const words of lines) {
      const problem = await difference(words, seen);
      if (problem !== undefined) found.push(problem);
    }
    expect(found).toEqual([]);
  };
  test('every suboption, every kind of value', async () => {
    const lines = KEYS.filter((key) => !/name|dev|crc/.test(key)).flatMap((key) =>
      ANY.split(' ').map((value) => {
        const [group, name] = key.split('.') as [string, string];
        return ['-N', '-f', `-${group}`, value === '-' ? name : `${name}${value}`, place('1g')];
      }),
    );
    // A third of them a run; which, the seed says.
    await compare(lines.filter((_, i) => process.env.XFSKIT_LONG !== undefined || (i + seed) % 3 === 0));
  }, 300_000);
  test(`${count} handfuls from seed ${seed}`, async () => {
    const random = new Random(seed);
    await compare(Array.from({ length: count }, () => handful(random)));
  }, 600_000);
  test('counts of AGs with stripes', async () => {
    const random = new Random(seed);
    await compare(Array.from({ length: count / 6 }, () => stripedCount(random)));
  }, 300_000);
  test('suboptions that another one overrules', async () => {
    await compare(
      [
        '-n ftype=0 -m crc=1',
        '-m crc=1 -n ftype=0',
        '-l version=1,su=32k',
        '-l version=1,su=32k -s size=4096',
        '-l sunit=64,version=1',
      ]
        .concat([`-l name=${place('LOG')},agnum=1`, `-l agnum=1,name=${place('LOG')}`])
        .concat([`-l name=${place('LOG')},internal=0`, `-l internal=0,name=${place('LOG')}`])
        .concat([`-r rtdev=${place('RT')},size=0`, `-r size=0,rtdev=${place('RT')}`])
        .map((line) => ['-N', '-f', ...line.split(' '), place('1g')]),
    );
  });
  test('a fair part of them was taken, and a fair part refused', () => {
    const taken = seen.filter((each) => each.taken).length;
    expect(taken).toBeGreaterThan(seen.length / 8);
    expect(taken).toBeLessThan((seen.length * 4) / 5);
  });
});
