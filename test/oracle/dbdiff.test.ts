/**
 * `diff` and `verify` over real images: what xfs_db writes and what the kernel does is named, and nothing else; on
 * clean images no verifier finds fault with any object, and images compared with themselves have no difference.
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { compareFilesystems, type Difference } from '../../src/db/diff/diff.ts';
import { isMetadata, Roles } from '../../src/db/diff/role.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { Session } from '../../src/db/session.ts';
import { Stage } from '../../src/db/stage.ts';
import { openDevice } from '../../src/device/open.ts';
import { copyImage, corpusCopy, corpusImage } from '../support/corpus.ts';
import { describeKernel, describeXfsprogs, mustRun, withMounted, xfskit } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

function compare(a: string, b: string): readonly Difference[] {
  const devices = [a, b].map((path) => openDevice(path));
  try {
    const [one, other] = devices.map(openFilesystem);
    const { differences, notes } = compareFilesystems(one!, other!);
    expect(notes).toEqual([]);
    return differences;
  } finally {
    for (const device of devices) device.close();
  }
}

const names = (list: readonly Difference[]) =>
  list.map(({ object, fields }) => `${object}: ${fields.map(({ field }) => field).join(' ')}`);

/** Names of objects, without numbers of blocks. */
const objects = (list: readonly Difference[]) =>
  list.map(({ object, path }) => `${object.replace(/\d+\/\d+/, '*')}${path === undefined ? '' : ` ${path}`}`);

/** `verify` of every object that has an owner; those that do not pass. */
function badObjects(image: string): string[] {
  const device = openDevice(image);
  const bad: string[] = [];
  try {
    const filesystem = openFilesystem(device);
    const { geometry } = filesystem;
    const session = new Session(filesystem, COMMANDS);
    const roles = new Roles(filesystem);
    let judged = 0;
    const judge = (...lines: string[]) => {
      for (const line of lines) session.run(line);
      const { json, text } = session.run('verify');
      judged++;
      if ((json as { verdict: string }).verdict !== 'good') bad.push(`${lines.join('; ')}: ${text}`);
    };
    for (let agno = 0; agno < geometry.agcount; agno++) {
      for (const header of ['sb', 'agf', 'agi', 'agfl']) judge(`${header} ${agno}`);
      for (let agbno = 0; agbno < geometry.agLength(agno); agbno++) {
        const role = roles.role(agno, agbno);
        const block = `fsblock ${geometry.fsbno(agno, agbno)}`;
        if (!isMetadata(role) || role.kind === 'headers') continue;
        if (role.kind === 'tree') judge(block, `type ${role.type}`);
        else if (role.kind === 'inodes') {
          const first = geometry.ino(agno, geometry.agbnoAgino(agbno));
          for (let i = 0; i < geometry.inopblock; i++) judge(`inode ${first + i}`);
        } else if (role.kind === 'fork') {
          if (role.type === 'dir3' && role.fileoff % (geometry.dirblocksize / geometry.blocksize) === 0)
            judge(`inode ${role.ino}`, `dblock ${role.fileoff}`);
          else if (role.type === 'symlink' && role.fileoff === 0) judge(`inode ${role.ino}`, 'dblock 0');
          else if (role.type !== 'dir3' && role.type !== 'symlink')
            judge(`inode ${role.ino}`, block, `type ${role.type}`);
        }
      }
    }
    expect(judged).toBeGreaterThan(100);
    return bad;
  } finally {
    device.close();
  }
}

describeXfsprogs('clean images', () => {
  test.each(['rmap4k', 'b1k_n8k', 'b4k_n64k', 'metauuid', 's4096', 'i2048', 'sparse'])(
    '%s: no verifier finds fault with any object, and diff with itself finds nothing',
    async (name) => {
      const image = await corpusImage(name);
      expect(badObjects(image)).toEqual([]);
      expect(compare(image, image)).toEqual([]);
    },
    120_000,
  );
});

describeXfsprogs('what xfs_db writes', () => {
  test.each([
    ['sb 1', 'imax_pct 7', ['sb 1: imax_pct crc']],
    ['agf 2', 'longest 3', ['agf 2: longest crc']],
    ['agi 0', 'newino 3', ['agi 0: newino crc']],
    ['inode 128', 'core.gid 123456', ['inode 128: core.gid v3.crc']],
    ['inode 128', 'v3.flags2 0x1', undefined],
  ])(
    '%s: %s',
    async (way, edit, expected) => {
      const before = await corpusImage('rmap4k');
      const after = copyImage(before);
      mustRun('xfs_db', ['-x', '-c', way, '-c', `write -d ${edit}`, after]);
      const found = compare(before, after);
      expect(found).toHaveLength(1);
      if (expected) expect(names(found)).toEqual(expected);
      else expect(found[0]!.fields.map(({ field }) => field)).toContain('v3.flags2');
      const shown = xfskit(['diff', before, after, way]);
      expect(shown.status).toBe(1);
      expect(shown.stdout).toContain(`${edit.split(' ')[0]} = `);
    },
    120_000,
  );

  test('blocks of btrees, directories and attributes', async () => {
    const before = await corpusImage('rmap4k');
    for (const [way, field] of [
      [['agf 1', 'addr rmaproot'], 'leftsib'],
      [['agi 0', 'addr root'], 'numrecs'],
    ] as const) {
      const after = copyImage(before);
      const moves = way.flatMap((line) => ['-c', line]);
      mustRun('xfs_db', ['-x', ...moves, '-c', `write -d ${field} 1`, after]);
      const [found, ...more] = compare(before, after);
      expect(more).toEqual([]);
      expect(found!.fields.map((change) => change.field)).toEqual(expect.arrayContaining([field, 'crc']));
    }
  }, 120_000);
});

describeKernel('what the kernel does', () => {
  /** An image before and after something done to it, mounted; the log and the superblock left out. */
  async function change(
    work: (root: string) => void,
  ): Promise<{ found: readonly Difference[]; a: string; b: string }> {
    const a = await corpusCopy('rmap4k');
    withMounted(a, (root) => {
      mkdirSync(join(root, 'diffed'));
      writeFileSync(join(root, 'diffed', 'file'), 'x'.repeat(20_000));
      writeFileSync(join(root, 'diffed', 'other'), 'y');
    });
    const b = copyImage(a);
    withMounted(b, (root) => work(join(root, 'diffed')), ['noatime']);
    const found = compare(a, b).filter(({ type }) => type !== 'log' && type !== 'sb');
    return { found, a, b };
  }

  test('chmod: one inode, and of that what chmod changes', async () => {
    const { found, a, b } = await change((root) => chmodSync(join(root, 'file'), 0o600));
    expect(found.map(({ path }) => path)).toEqual(['/diffed/file']);
    expect(found[0]!.fields.map(({ field }) => field)).toEqual(
      ['core.mode', 'core.ctime.sec', 'core.ctime.nsec', 'v3.crc', 'v3.change_count', 'v3.lsn'].filter(
        (field) => found[0]!.fields.some((change) => change.field === field),
      ),
    );
    expect(found[0]!.fields).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ field: 'core.mode', from: '0100644', to: '0100600' }),
      ]),
    );
    expect(xfskit(['diff', a, b, '/diffed/other'])).toMatchObject({ status: 0, stdout: 'no difference\n' });
    expect(xfskit(['diff', a, b, '/diffed/file']).stdout).toContain('  core.mode = 0100644 -> 0100600\n');
  }, 120_000);

  test('rename in a directory: the directory and the inode, no btree', async () => {
    const { found } = await change((root) => renameSync(join(root, 'file'), join(root, 'renamed')));
    expect(
      objects(found)
        .map((object) => object.replace(/^inode \d+/, 'inode'))
        .sort(),
    ).toEqual(['inode /diffed', 'inode /diffed/renamed']);
    const directory = found.find(({ path }) => path === '/diffed')!;
    const fields = directory.fields.map(({ field }) => field).join(' ');
    expect(fields).toMatch(/u3\.sfdir3\.list\[\d\]/);
  }, 120_000);

  test('overwriting content: the content, and the times of its inode', async () => {
    const { found } = await change((root) => writeFileSync(join(root, 'other'), 'z', { flag: 'r+' }));
    expect(found.map(({ object }) => object.replace(/\d+/, 'N'))).toEqual(['inode N', 'content of inode N']);
    expect(found[1]).toMatchObject({ path: '/diffed/other', blocks: 1, runs: [[0, 1]] });
    const fields = found[0]!.fields.map(({ field }) => field);
    expect(fields).not.toContain('core.size');
    expect(
      fields.filter((field) => !/^(?:core\.[acm]time|v3\.(?:crc|change_count|lsn))/.test(field)),
    ).toEqual([]);
  }, 120_000);

  test('a directory with many names: its blocks, inodes, and the indexes of space', async () => {
    const { found, b } = await change((root) => {
      for (let i = 0; i < 300; i++) writeFileSync(join(root, `name-${i}`), '');
    });
    const kinds = new Set(found.map(({ type }) => type));
    for (const type of ['agf', 'agi', 'bnobt', 'cntbt', 'inobt', 'rmapbt', 'inode', 'dir3'])
      expect(kinds).toContain(type);
    const created = found.filter(({ path }) => path?.startsWith('/diffed/name-') === true);
    expect(created.length).toBe(300);
    expect(badObjects(b)).toEqual([]);
  }, 120_000);
});

describeXfsprogs('damaged images', () => {
  const cases = process.env.XFSKIT_LONG === '1' ? 300 : 25;
  test.each(['rmap4k', 'b1k_n8k'])(
    '%s: explain, verify and diff of every sort of damage end, and say something',
    async (name) => {
      const image = await corpusImage(name);
      const device = openDevice(image);
      try {
        const sound = openFilesystem(device);
        const { geometry } = sound;
        const roles = new Roles(sound);
        const blocks: [number, number][] = [];
        for (let agno = 0; agno < geometry.agcount; agno++) {
          for (let agbno = 0; agbno < geometry.agLength(agno); agbno++)
            if (isMetadata(roles.role(agno, agbno))) blocks.push([agno, agbno]);
        }
        const random = new Random(20);
        for (let i = 0; i < cases; i++) {
          const stage = new Stage(device);
          stage.isOpen = true;
          const [agno, agbno] = blocks[random.below(blocks.length)]!;
          const offset = geometry.agbnoByte(agno, agbno);
          const bytes = new Uint8Array(geometry.blocksize);
          device.read(offset, bytes);
          damage(bytes, random);
          // The primary superblock decides what is opened at all: another test.
          stage.write(
            offset === 0 ? geometry.sectsize : offset,
            offset === 0 ? bytes.subarray(geometry.sectsize) : bytes,
          );
          const damaged = openFilesystem(stage);
          explainAll(new Session(damaged, COMMANDS), roles, agno, agbno);
          expect(compareFilesystems(sound, damaged).differences.length).toBeGreaterThan(0);
          expect(compareFilesystems(damaged, sound).differences.length).toBeGreaterThan(0);
        }
      } finally {
        device.close();
      }
    },
    600_000,
  );
});

/** Some bytes, or all of them, are others. */
function damage(bytes: Uint8Array, random: Random): void {
  const kind = random.below(3);
  const count = kind === 0 ? 1 : kind === 1 ? 32 : bytes.length;
  for (let i = 0; i < count; i++) {
    const at = kind === 2 ? i : random.below(bytes.length);
    bytes[at] = random.below(4) === 0 ? 0xff : random.below(256);
  }
}

/** Looks at a block as what it should be, by each of its fields. */
function explainAll(session: Session, roles: Roles, agno: number, agbno: number): void {
  const { geometry } = session.cursor.filesystem;
  const role = roles.role(agno, agbno);
  const type =
    role.kind === 'tree' || role.kind === 'fork' ? role.type : role.kind === 'inodes' ? 'inode' : 'agf';
  const lines =
    type === 'agf'
      ? [`agf ${agno}`]
      : type === 'inode'
        ? [`inode ${geometry.ino(agno, geometry.agbnoAgino(agbno))}`]
        : [`fsblock ${geometry.fsbno(agno, agbno)}`, `type ${type}`];
  for (const line of lines) session.run(line);
  for (const line of ['verify', 'explain']) expect(session.run(line).text).not.toBe('');
  const { fields } = (session.run('print').json ?? {}) as { fields?: Record<string, unknown> };
  for (const field of Object.keys(fields ?? {})) {
    const result = session.run(`explain ${field}`);
    expect(JSON.stringify(result.json) + result.text).not.toBe('');
  }
}
