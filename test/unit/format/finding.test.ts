/** Findings: what they are about, by their rows, by their tree, by what follows from them. */
import { expect, test } from '@jest/globals';
import {
  FINDINGS,
  type Finding,
  type FindingRow,
  isAbout,
  isFindingCode,
  isSubject,
  SUBJECTS,
  subjectOf,
} from '../../../src/format/findings.ts';

const finding = (code: Finding['code'], more: Partial<Finding> = {}): Finding => ({
  code,
  severity: 'error',
  where: {},
  message: '',
  ...more,
});

test('every row has a subject that is listed', () => {
  const rows: [string, FindingRow][] = Object.entries(FINDINGS);
  expect(rows.filter(([, { subject }]) => !Object.hasOwn(SUBJECTS, subject))).toEqual([]);
  expect([isSubject('rmap'), isSubject('toString'), isFindingCode('LEAKED_COW'), isFindingCode('x')]).toEqual(
    [true, false, true, false],
  );
});

test('the subject of an AG btree block is what its tree holds, and it is a btree all the same', () => {
  const block = finding('BTREE_CRC', { where: { agno: 1, structure: 'rmapbt' } });
  expect(subjectOf(block)).toBe('rmap');
  expect(subjectOf(finding('BTREE_CRC', { where: { structure: 'finobt' } }))).toBe('inodebtree');
  expect(subjectOf(finding('BTREE_CRC'))).toBe('btree');
  expect(isAbout(block, new Set(['rmap']))).toBe(true);
  expect(isAbout(block, new Set(['btree']))).toBe(true);
  expect(isAbout(block, new Set(['freespace']))).toBe(false);
});

test('a cause is about what follows from it, too', () => {
  const cause = finding('INODE_CRC', { consequences: [finding('RMAP_SURPLUS')] });
  expect(isAbout(cause, new Set(['rmap']))).toBe(true);
  expect(isAbout(cause, new Set(['log']))).toBe(false);
});
