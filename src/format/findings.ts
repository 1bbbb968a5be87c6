/**
 * Findings: what is wrong with an image, as plain data. Codes are permanent and each has one row; text, JSON,
 * docs/FINDINGS.md and test names come from the rows.
 */
import { ATTRIBUTE_FINDINGS } from './attributefindings.ts';
import { CORE_FINDINGS } from './corefindings.ts';
import { DIRECTORY_FINDINGS } from './directoryfindings.ts';
import type { FindingRow, Severity, Subject } from './findingrow.ts';
import { LINK_FINDINGS } from './linkfindings.ts';
import { QUOTA_FINDINGS } from './quotafindings.ts';
import { REALTIME_FINDINGS } from './realtimefindings.ts';
import { SPACE_FINDINGS } from './spacefindings.ts';
import { STRUCTURE_FINDINGS } from './structurefindings.ts';

export { type FindingRow, found, isSubject, type Severity, SUBJECTS, type Subject } from './findingrow.ts';

/** Where: any of these that apply. `offset` and `length` are in blocks of the AG unless `field` says otherwise. */
export interface Where {
  readonly agno?: number;
  readonly agbno?: number;
  /** Blocks, from agbno. */
  readonly blocks?: number;
  readonly ino?: number;
  /** File offset, blocks. */
  readonly fileoff?: number;
  /** Inode that a directory entry leads to. */
  readonly target?: number;
  readonly structure?: string;
  readonly field?: string;
}

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly where: Where;
  /** One line naming the place and both numbers. */
  readonly message: string;
  readonly found?: string | number;
  readonly expected?: string | number;
  /** What repair does about it; absent: repair leaves it as it is. */
  readonly fix?: string;
  /** What follows from this one and would go with it: told with it, not by itself, and not counted. */
  readonly consequences?: readonly Finding[];
}

export const FINDINGS = {
  ...SPACE_FINDINGS,
  ...STRUCTURE_FINDINGS,
  ...CORE_FINDINGS,
  ...DIRECTORY_FINDINGS,
  ...ATTRIBUTE_FINDINGS,
  ...LINK_FINDINGS,
  ...QUOTA_FINDINGS,
  ...REALTIME_FINDINGS,
} as const satisfies Record<string, FindingRow>;

export type FindingCode = keyof typeof FINDINGS;

export function isFindingCode(word: string): word is FindingCode {
  return Object.hasOwn(FINDINGS, word);
}

/** Subjects of the AG btrees, whose blocks share their codes. */
const TREE_SUBJECTS: Readonly<Record<string, Subject>> = {
  bnobt: 'freespace',
  cntbt: 'freespace',
  inobt: 'inodebtree',
  finobt: 'inodebtree',
  rmapbt: 'rmap',
  refcntbt: 'refcount',
};

/** What a finding is about: the subject of its code; of a btree block, that of its tree. */
export function subjectOf({ code, where }: Pick<Finding, 'code' | 'where'>): Subject {
  const row: FindingRow = FINDINGS[code];
  return row.subject === 'btree' ? (TREE_SUBJECTS[where.structure ?? ''] ?? 'btree') : row.subject;
}

/** Whether a finding, or what follows from it, is about one of `subjects`. */
export function isAbout(finding: Finding, subjects: ReadonlySet<Subject>): boolean {
  const row: FindingRow = FINDINGS[finding.code];
  if (subjects.has(row.subject) || subjects.has(subjectOf(finding))) return true;
  return finding.consequences?.some((one) => isAbout(one, subjects)) ?? false;
}
