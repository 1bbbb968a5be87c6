/**
 * The forms of a report against their schemas, with text that is hostile to each: names from an image hold anything.
 * Each schema is also tried on a report with a fault, so that one which no longer sees anything fails.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Finding, SUBJECTS, type Subject } from '../../../src/format/findings.ts';
import { jsonLinesWriter, jsonWriter, printJson, toJson } from '../../../src/report/json.ts';
import { junitWriter, xmlText } from '../../../src/report/junit.ts';
import type { CheckReport, ReportWriter, RunReport } from '../../../src/report/report.ts';
import { sarifWriter } from '../../../src/report/sarif.ts';
import { tapWriter } from '../../../src/report/tap.ts';
import { textWriter } from '../../../src/report/text.ts';
import { repository } from '../../support/oracle.ts';
import { checkSchema, junitFaults, sarifSchema } from '../../support/schemas.ts';

const EVERYTHING =
  Array.from({ length: 0x120 }, (_, i) => String.fromCharCode(i)).join('') +
  '\u2028\u202e\ufffe\uffff\ud800 \udfff\u{10ffff}]]>&amp;<!--%s# \\# ok 1 \r\n1..9\n...';

const finding = (code: Finding['code'], more: Partial<Finding> = {}): Finding => ({
  code,
  severity: 'error',
  where: { agno: 1 },
  message: `AG 1: ${code}`,
  ...more,
});

const hostile = finding('INODE_CORE', {
  where: { agno: 1, ino: 131, field: EVERYTHING, structure: 'inode', agbno: 5, blocks: 2, fileoff: 7 },
  message: EVERYTHING,
  found: EVERYTHING,
  expected: 2 ** 60,
  fix: EVERYTHING,
  consequences: [finding('LEAKED_COW', { message: EVERYTHING, consequences: [finding('RMAP_WRONG')] })],
});

const clean: CheckReport = {
  image: 'a b/disk#1.img',
  findings: [],
  provisional: false,
  logState: 'clean',
  exit: 0,
  summary: { AGs: 4, 'a word': 'x' },
};
const damaged: CheckReport = {
  ...clean,
  image: EVERYTHING.slice(1), // no path has a NUL
  findings: [hostile, finding('REFLINK_FLAG_STALE', { severity: 'note' }), finding('AGF_FIELD')],
  provisional: true,
  logState: EVERYTHING,
  exit: 4,
};
const failed: CheckReport = {
  ...clean,
  image: '/abs:/gone.img',
  exit: 8,
  summary: {},
  error: { code: 'ENOENT', message: EVERYTHING },
};
const stopped: CheckReport = { ...clean, findings: [finding('SB_LOST')], exit: 4, stopped: true };
const limited: CheckReport = { ...damaged, limit: 1 };

const runs: RunReport[] = [
  { reports: [clean], exit: 0 },
  { reports: [damaged], exit: 4 },
  { reports: [failed], exit: 8 },
  { reports: [clean, damaged, failed, stopped, limited], exit: 12 },
];

function written(writer: ReportWriter, run: RunReport): string {
  return [...run.reports.flatMap((report) => [...writer.image(report)]), ...writer.end(run)].join('');
}

test('JSON is by the schema, and its pieces make the same text as JSON.stringify', () => {
  const valid = checkSchema();
  for (const run of runs) expect(valid(JSON.parse(written(jsonWriter(), run)))).toEqual([]);
  for (const report of [clean, damaged, failed, stopped, limited])
    expect([...printJson(report)].join('')).toBe(`${JSON.stringify(toJson(report), null, 2)}\n`);
  const many = JSON.parse(written(jsonWriter(), runs[3]!));
  expect(many.images.map((image: { state: string }) => image.state)).toEqual([
    'clean',
    'provisional',
    'failed',
    'damaged',
    'provisional',
  ]);
  expect(many.states).toEqual({ clean: 1, provisional: 2, failed: 1, damaged: 1 });
  expect(many.images[4]).toMatchObject({ counts: { error: 2, warning: 0, note: 1 }, omitted: 2 });
  expect(many.images[4].findings.map((one: Finding) => one.code)).toEqual(['INODE_CORE']);
});

test('the schema refuses what is no report', () => {
  const valid = checkSchema();
  const report = JSON.parse([...printJson(damaged)].join(''));
  const faults: [string, unknown][] = [
    ['exit', 'four'],
    ['exit', 64],
    ['state', 'fine'],
    ['counts', { error: 1 }],
    ['findings', [{ ...report.findings[0], severity: 'fatal' }]],
    ['findings', [{ ...report.findings[0], where: { agno: -1 } }]],
    ['findings', [{ ...report.findings[0], consequences: [{}] }]],
    ['more', 1],
    ['error', { code: 'X', message: 'y' }],
  ];
  for (const [key, value] of faults)
    expect([key, valid({ ...report, [key]: value }).length]).toEqual([key, 1]);
  const { log, ...without } = report;
  expect(valid(without).length).toBe(1);
  const schema = JSON.parse(readFileSync(join(repository, 'docs', 'schema', 'check.json'), 'utf8'));
  expect(schema.definitions.finding.properties.subject.enum).toEqual(Object.keys(SUBJECTS));
});

test('JSON lines: each by the schema, findings first, the run last', () => {
  const any = checkSchema();
  const of = {
    finding: checkSchema('lineFinding'),
    image: checkSchema('lineImage'),
    summary: checkSchema('lineSummary'),
  };
  for (const run of runs) {
    const lines = written(jsonLinesWriter(), run)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) expect(of[line.type as keyof typeof of](line)).toEqual([]);
    for (const line of lines) expect(any(line)).toEqual([]);
    expect(lines.filter(({ type }) => type === 'image').length).toBe(run.reports.length);
    expect(lines.at(-1)).toMatchObject({ type: 'summary', images: run.reports.length, exit: run.exit });
  }
  const lines = written(jsonLinesWriter(), runs[1]!)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ type }) => type)).toEqual(['finding', 'finding', 'finding', 'image', 'summary']);
  expect(lines[0].message).toBe(EVERYTHING);
});

test('JUnit is by the XSD; subjects are cases, damage fails them, a bad image is an error', () => {
  for (const run of runs) {
    const xml = written(junitWriter(), run);
    expect(junitFaults(xml)).toEqual([]);
    const suites = [...xml.matchAll(/<testsuite .*?<\/testsuite>/gs)].map(([suite]) => suite);
    expect(suites.length).toBe(run.reports.length);
    for (const suite of suites) {
      for (const [attribute, element] of [
        ['tests', /<testcase /g],
        ['failures', /<failure /g],
        ['errors', /<error /g],
        ['skipped', /<skipped\/>/g],
      ] as const) {
        const told = Number(new RegExp(`<testsuite [^>]*\\b${attribute}="(\\d+)"`).exec(suite)![1]);
        expect([attribute, told]).toEqual([attribute, suite.match(element)?.length ?? 0]);
      }
    }
  }
  const xml = written(junitWriter(), runs[3]!);
  expect(xml).toMatch(/<testsuites name="xfskit check" tests="77" failures="5" errors="1">/);
  expect(xml).toContain('<failure type="AGF_FIELD" message="AG 1: AGF_FIELD">');
  expect(xml.match(/<skipped\/>/g)?.length).toBe(Object.keys(SUBJECTS).length - 1);
  const only = written(junitWriter(['rmap', 'log']), runs[0]!);
  expect([...only.matchAll(/<testcase name="(\w+)"/g)].map(([, name]) => name)).toEqual(['rmap', 'log']);
});

test('the XSD refuses a report with a fault', () => {
  const xml = written(junitWriter(), runs[1]!);
  const worse = [
    xml.replace('<testcase name', '<testcase nome'),
    xml.replaceAll('testsuite', 'testsweet'),
    xml.replace('</failure>', '<b/></failure>'),
    xml.replace('</failure>', '\u0001</failure>'),
    xml.replace('</failure>', '&#1;</failure>'),
    xml.replace('</testsuites>', ''),
  ];
  for (const [i, one] of worse.entries()) expect([i, junitFaults(one).length]).toEqual([i, 1]);
});

test('XML text keeps what XML can hold, and shows what it cannot', () => {
  expect(xmlText('\u0000\u001b[1m\ufffe\ud800a')).toBe('\\x00\\x1b[1m\\xfffe\\xd800a');
  expect(xmlText('<a href="x">&\r\u0085\u{10ffff}\n')).toBe(
    '&lt;a href=&quot;x&quot;&gt;&amp;&#13;&#133;\u{10ffff}\n',
  );
});

test('SARIF is by the published schema, its rules and artifacts are what results point to', () => {
  const valid = sarifSchema();
  for (const run of runs) {
    const log = JSON.parse(written(sarifWriter(), run));
    expect(valid(log)).toEqual([]);
    const [only] = log.runs;
    for (const result of only.results) {
      expect(only.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
      const { uri, index } = result.locations[0].physicalLocation.artifactLocation;
      expect(only.artifacts[index].location.uri).toBe(uri);
    }
    expect(only.invocations[0].executionSuccessful).toBe(run.reports.every(({ error }) => !error));
  }
  const log = JSON.parse(written(sarifWriter(), runs[3]!));
  expect(log.runs[0].artifacts[0].location.uri).toBe('a%20b/disk%231.img');
  expect(log.runs[0].artifacts[2].location.uri).toBe('file:///abs%3A/gone.img');
  expect(log.runs[0].invocations[0].toolExecutionNotifications.length).toBe(1);
  expect(log.runs[0].results[0].relatedLocations.length).toBe(2);
  expect(log.runs[0].results.map((result: { level: string }) => result.level)).toContain('note');
});

test('the SARIF schema refuses a log with a fault', () => {
  const valid = sarifSchema();
  const text = written(sarifWriter(), runs[1]!);
  const change = (edit: (log: { runs: Record<string, never>[] }) => void): readonly string[] => {
    const log = JSON.parse(text);
    edit(log);
    return valid(log);
  };
  expect(change(() => undefined)).toEqual([]);
  expect(change((log) => Reflect.set(log.runs[0]!.results![0]!, 'level', 'fatal')).length).toBe(1);
  expect(change((log) => Reflect.set(log.runs[0]!, 'more', 1)).length).toBe(1);
  expect(change((log) => Reflect.deleteProperty(log.runs[0]!, 'tool')).length).toBe(1);
  expect(change((log) => Reflect.set(log.runs[0]!.artifacts![0]!, 'location', { uri: 'a b' })).length).toBe(
    1,
  );
});

/** What a reader of TAP sees: points, and anything that is none of what a document may hold. */
function readTap(text: string): { points: { ok: boolean; text: string }[]; plan: number; strange: string[] } {
  const points: { ok: boolean; text: string }[] = [];
  const strange: string[] = [];
  let plan = -1;
  let inBlock = false;
  for (const [i, line] of text.trimEnd().split('\n').entries()) {
    const point = /^(not )?ok (\d+) - (.*)$/.exec(line);
    if (inBlock) {
      inBlock = line !== '  ...';
      if (!/^ {2}(\w+: ("(?:[^"\\]|\\.)*"|\w+)|findings:| {2}- "(?:[^"\\]|\\.)*"|\.\.\.)$/.test(line))
        strange.push(line);
    } else if (point) {
      points.push({ ok: point[1] === undefined, text: point[3]! });
      if (Number(point[2]) !== points.length) strange.push(line);
    } else if (line === '  ---') inBlock = true;
    else if (/^1\.\.\d+$/.test(line)) plan = Number(line.slice(3));
    else if (i > 0 ? !line.startsWith('# ') : line !== 'TAP version 14') strange.push(line);
  }
  return { points, plan, strange };
}

test('TAP: a point for each subject of each image, whatever the names hold', () => {
  const subjects = Object.keys(SUBJECTS) as Subject[];
  for (const run of runs) {
    const text = written(tapWriter(), run);
    expect(/(?!\n)[\p{Cc}\u202e]/u.test(text)).toBe(false);
    const { points, plan, strange } = readTap(text);
    expect(strange).toEqual([]);
    expect(plan).toBe(points.length);
    expect(plan).toBe(run.reports.reduce((sum, { error }) => sum + (error ? 1 : subjects.length), 0));
  }
  const { points } = readTap(written(tapWriter(), runs[3]!));
  expect(points[0]).toEqual({ ok: true, text: 'a b/disk\\#1.img: superblock' });
  expect(points.filter(({ ok }) => !ok).length).toBe(2 + 1 + 1 + 2);
  expect(points.filter(({ text }) => text.endsWith(' # SKIP not looked at')).length).toBe(
    subjects.length - 1,
  );
  expect(readTap(written(tapWriter(['link']), runs[0]!)).points.length).toBe(1);
});

test('text: findings up to the limit, and a line for several images', () => {
  const text = written(textWriter({ colour: false }, 5), runs[3]!);
  expect(/(?!\n)[\p{Cc}\u202e]/u.test(text)).toBe(false);
  expect(text).toMatch(/^5 images: 1 clean, 2 provisional, 1 failed, 1 damaged\n$/m);
  expect(text).toContain('... and 2 more; --max-findings 1\n');
  expect(written(textWriter({ colour: false }, 1), runs[2]!)).toBe('');
});
