/**
 * Writing against xfs_db: the same scripts on two copies of one image give the same text and the same bytes. Seeded:
 * every type of object gets its share of scripts, every field its chance; a failing script is shown with its seed.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { corpusCopy } from '../support/corpus.ts';
import { listObjects, type Visit } from '../support/dbwalk.ts';
import { type Comparison, listTargets, someWrite, WriteComparer } from '../support/dbwrite.ts';
import { describeKernel, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const SCRIPTS = Number(process.env.XFSKIT_WRITE_SCRIPTS ?? 40);

/** Objects by their kind, so that a few superblocks weigh as much as a thousand inodes. */
function byKind(visits: readonly Visit[]): ReadonlyMap<string, readonly Visit[]> {
  const groups = new Map<string, Visit[]>();
  for (const visit of visits) {
    const last = visit.at(-1)!;
    const [command, argument = ''] = last.split(' ');
    const kind = command === 'type' ? last : `${command} ${/block$/.test(command!) ? argument.length : ''}`;
    const group = groups.get(kind);
    if (group) group.push(visit);
    else groups.set(kind, [visit]);
  }
  return groups;
}

async function comparer(name: string): Promise<{ image: string; comparer: WriteComparer }> {
  const image = await corpusCopy(name);
  const other = join(temporaryDirectory(), `${name}-ours`);
  copyFileSync(image, other);
  return { image: other, comparer: new WriteComparer(image, other) };
}

/** xfs_db follows lengths and counts beyond their block; we stop at its end. */
function isBeyondBlock({ theirs, ours }: Comparison): boolean {
  const [a, b] = [theirs.split('\n'), ours.split('\n')];
  const at = a.findIndex((line, i) => line !== b[i]);
  return (
    /out of range|Unrecognized|\[\d+-\d{3,}\] = |SIG|not found/.test(`${a[at]}\n${b[at]}`) || b[at] === ''
  );
}

function makeScript(image: string, kinds: ReadonlyMap<string, readonly Visit[]>, random: Random): string[] {
  for (;;) {
    const visit = random.pick(kinds.get(random.pick([...kinds.keys()]))!);
    const targets = listTargets(image, visit, random);
    if (targets.length === 0) continue;
    const lines = [...visit];
    for (let i = 1 + random.below(5); i > 0; i--) lines.push(someWrite(random.pick(targets), random));
    if (random.below(3) === 0) lines.push(`print ${random.pick(targets).path}`);
    return lines;
  }
}

describeKernel('db and xfs_db write the same', () => {
  test.each(['rmap4k', 'b1k', 'alloff', 's4096', 'nrext64', 'stripe'])(
    'random fields of every type of %s',
    async (name) => {
      const { image, comparer: pair } = await comparer(name);
      const kinds = byKind(listObjects(image));
      const random = new Random(0x77 + name.length);
      const different: object[] = [];
      let changed = 0;
      for (let i = 0; i < SCRIPTS; i++) {
        const lines = makeScript(image, kinds, random);
        const result = pair.run(lines);
        if (result.changed > 0) changed++;
        if (result.theirs === result.ours && result.different.length === 0) continue;
        if (result.different.length === 0 && isBeyondBlock(result)) continue;
        different.push({ lines, ...result });
      }
      expect(different).toEqual([]);
      expect(changed).toBeGreaterThan(SCRIPTS / 3);
      expect(pair.compareAll()).toBe('');
    },
    600_000,
  );

  const FIXED: readonly (readonly string[])[] = [
    ['label foo', 'stack', 'p fname', 'label', 'uuid'],
    ['label "my label"', 'label --', 'label thisisverylonglabel', 'label'],
    ['agf 0', 'push agi 1', 'label x', 'stack', 'pop', 'p'],
    ['uuid 00112233-4455-6677-8899-aabbccddeeff', 'uuid', 'version', 'stack', 'sb 0', 'p'],
    ['uuid rewrite'],
    ['uuid restore', 'stack'],
    [
      'uuid 00112233-4455-6677-8899-AABBCCDDEEFF',
      'uuid restore',
      'version',
      'uuid rewrite',
      'uuid nil',
      'uuid xyz',
    ],
    ['uuid 00112233-4455-6677-8899-AABBCCDDEEFF', 'logformat -c 9', 'logformat'],
    ['uuid nil', 'blockget', 'uuid 00112233-4455-6677-8899-AABBCCDDEEFF', 'uuid'],
    ['uuid nil', 'logformat -c 9', 'logformat', 'uuid'],
    ['logformat'],
    ['logformat -c 7'],
    ['logformat -s 32768'],
    ['logformat -s 65536 -c 2'],
    ['logformat -s 0 -c 0x10'],
    ['logformat -s 1000', 'print'],
    ['logformat -c 0'],
    ['version 0xb4a5 0x18a', 'version 0xb4a4 0x8a', 'version 0x34 0', 'version attr2', 'version'],
    ['sb 2', 'write -d magicnum 5', 'label foo', 'stack'],
    ['sb 1', 'write fname "abc"', 'label', 'uuid'],
    ['agf 0', 'blocktrash -z -s 7', 'p'],
    ['agi 1', 'blocktrash -z -s 9 -3 -x 5 -y 100', 'blocktrash -z -s 10 -0 -o 40', 'p magicnum'],
    ['agf 0', 'blocktrash -z -x 1 -y 1 -s 5 -o 100000'],
    ['fsblock 20', 'blocktrash -z -s 0 -x 32 -y 4096 -o 300 -n 8 -3', 'p'],
    ['inode 128', 'blocktrash -z -s 77', 'p core.mode v3.crc'],
    [
      'blocktrash -z',
      'blocktrash',
      'agf 0',
      'blocktrash -z -x 9 -y 5',
      'blocktrash -t foo',
      'blocktrash -n 0',
    ],
    ['daddr 200', 'write', 'write lshift 3', 'write rshift 5 3 20', 'write lrot 7', 'write rrot 9 2', 'p'],
    [
      'daddr 200',
      'write sequence 1 5',
      'write sequence 9 2 200 50',
      'write fill 0xff 3 9',
      'write fi 7',
      'p',
    ],
    ['fsblock 3', 'type text', 'write fill 3', 'fuzz a b', 'type data', 'fuzz a b', 'write -d fill 1'],
    ['agf 0', 'write freeblks 5000', 'blockget', 'p freeblks'],
    ['agi 0', 'write -d count 640', 'agf 2', 'write -d freeblks 77', 'blockget -n', 'ncheck -i 128'],
    ['agf 1', 'fuzz -d freeblks add', 'agi 1', 'fuzz -d freecount ones', 'blockget'],
    [
      'agf 1',
      'write roots[1] 7',
      'p cntroot',
      'write levels[2] 1',
      'fuzz -d roots[2] ones',
      'p roots levels',
      'p',
    ],
    ['inode 128', 'write core..x 3', 'write v3.bigtime 0', 'write core 0x494e', 'write core.atime.sec 5'],
  ];

  test.each(FIXED)(
    '%s',
    async (...lines) => {
      const { comparer: pair } = await comparer('rmap4k');
      const { theirs, ours, different } = pair.run(lines);
      expect(ours).toBe(theirs);
      expect(different).toEqual([]);
      expect(pair.compareAll()).toBe('');
    },
    120_000,
  );
});
