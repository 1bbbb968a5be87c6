/** Scanning commands over a small image in memory: sound, then with one thing wrong, then with trees that run in circles. */
import { describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../../src/db/filesystem.ts';
import { resultJson, Session } from '../../../../src/db/session.ts';
import { MemoryDevice } from '../../../../src/device/memory.ts';
import { AGF, AGF_CRC_OFFSET } from '../../../../src/format/agf.ts';
import { AGI } from '../../../../src/format/agi.ts';
import { BTREE, pointerOffset, SHORT_HEADER } from '../../../../src/format/btree.ts';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { DINODE } from '../../../../src/format/inode.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const [alone, shared, clone] = files.map(({ ino }) => ino) as [number, number, number];

/** A session over a copy of the image with bytes changed. */
function session(change: (view: DataView, bytes: Uint8Array) => void = () => undefined): Session {
  const bytes = device.bytes.slice();
  change(new DataView(bytes.buffer), bytes);
  return new Session(openFilesystem(new MemoryDevice(bytes, 'image')), COMMANDS);
}
const text = (s: Session, ...lines: string[]) => lines.map((line) => s.run(line).text).join('');
const json = (s: Session, line: string) => JSON.parse(resultJson(s.run(line))).result;
const header = (agno: number, sector: number) => geometry.headerByte(agno, sector);

describe('a sound image', () => {
  test('blockget has nothing to say, and ncheck knows every name', () => {
    const s = session();
    expect(text(s, 'blockget -n')).toBe('');
    expect(s.failed).toBe(false);
    expect(text(s, 'ncheck -i ' + alone)).toBe(`${String(alone).padStart(11)} alone\n`);
    const named = [...s.run('ncheck').rows!()] as { path: string }[];
    expect(named.map(({ path }) => path).sort()).toEqual(['alone', 'clone', 'shared']);
  });

  test('blockuse tells the kind and the inode of a block, with its name when asked', () => {
    const s = session();
    text(s, 'blockget -n', `fsblock ${geometry.fsbno(2, 800)}`);
    const line = `block ${geometry.fsbno(2, 800)} (2/800) type data inode ${shared}`;
    expect(text(s, 'blockuse')).toBe(`${line}\n`);
    expect(text(s, 'blockuse -n')).toBe(`${line} shared\n`);
    expect(text(s, 'blockfree', 'blockuse')).toBe('must run blockget first\n');
  });

  test('free space adds up to the superblock counter', () => {
    const s = session();
    const { blocks, histogram } = json(s, 'freesp');
    expect(blocks).toBe(Number(openFilesystem(device).superblock.fdblocks));
    expect(histogram.reduce((sum: number, each: { blocks: number }) => sum + each.blocks, 0)).toBe(blocks);
    expect(text(s, 'freesp -e 0 -b')).toMatch(/^freesp arguments/);
  });

  test('frag counts extents', () => {
    expect(json(session(), 'frag -f')).toEqual({ actual: 4, ideal: 3, factor: 25 });
  });

  test('fsmap lists every reverse mapping once, as JSON a line each', () => {
    const s = session();
    const rows = [...s.run('fsmap').rows!()] as { owner: number; blocks: number }[];
    expect(text(s, 'fsmap').trimEnd().split('\n')).toHaveLength(rows.length);
    expect(rows.filter(({ owner }) => owner === alone).map(({ blocks }) => blocks)).toEqual([9, 4]);
    expect(resultJson(s.run('fsmap')).split('\n')).toHaveLength(rows.length);
  });

  test('owner knows both sides of shared, sole, free and metadata blocks', () => {
    const s = session();
    const verdicts = (json(s, 'owner 2:0') && [...s.run(`owner 2:0 ${geometry.agLength(2)}`).rows!()]) as {
      verdict: string;
      agbno: number;
      count: number;
      contradictions: string[];
    }[];
    expect(verdicts.flatMap(({ contradictions }) => contradictions)).toEqual([]);
    const of = (verdict: string) => verdicts.filter((each) => each.verdict === verdict);
    expect(of('shared').map(({ agbno, count }) => [agbno, count])).toEqual([[804, 8]]);
    expect(of('owned').map(({ agbno, count }) => [agbno, count])).toEqual([
      [600, 4],
      [800, 4],
      [812, 4],
    ]);
    expect(of('nobody')).toEqual([]);
    expect(text(s, 'owner 2:804')).toContain(`both     inode ${clone} /clone, data fork, offset 0\n`);
    expect(text(s, `owner daddr ${geometry.agbnoDaddr(2, 804)}`)).toBe(text(s, 'owner 2/804'));
    expect(text(s, `owner fsb ${geometry.fsbno(2, 804)}`)).toBe(text(s, 'owner 2:804'));
    expect(text(s, 'owner agno 2 agbno 804 8')).toContain('8 blocks, shared by 2 mappings');
  });

  test.each([
    'owner 9:9',
    'owner 1:x',
    'owner daddr',
    'owner 5 0',
    'owner 5 99999999',
    'owner 5 1 2',
    'owner zz',
  ])('%s is refused', (line) => {
    const s = session();
    expect(s.run(line).error).toBeDefined();
    expect(s.failed).toBe(true);
  });

  test('shares tells with whom and how much', () => {
    const s = session();
    expect(json(s, 'shares /shared')).toEqual({
      ...{ ino: shared, path: '/shared', blocks: 16, extents: 1, shared: 8, own: 8, complete: true },
      with: [{ ino: clone, path: '/clone', blocks: 8, extents: 1 }],
    });
    expect(text(s, `shares ino ${alone}`)).toBe(
      `inode ${alone} /alone: 13 blocks in 2 extents, 0 shared, 13 its own\n`,
    );
    expect(text(s, 'shares /nowhere')).toBe('/nowhere: No such file or directory\n');
  });

  test('forks marks what is shared', () => {
    const s = session();
    const { forks, cow, flags } = json(s, `forks ${shared}`);
    expect(flags).toContain('reflink');
    expect(forks[0].extents).toEqual([
      {
        fsbno: geometry.fsbno(2, 800),
        agno: 2,
        agbno: 800,
        fileoff: 0,
        blocks: 16,
        flags: ['partly-shared'],
      },
    ]);
    expect(cow).toEqual({ enabled: true, sharedBlocks: 8, extentHint: 0, staged: [], stagedBlocks: 0 });
    expect(json(s, `forks ${clone}`).forks[0].extents[0].flags).toEqual(['shared']);
  });

  test('btdump prints the records of a tree', () => {
    const s = session();
    expect(text(s, 'agf 2', 'addr refcntroot', 'btdump')).toContain('1:[804,8,2,0]');
    expect(s.cursor.top.type?.name).toBe('refcntbt');
    expect(text(s, 'btdump -a')).toBe("attrfork flag doesn't apply here\n");
  });
});

describe('what is wrong is said', () => {
  const blockget = (change: (view: DataView, bytes: Uint8Array) => void) => {
    const s = session(change);
    return { said: text(s, 'blockget'), code: s.exitCode, failed: s.failed };
  };

  test('a counter of an AGF', () => {
    const { said, code, failed } = blockget((view) => {
      const at = header(1, 1) + AGF.offset.freeblks;
      view.setUint32(at, view.getUint32(at) - 1);
    });
    expect(said).toMatch(/^agf_freeblks \d+, counted \d+ in ag 1\n$/);
    expect([code, failed]).toEqual([3, true]);
  });

  test('a link count, by the name of the file', () => {
    const at = geometry.inoByte(alone) + DINODE.offset.nlink;
    const s = session((view) => view.setUint32(at, 3));
    expect(text(s, 'blockget -n')).toBe(
      `link count mismatch for inode ${alone} (name alone), nlink 3, counted 1\n`,
    );
  });

  test('a block that two files have without sharing', () => {
    // The low bits of a startblock begin at bit 21 of the second word.
    const at = geometry.inoByte(alone) + 176 + 12;
    const { said } = blockget((view) => view.setUint32(at, ((720 << 21) | 9) >>> 0));
    expect(said).toContain('expected type unknown got free2');
    expect(said).toContain('type unknown not expected');
  });

  test('an unlinked list that is not empty', () => {
    const { said } = blockget((view) => view.setUint32(header(0, 2) + AGI.offset.unlinked + 4 * 7, 199));
    expect(said).toContain('agi unlinked bucket 7 is 199 in ag 0 (inode=199)\n');
  });

  test('a header that the kernel refuses ends fsmap with its error number', () => {
    const bad = (view: DataView) => {
      for (const agno of [0, 1]) view.setUint32(header(agno, 1) + AGF.offset.flfirst, 5000);
    };
    // The first is what the mount met; the second is met by fsmap.
    expect(text(session(bad), 'fsmap')).toMatch(/Error 74 while reading AGF\.\n$/);
    const sealed = (view: DataView, bytes: Uint8Array) => {
      bad(view);
      for (const agno of [0, 1])
        sealCrc(bytes.subarray(header(agno, 1), header(agno, 1) + geometry.sectsize), AGF_CRC_OFFSET);
    };
    expect(text(session(sealed), 'fsmap')).toMatch(/Error 117 while reading AGF\.\n$/);
  });

  test('owner names the contradiction when a file maps free blocks', () => {
    const at = geometry.inoByte(alone) + 176 + 12;
    const s = session((view) => view.setUint32(at, ((720 << 21) | 9) >>> 0));
    expect(text(s, 'owner 0:720')).toContain('WRONG    free, but mapped');
    expect(text(s, 'owner 0:700')).toContain(
      `WRONG    reverse mapping to inode ${alone}, which does not map it`,
    );
  });
});

describe('damage cannot keep a scan going', () => {
  /** Makes a root a node whose children are itself. */
  function circle(view: DataView, agno: number, root: number, family: keyof typeof BTREE): void {
    const at = geometry.agbnoByte(agno, root);
    view.setUint16(at + SHORT_HEADER.offset.level, 1);
    view.setUint16(at + SHORT_HEADER.offset.numrecs, 100);
    for (let i = 0; i < 100; i++)
      view.setUint32(at + pointerOffset(BTREE[family], i, geometry.blocksize), root);
  }

  test('trees that point at themselves', () => {
    const s = session((view) => {
      for (const [sector, root, level, family] of [
        [1, AGF.offset.bnoroot, AGF.offset.bnolevel, 'bnobt'],
        [1, AGF.offset.cntroot, AGF.offset.cntlevel, 'cntbt'],
        [1, AGF.offset.rmaproot, AGF.offset.rmaplevel, 'rmapbt'],
        [2, AGI.offset.root, AGI.offset.level, 'inobt'],
      ] as const) {
        const at = header(0, sector);
        view.setUint32(at + level, 20);
        circle(view, 0, view.getUint32(at + root), family);
      }
    });
    const start = performance.now();
    for (const line of ['freesp -s', 'frag', 'fsmap', 'blockget', 'owner 0:0 100', 'agresv'])
      s.run(line).text;
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test('a free list, an unlinked list and names in a circle', () => {
    const inode = geometry.inoByte(alone);
    const s = session((view) => {
      view.setUint32(header(0, 1) + AGF.offset.flfirst, 3);
      view.setUint32(header(0, 1) + AGF.offset.fllast, 2);
      view.setUint32(inode + DINODE.offset.next_unlinked, geometry.inoAgino(alone));
    });
    expect(text(s, 'freesp -s')).toContain('total free extents');
    expect(json(s, 'dump_iunlinked -q')).toEqual([]);
  });

  test('every byte of the metadata of an AG turned, a block at a time', () => {
    for (const sector of [0, 1, 2, 3]) {
      const s = session((_view, bytes) => {
        const at = header(1, sector);
        for (let i = 0; i < geometry.sectsize; i++) bytes[at + i] = ~bytes[at + i]! & 0xff;
      });
      for (const line of [
        'blockget -n -v',
        'ncheck',
        'freesp -d',
        'frag -v',
        'fsmap',
        'owner 1:0 200',
        'agresv',
      ])
        expect(() => s.run(line).text).not.toThrow();
    }
    for (let agbno = 1; agbno < 24; agbno++) {
      const s = session((_view, bytes) => {
        const at = geometry.agbnoByte(0, agbno);
        for (let i = 64; i < geometry.blocksize; i += 3) bytes[at + i] = ~bytes[at + i]! & 0xff;
      });
      for (const line of [
        'blockget -n',
        'ncheck',
        'freesp -d',
        'frag -v',
        'fsmap',
        'owner 0:0 64',
        `forks ${alone}`,
      ])
        expect(() => s.run(line).text).not.toThrow();
    }
  });
});
