/**
 * Findings: what is wrong with an image, as plain data. Codes are permanent and each has one row; text, JSON,
 * docs/FINDINGS.md and test names come from the rows.
 */
import { ATTRIBUTE_FINDINGS } from './attributefindings.ts';
import { DIRECTORY_FINDINGS } from './directoryfindings.ts';
import type { FindingRow, Severity } from './findingrow.ts';
import { LINK_FINDINGS } from './linkfindings.ts';
import { SPACE_FINDINGS } from './spacefindings.ts';
import { STRUCTURE_FINDINGS } from './structurefindings.ts';

export { type FindingRow, found, type Severity } from './findingrow.ts';
/** Where: any of these that apply. `offset` and `length` are in blocks of the AG unless `field` says otherwise. */
export interface Where {
  readonly agno?: number;
  readonly agbno?: number;
  /** Blocks, from agbno. */
  readonly blocks?: number;
  readonly ino?: number;
  /** File offset, blocks. */
  readonly fileoff?: number;
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
}

export const FINDINGS = {
  ...SPACE_FINDINGS,
  ...STRUCTURE_FINDINGS,
  ...DIRECTORY_FINDINGS,
  ...ATTRIBUTE_FINDINGS,
  ...LINK_FINDINGS,
} as const satisfies Record<string, FindingRow>;

export type FindingCode = keyof typeof FINDINGS;
