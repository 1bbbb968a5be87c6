/**
 * db against xfs_db: the same commands on the same images must print the same text, byte for byte. xfs_db runs once
 * an image, over a file of commands with an `echo` before each object; ours runs in this process.
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { UNIT_NAMES } from '../../src/db/convert.ts';
import { type FieldNode, listAll } from '../../src/db/field.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { objectOf, Session } from '../../src/db/session.ts';
import { openDevice } from '../../src/device/open.ts';
import { corpusCopy, corpusImage } from '../support/corpus.ts';
import { listObjects, type Visit } from '../support/dbwalk.ts';
import { describeKernel, run, temporaryDirectory } from '../support/oracle.ts';

const MARK = '==visit';

/** What xfs_db prints for each list of commands; the lists share one process. */
function askReference(image: string, visits: readonly Visit[]): string[] {
  const script = join(temporaryDirectory(), 'commands');
  writeFileSync(script, visits.map((lines) => `echo ${MARK}\n${lines.join('\n')}\n`).join(''));
  const result = run('xfs_db', ['-r', '-c', `source ${script}`, image], {
    timeout: 300_000,
    env: { TZ: 'UTC' },
  });
  const parts = result.stdout.split(`${MARK} \n`).slice(1);
  expect(parts).toHaveLength(visits.length);
  return parts;
}

function withSession<T>(image: string, use: (session: Session) => T): T {
  const device = openDevice(image);
  try {
    return use(new Session(openFilesystem(device), COMMANDS));
  } finally {
    device.close();
  }
}

/** Latin-1, as xfs_db's output holds whatever bytes names hold; those it escapes, so both are ASCII. */
function ask(session: Session, lines: Visit): string {
  return lines.map((line) => session.run(line).text).join('');
}

/** Compares in order, in one session each, and shows the first differing lines of the first few differences. */
function expectSame(image: string, visits: readonly Visit[]): void {
  const reference = askReference(image, visits);
  const different: object[] = [];
  withSession(image, (session) => {
    visits.forEach((visit, i) => {
      const ours = ask(session, visit).split('\n');
      const theirs = reference[i]!.split('\n');
      const at = theirs.findIndex((line, n) => line !== ours[n]);
      if (at < 0 && ours.length === theirs.length) return;
      const from = at < 0 ? theirs.length : at;
      const part = (lines: string[]) => lines.slice(from, from + 3);
      if (different.length < 5)
        different.push({ visit: visit.slice(0, 8), ours: part(ours), theirs: part(theirs) });
    });
  });
  expect(different).toEqual([]);
}

/** Paths of all fields that lead somewhere, the first `most` of each kind (type and path without indices). */
function pointersOf(session: Session, most: Map<string, number>): string[] {
  if (!session.cursor.top.type?.shape) return [];
  const { shape, scope } = objectOf(session.cursor);
  const type = session.cursor.top.type.name;
  const found: string[] = [];
  const take = (path: string) => {
    const kind = `${type} ${path.replace(/\d+/g, '#')}`;
    const seen = most.get(kind) ?? 0;
    most.set(kind, seen + 1);
    if (seen < 4) found.push(path);
  };
  const visit = (node: FieldNode, prefix: string): void => {
    const { row } = node.placed;
    const isArray = row.count !== undefined;
    for (const i of new Set([node.low, node.high])) {
      const path = `${prefix}${node.name}${isArray ? `[${i + (row.base ?? 0)}]` : ''}`;
      for (const child of node.children) visit(child, `${path}.`);
      if (row.goto !== undefined) take(path);
      if (row.shown !== 'tuple' || node.children.length > 0 || !('rows' in row.kind)) continue;
      for (const column of row.kind.rows) if (column.goto && !column.hidden) take(`${path}.${column.name}`);
    }
  };
  for (const node of listAll(shape, scope)) visit(node, '');
  return found;
}

describeKernel('db and xfs_db print the same', () => {
  test.each(['rmap4k', 'b1k', 'alloff', 'nrext64', 'sparse', 'b1k_n8k', 'i2048', 'metauuid'])(
    'every object of %s',
    async (name) => {
      const image = await corpusImage(name);
      const objects = listObjects(image);
      expect(objects.length).toBeGreaterThan(1000);
      expectSame(
        image,
        objects.map((visit) => [...visit, 'addr', 'print']),
      );
    },
    300_000,
  );

  test.each(['rmap4k', 'b1k', 'alloff'])(
    'what the pointers of %s lead to',
    async (name) => {
      const image = await corpusImage(name);
      const visits: Visit[] = [];
      const most = new Map<string, number>();
      withSession(image, (session) => {
        // xfs_db resolves blocks of an AG in the AG that was chosen last, so each visit chooses its own.
        for (const visit of listObjects(image)) {
          ask(session, visit);
          const { geometry } = session.cursor.filesystem;
          const agno = Math.floor(
            (session.cursor.top.daddr * 512) / (geometry.agblocks * geometry.blocksize),
          );
          const choose = visit[0]!.startsWith('inode') ? [] : [`agf ${agno}`];
          for (const path of pointersOf(session, most)) {
            if (/ = 0?\n/.test(ask(session, [`print ${path}`]))) continue;
            visits.push([...choose, ...visit, `print ${path}`, `addr ${path}`, 'addr', 'print']);
          }
        }
      });
      expect(most.size).toBeGreaterThan(60);
      expectSame(image, visits);
    },
    300_000,
  );

  test('conversions, with and without a current AG', async () => {
    const image = await corpusImage('b1k');
    const visits: Visit[] = [];
    for (const choose of ['echo', 'agf 1']) {
      for (const from of UNIT_NAMES) {
        for (const to of UNIT_NAMES) {
          visits.push([choose, `convert ${from} 12345 ${to}`, `convert agno 1 ${from} 0x11 ${to}`]);
          visits.push([choose, `convert fsb 0xffffffffffffffff ${from} 017 ${to}`]);
        }
      }
    }
    expectSame(image, visits);
  });

  test('stack, ring, types, paths, and what cannot be done', async () => {
    expectSame(await corpusImage('rmap4k'), [NAVIGATION]);
  });

  test('damaged objects, and their CRCs', async () => {
    const image = await corpusCopy('rmap4k');
    const visits: Visit[] = [];
    const file = openSync(image, 'r+');
    try {
      for (const visit of listObjects(image).filter((_, i) => i % 37 === 5)) {
        const at = withSession(image, (session) => {
          ask(session, visit);
          const { daddr, start, length, type } = session.cursor.top;
          return type?.name === 'sb' ? undefined : daddr * 512 + start + length - 1;
        });
        if (at === undefined) continue;
        writeSync(file, Uint8Array.of(0xa5), 0, 1, at);
        visits.push([...visit, 'print']);
      }
    } finally {
      closeSync(file);
    }
    const bad = withSession(image, (session) =>
      visits.filter((visit) => ask(session, visit).includes('(bad)')),
    );
    expect(bad.length).toBeGreaterThan(30);
    expectSame(image, visits);
  }, 120_000);
});

const NAVIGATION: Visit = [
  'addr',
  'stack',
  'type',
  'print',
  'ring',
  'back',
  'inode',
  'nosuch',
  'sb 0',
  'stack',
  'addr',
  'push',
  'addr rootino',
  'stack',
  'print core.mode core.size v3.inumber',
  'print core.atime.sec u3.sfdir3.list[0-1].name',
  'print u3.sfdir3.list',
  'print core.nosuch',
  'print core[1]',
  'print core.mode.x',
  'print u3.sfdir3.list[99]',
  'print u3.sfdir3.list[2-99].name',
  'print a.',
  'print core.mode nosuch',
  'addr core.mode',
  'addr u3.sfdir3.list[0-1].inumber.i4',
  'type nosuch',
  'type data', // not printed: xfs_db reads past its buffer here
  'addr',
  'type inode',
  'addr',
  'type text',
  'pop',
  'addr',
  'push agf 1',
  'push push',
  'push nosuch',
  'type',
  'stack',
  'print bnoroot cntroot crc',
  'addr bnoroot',
  'print recs[1]',
  'print recs[1-2]',
  'print recs[1-2].startblock',
  'print recs[0]',
  'print ptrs',
  'print numrecs recs[1].blockcount',
  'agi',
  'print seqno unlinked[0-7]',
  'agfl 99',
  'agfl x',
  'agfl',
  'print bno[0-20]',
  'print bno[3]',
  'daddr 4',
  'daddr',
  'fsblock',
  'daddr 99999999999',
  'fsblock 99999999999',
  'fsblock zz',
  'fsblock 3',
  'fsblock',
  'print',
  'print nosuch',
  'addr nosuch',
  'type dir3',
  'print',
  'fsblock 4',
  'type attr3',
  'print',
  'ring',
  'back',
  'addr',
  'back',
  'addr',
  'forward',
  'addr',
  'ring 0',
  'addr',
  'ring 25',
  'inode 99999999999999',
  'inode',
  'inode 128',
  'inode',
  'inode 128', // no ring after this: xfs_db also keeps the inodes that it reads on the way
  'ablock 0',
  'dblock 0',
  'dblock 99999',
  'convert agno 1 agno',
  'convert agno 1',
  'convert agno 1 nosuch',
  'convert agno x fsb',
  'convert fsb 1 agno 2 byte',
  'sb 1 2',
  'pop',
  'pop',
  'pop',
  'pop',
  'stack',
  'addr',
  'print',
];
