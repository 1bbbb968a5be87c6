/** One row of the catalogue of findings, and what repair can do about one. */

export type Severity = 'error' | 'warning' | 'note';

/**
 * What mends it: `rebuild` the AG's space indexes, one `flag` of one inode, `count` again; `optimize` is a flag that
 * is only changed when asked for.
 */
export type Remedy = 'rebuild' | 'flag' | 'count' | 'optimize';

export interface Fix {
  readonly remedy: Remedy;
  readonly text: string;
}

export const REBUILD: Fix = { remedy: 'rebuild', text: 'rebuild the space indexes of the AG' };

export interface FindingRow {
  /** error: the image is damaged; warning: sound but not as it should be; note: legal, worth knowing (exit 0). */
  readonly severity: Severity;
  readonly title: string;
  readonly explanation: string;
  /** What repair does; absent: it leaves the damage as it is (exit 4). */
  readonly fix?: string;
  readonly remedy?: Remedy;
  readonly losesData: boolean;
}

export function found(
  severity: Severity,
  title: string,
  explanation: string,
  fix?: Fix,
  losesData = false,
): FindingRow {
  return { severity, title, explanation, losesData, ...(fix ? { fix: fix.text, remedy: fix.remedy } : {}) };
}
