/** Pictures from known runs: cells, letters, text, JSON, the packed form and the page around it. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { spaceMapOf } from '../../../src/db/scan/picture.ts';
import type { Geometry } from '../../../src/format/geometry.ts';
import type { SpaceMap } from '../../../src/fs/scan/spacemap.ts';
import { USE, UseRuns } from '../../../src/fs/scan/use.ts';
import { ExtentColumns } from '../../../src/fs/space/columns.ts';
import { MapData } from '../../../src/report/map/browser/data.ts';
import { drawCells, letterOf } from '../../../src/report/map/cells.ts';
import { KINDS, kindNumber } from '../../../src/report/map/kind.ts';
import { coarse, packMap } from '../../../src/report/map/pack.ts';
import { printPage } from '../../../src/report/map/page.ts';
import { mapRows, printMap } from '../../../src/report/map/text.ts';
import { Random } from '../../support/random.ts';
import { smallImage } from '../../support/smallimage.ts';

/** Columns that stay empty. */
const NONE = new ExtentColumns();

type Piece = readonly [length: number, use: keyof typeof USE, depth?: number];

function runsOf(pieces: readonly Piece[]): UseRuns {
  const runs = new UseRuns(pieces.reduce((sum, [length]) => sum + length, 0));
  let start = 0;
  for (const [length, use, depth] of pieces) {
    runs.push(start, USE[use]!, 0, depth ?? (use === 'data' ? 1 : 0));
    start += length;
  }
  return runs;
}

function mapOf(ags: readonly (readonly Piece[])[]): SpaceMap {
  const runs = ags.map(runsOf);
  const agblocks = runs[0]!.end;
  const dblocks = runs.reduce((sum, { end }) => sum + end, 0);
  const shape = {
    blocksize: 4096,
    agcount: ags.length,
    agblocks,
    dblocks,
    inopblock: 8,
    aginolog: 20,
    agblklog: 17,
  };
  return {
    name: 'made\u001bup',
    geometry: { ...shape, features: { rmapbt: true } } as unknown as Geometry,
    ags: runs.map((each, agno) => ({
      agno,
      runs: each,
      mapped: agno === 0 ? new ExtentColumns() : NONE,
      rmaps: NONE,
    })),
    notes: [],
    kindOf: () => 'file',
    path: () => undefined,
  };
}

function lettersOf(map: SpaceMap, columns: number): string[] {
  return drawCells(map, columns).rows.flatMap(({ lines }) =>
    lines.map((line) => line.map(letterOf).join('')),
  );
}

describe('cells', () => {
  const PIECES: readonly Piece[] = [
    [10, 'header'],
    [10, 'btree'],
    [20, 'inode'],
    [40, 'data'],
    [10, 'data', 2],
    [10, 'data', 4],
    [10, 'data', 5],
    [10, 'staging'],
    [10, 'log'],
    [10, 'unknown'],
    [10, 'conflict'],
    [50, 'free'],
  ];

  test('of one use have its capital, others the small letter of the greatest part', () => {
    const ags = Array.from({ length: 20 }, () => PIECES);
    expect(lettersOf(mapOf(ags), 20)[0]).toBe('HBIIDDDD235CL?!.....');
    expect(lettersOf(mapOf(ags), 10)[19]).toBe('bIDD3c?!..');
  });

  test('of free space with a little in it are told from free space alone', () => {
    const ags = Array.from({ length: 20 }, (): Piece[] => [
      [1, 'header'],
      [99, 'free'],
      [100, 'free'],
    ]);
    expect(lettersOf(mapOf(ags), 4)[0]).toBe(':...');
  });

  test('few AGs take several lines, and never more cells than blocks', () => {
    expect(lettersOf(mapOf([[[64, 'data']]]), 10)).toEqual([...Array(6).fill('DDDDDDDDDD'), 'DDDD']);
    expect(drawCells(mapOf([PIECES, PIECES, PIECES, PIECES]), 10).linesPerRow).toBe(4);
  });

  test('of a shorter last AG stop where it ends', () => {
    const whole: Piece[] = [[100, 'free']];
    const ags = [...Array.from({ length: 19 }, () => whole), [[35, 'data'] as Piece]];
    expect(lettersOf(mapOf(ags), 10)[19]).toBe('DDDD');
  });

  test.each([1, 2, 7, 33, 500, 16384])('have all the blocks of %d AGs, at any width', (agcount) => {
    const random = new Random(agcount);
    const uses = Object.keys(USE) as (keyof typeof USE)[];
    const ags = Array.from({ length: agcount }, (_, agno) => {
      let left = agno === agcount - 1 ? 777 : 1000;
      const pieces: Piece[] = [];
      while (left > 0) {
        const length = Math.min(left, 1 + random.below(900));
        pieces.push([length, uses[random.below(uses.length)]!]);
        left -= length;
      }
      return pieces;
    });
    const map = mapOf(ags);
    for (const width of [1, 74, 500]) {
      const picture = drawCells(map, width);
      expect(picture.total).toBe(map.geometry.dblocks);
      expect(picture.rows.length).toBeLessThanOrEqual(32);
      expect(picture.rows.every(({ lines }) => lines.every((line) => line.length <= width))).toBe(true);
      expect(picture.rows.at(-1)!.lastAgno).toBe(agcount - 1);
    }
    const text = printMap(map, 80, 0);
    expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
    expect(text.includes('laid on one another')).toBe(agcount > 32);
  });

  test('colour adds nothing but colour, and plain text is ASCII', () => {
    const map = mapOf([PIECES, PIECES]);
    const plain = printMap(map, 60, 0);
    expect(plain).toMatch(/^[ -~\n]*$/);
    expect(plain).toContain('made\\x1bup');
    for (const level of [1, 2, 3] as const) {
      const coloured = printMap(map, 60, level);
      expect(coloured).toContain('\u001b[');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what colour is made of
      const letters = coloured.replace(/\u001b\[[0-9;]*m/g, '');
      expect(letters.replace(/ +$/gm, '')).toBe(plain);
    }
  });

  test('legend and JSON count the same blocks', () => {
    const map = mapOf([PIECES, PIECES]);
    const [whole, ...rows] = [...mapRows(map, 60)] as {
      use: Record<string, number>;
      cells: string;
      blocks: number;
    }[];
    expect(whole!.use).toEqual({
      ...{ free: 100, headers: 20, btrees: 20, inodes: 40, log: 20, data: 80 },
      ...{ shared2: 20, shared3: 20, shared5: 20, staging: 20, unknown: 20, conflict: 20 },
    });
    expect(rows.map(({ use }) => use.data)).toEqual([40, 40]);
    expect(Object.values(whole!.use).reduce((sum, count) => sum + count, 0)).toBe(whole!.blocks);
    expect(printMap(map, 60, 0)).toMatch(/shared by 3-4 +20 +5\.00%/);
  });
});

describe('page', () => {
  /** What the page unpacks from what is packed. */
  function unpacked(map: SpaceMap, page = printPage(map)): MapData {
    const part = (id: string) =>
      new RegExp(`<script type="[^"]*" id="${id}">([^<]*)</script>`).exec(page)![1]!;
    const streams = {
      runs: part('runs'),
      inodes: part('inodes'),
      extents: part('extents'),
      rmaps: part('rmaps'),
    };
    return new MapData(JSON.parse(part('facts')), streams, JSON.parse(part('paths')));
  }

  test('holds every run and every owner of an image', () => {
    const map = spaceMapOf(openFilesystem(smallImage().device));
    const data = unpacked(map);
    expect(data.agno.length).toBe(3);
    for (const [ag, { runs, mapped }] of map.ags.entries()) {
      const first = data.first[ag]!;
      expect(data.first[ag + 1]! - first).toBe(runs.length);
      for (let i = 0; i < runs.length; i++) {
        const run = first + i;
        expect(data.runAt(ag, runs.start[i]!)).toBe(run);
        expect(data.runAt(ag, runs.endOf(i) - 1)).toBe(run);
        expect([data.use[run], data.detail[run], data.depth[run]]).toEqual([
          runs.use[i],
          runs.detail[i],
          runs.depth[i],
        ]);
      }
      for (let i = 0; i < mapped.length; i++) {
        const { rows } = data.over(data.extents, ag, mapped.start[i]!, mapped.start[i]! + 1, 9);
        const owners = rows.map((row) => data.ino[data.extents.owner[row]!]);
        expect(owners).toContain(mapped.owner[i]);
      }
    }
    expect(data.paths).toContain('/alone');
  });

  test('names nothing outside of itself and nothing that a name could break', () => {
    const base = mapOf([[[100, 'data']]]);
    const page = printPage({ ...base, name: '</title><script>alert(1)</script>' });
    expect(page.startsWith('<!DOCTYPE html>\n<html lang="en">')).toBe(true);
    expect(page).not.toMatch(/(src|href)\s*=|@import|url\(|https?:/);
    expect(page).not.toContain('<script>alert');
    expect(page.match(/<script[ >]/g)!.length).toBe(7);
    expect(page.match(/<\/script>/g)!.length).toBe(7);
    for (const tag of ['html', 'head', 'body', 'main', 'aside', 'header', 'footer', 'ul'])
      expect([tag, page.split(`<${tag}`).length]).toEqual([
        tag,
        page.split(`</${tag}>`).length + (tag === 'head' ? 1 : 0),
      ]);
  });

  test('has code that stands by itself', () => {
    const page = printPage(mapOf([[[100, 'data']]]));
    const code = /<script>\n([\s\S]*)<\/script>/.exec(page)![1]!;
    // Without a document it fails at the first thing it asks of it, and not at a name of some module.
    expect(() => runInNewContext(code)).toThrow('document is not defined');
    const known = /\b(formatNumber|KINDS|USES|kindOf)\b/;
    expect(code).not.toMatch(known);
  });

  test('stays bounded: runs are drawn together, the longest extents kept, and it says so', () => {
    const pieces: Piece[] = Array.from(
      { length: 4000 },
      (_, i): Piece => [1 + (i % 3), i % 2 ? 'data' : 'free'],
    );
    const map = mapOf([pieces]);
    const { mapped } = map.ags[0]!;
    for (let i = 0; i < 1000; i++) mapped.push(i * 4, 1 + (i % 4), 128 + i, i, 0);
    const budget = { runs: 500, extents: 300, pathBytes: 0 };
    const packed = packMap(map, budget);
    expect(packed.grain).toBeGreaterThan(1);
    expect(packed.extentsLeft).toBe(700);
    const page = printPage(map, budget);
    expect(page).toContain('More runs than a page holds');
    expect(page).toContain('700 shortest extents');
    const data = unpacked(map, page);
    expect(data.first[1]).toBeLessThanOrEqual(500);
    const kept = data.extents.count.subarray(0, 300);
    expect(kept.filter((count) => count === 4).length).toBe(250);
    expect(kept.filter((count) => count === 3).length).toBe(50);
  });

  test('cells of runs drawn together cover the AG in whole grains, each by its longest piece', () => {
    const runs = runsOf([
      [3, 'header'],
      [9, 'data'],
      [40, 'free'],
      [1, 'log'],
      [7, 'free'],
    ]);
    const drawn = coarse(runs, 8);
    const seen = Array.from({ length: drawn.length }, (_, i) => [
      drawn.start[i],
      drawn.endOf(i),
      drawn.use[i],
    ]);
    expect(seen).toEqual([
      [0, 16, USE.data],
      [16, 60, USE.free],
    ]);
    expect(coarse(runs, 1)).toBe(runs);
  });

  test('kinds have letters and colours of their own', () => {
    for (const part of ['pure', 'light', 'dark', 'key'] as const)
      expect(new Set(KINDS.map((row) => row[part])).size).toBe(KINDS.length);
    expect(kindNumber('free')).toBe(0);
  });
});
