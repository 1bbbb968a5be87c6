/** Reports: grouping, the cap, colour, JSON, hostile text; and the document of findings. */
import { expect, test } from '@jest/globals';
import { FINDINGS, type Finding } from '../../../src/format/findings.ts';
import { printJson as jsonPieces, toJson } from '../../../src/report/json.ts';
import { findingsMarkdown } from '../../../src/report/markdown.ts';
import { type CheckReport, stateOf } from '../../../src/report/report.ts';
import { printText } from '../../../src/report/text.ts';

const printJson = (some: CheckReport): string => [...jsonPieces(some)].join('');

const leaked = (agno: number, agbno: number): Finding => ({
  code: 'LEAKED_COW',
  severity: 'error',
  where: { agno, agbno, blocks: 3 },
  message: `AG ${agno}: leaked CoW staging extent at block ${agbno}, 3 blocks`,
  fix: 'free the blocks',
});

function report(findings: readonly Finding[], more: Partial<CheckReport> = {}): CheckReport {
  return {
    image: 'disk.img',
    findings,
    provisional: false,
    logState: 'clean',
    exit: findings.length > 0 ? 4 : 0,
    summary: {},
    ...more,
  };
}

test('groups by AG in order, the filesystem first, and ends on the verdict', () => {
  const findings: Finding[] = [
    leaked(2, 7),
    leaked(0, 5),
    { code: 'SB_FIELD', severity: 'warning', where: {}, message: 'superblock: imax_pct 101' },
    leaked(2, 9),
  ];
  expect(printText(report(findings), { colour: false })).toBe(
    [
      'filesystem',
      '  warning SB_FIELD  superblock: imax_pct 101',
      'AG 0',
      '  error   LEAKED_COW  AG 0: leaked CoW staging extent at block 5, 3 blocks',
      'AG 2',
      '  error   LEAKED_COW  AG 2: leaked CoW staging extent at block 7, 3 blocks',
      '  error   LEAKED_COW  AG 2: leaked CoW staging extent at block 9, 3 blocks',
      'disk.img: damaged (3 errors, 1 warning)',
      '',
    ].join('\n'),
  );
});

test('shows at most `cap` of one code in one AG, and counts the rest', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => leaked(1, i));
  const lines = printText(report(many), { colour: false, cap: 3 }).trimEnd().split('\n');
  expect(lines.length).toBe(6);
  expect(lines[4]).toBe('  ... and 99997 more like the last one');
  expect(lines[5]).toBe('disk.img: damaged (100000 errors)');
  const all = printText(report(many.slice(0, 50)), { colour: false, verbose: true });
  expect(all.split('\n').filter((line) => line.includes('leaked CoW staging extent at')).length).toBe(50);
  expect(all).toContain(FINDINGS.LEAKED_COW.explanation);
  expect(all).toContain('repair: free the blocks');
});

test('counts the AGs that would make the text endless', () => {
  const many = Array.from({ length: 5000 }, (_, i) => leaked(i, 1));
  const lines = printText(report(many), { colour: false, lines: 100 }).trimEnd().split('\n');
  expect(lines.length).toBe(102);
  expect(lines[100]).toBe('... and 4950 more in 4950 AGs; --verbose or --json has them all');
  expect(printText(report(many), { colour: false, verbose: true }).match(/^AG \d+$/gm)?.length).toBe(5000);
});

test('writes no escape codes unless colour is on, and never those of an image', () => {
  const hostile: Finding = { ...leaked(0, 1), message: 'name \u001b[31mred\u0007\nsecond line\u009b' };
  const plain = printText(report([hostile], { summary: { 'a total': 12 } }), { colour: false });
  expect(/\p{Cc}/u.test(plain.replaceAll('\n', ''))).toBe(false);
  expect(plain).toContain('name \\x1b[31mred\\x07\\x0asecond line\\x9b');
  expect(plain).toMatch(/a total\s+│\s+12 │/);
  expect(printText(report([hostile]), { colour: true })).toContain('\u001b[31m');
});

test('consequences are counted under their cause, and listed with verbose', () => {
  const consequence = (code: Finding['code'], more: Partial<Finding> = {}): Finding => ({
    code,
    severity: 'error',
    where: { agno: 0 },
    message: `follows \u001b[2J ${code}`,
    ...more,
  });
  const deep = consequence('INODE_CORE', { consequences: [consequence('REFCOUNT_WRONG')] });
  const cause: Finding = { ...leaked(0, 5), consequences: [deep, consequence('REFCOUNT_WRONG')] };
  const lines = printText(report([cause, leaked(0, 9)]), { colour: false }).split('\n');
  expect(lines.slice(1, 5)).toEqual([
    '  error   LEAKED_COW  AG 0: leaked CoW staging extent at block 5, 3 blocks',
    '    and 3 consequences: 2 REFCOUNT_WRONG, 1 INODE_CORE',
    '  error   LEAKED_COW  AG 0: leaked CoW staging extent at block 9, 3 blocks',
    'disk.img: damaged (2 errors)',
  ]);
  const all = printText(report([cause]), { colour: false, verbose: true }).split('\n');
  expect(all.slice(2, 5)).toEqual([
    '    error   INODE_CORE  follows \\x1b[2J INODE_CORE',
    '      error   REFCOUNT_WRONG  follows \\x1b[2J REFCOUNT_WRONG',
    '    error   REFCOUNT_WRONG  follows \\x1b[2J REFCOUNT_WRONG',
  ]);
  expect(JSON.parse(printJson(report([cause]))).findings[0].consequences[0].consequences.length).toBe(1);
});

test('says provisional for a dirty log, and what was changed', () => {
  const text = printText(
    report([leaked(0, 1)], { provisional: true, logState: 'dirty: 3 records', applied: ['AG 0: rebuilt'] }),
    {
      colour: false,
    },
  );
  expect(text).toContain('log: dirty: 3 records; what follows is provisional');
  expect(text).toContain('changes\n  AG 0: rebuilt\n');
  expect(text).toMatch(/disk\.img: provisional \(1 error\)\n$/);
});

test('the state follows the exit bits', () => {
  const of = (exit: number): string => stateOf(report([], { exit }));
  expect([0, 1, 4, 5, 8, 12, 16 + 8, 32].map(of)).toEqual([
    'clean',
    'repaired',
    'damaged',
    'partly repaired',
    'failed',
    'failed',
    'failed',
    'cancelled',
  ]);
});

test('JSON has tool, version, state, findings, summary and exit', () => {
  const value = JSON.parse(printJson(report([leaked(3, 4)], { summary: { blocks: 3 } })));
  expect(value).toEqual({
    tool: 'xfskit',
    version: expect.any(String),
    image: 'disk.img',
    state: 'damaged',
    provisional: false,
    log: 'clean',
    counts: { error: 1, warning: 0, note: 0 },
    findings: [{ ...leaked(3, 4), subject: 'cow' }],
    summary: { blocks: 3 },
    exit: 4,
  });
  expect(toJson(report([], { applied: ['x'] }))).toHaveProperty('applied', ['x']);
});

test('docs/FINDINGS.md has a section for every code', () => {
  const text = findingsMarkdown();
  const codes = [...text.matchAll(/^### (\w+)$/gm)].map((match) => match[1]!);
  expect(codes.sort()).toEqual(Object.keys(FINDINGS).sort());
  for (const row of Object.values(FINDINGS)) expect(text).toContain(row.explanation);
});

test('an image that cannot be looked at is named once', () => {
  const error = { code: 'NOT_XFS', message: 'disk.img: no XFS superblock (magic 0x0)' };
  const text = [...printText(report([], { exit: 8, error }), { colour: false, verbose: false })].join('');
  expect(text.trimEnd().split('\n').at(-1)).toBe('disk.img: failed (no XFS superblock (magic 0x0))');
});

test('a verdict on some subjects says that there are others', () => {
  const last = (some: CheckReport): string | undefined =>
    printText(some, { colour: false }).trimEnd().split('\n').at(-1);
  expect(last(report([], { only: ['inode', 'link'] }))).toBe('disk.img: clean (only inode, link)');
  expect(last(report([leaked(1, 2)], { only: ['cow'] }))).toBe('disk.img: damaged (1 error; only cow)');
  expect(last(report([]))).toBe('disk.img: clean');
});
