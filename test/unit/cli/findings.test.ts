/** `xfskit findings`: the catalogue as table and JSON, one code, a code that there is not. */
import { expect, test } from '@jest/globals';
import { FINDINGS } from '../../../src/format/findings.ts';
import { xfskit } from '../../support/oracle.ts';

const codes = Object.keys(FINDINGS).sort();

test('lists every code, a line each, and the same as JSON', () => {
  const table = xfskit(['findings']);
  expect([table.status, table.stderr]).toEqual([0, '']);
  const lines = table.stdout.trimEnd().split('\n');
  expect(lines.slice(1).map((line) => line.split(/ +/)[0])).toEqual(codes);
  const leaked = lines.find((line) => line.startsWith('LEAKED_COW'))!;
  expect(leaked.split(/ {2,}/)).toEqual(['LEAKED_COW', 'error', 'cow', FINDINGS.LEAKED_COW.title]);
  const entries = JSON.parse(xfskit(['findings', '--json']).stdout);
  expect(entries.map((entry: { code: string }) => entry.code)).toEqual(codes);
});

test('explains one code, in any case of letters', () => {
  const told = xfskit(['findings', 'leaked_cow']);
  expect(told.status).toBe(0);
  const { title, explanation } = FINDINGS.LEAKED_COW;
  for (const part of [title, explanation, 'error', 'cow', 'free the blocks'])
    expect(told.stdout).toContain(part);
  expect(JSON.parse(xfskit(['findings', '--json', 'SB_CRC']).stdout)).toEqual({
    code: 'SB_CRC',
    subject: 'superblock',
    severity: 'error',
    title: FINDINGS.SB_CRC.title,
    explanation: FINDINGS.SB_CRC.explanation,
    fix: FINDINGS.SB_CRC.fix,
    losesData: false,
  });
});

test('a code that there is not is a usage error of one line', () => {
  for (const word of ['NO_SUCH', 'toString', '__proto__', '']) {
    const told = xfskit(['findings', word]);
    expect([word, told.status, told.stdout]).toEqual([word, 16, '']);
    expect(told.stderr).toMatch(/^xfskit findings: no finding .*\n$/);
  }
});
