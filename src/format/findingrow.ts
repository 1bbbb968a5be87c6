/** One row of the catalogue of findings. */

export type Severity = 'error' | 'warning' | 'note';

export interface FindingRow {
  /** error: the image is damaged; warning: sound but not as it should be; note: legal, worth knowing (exit 0). */
  readonly severity: Severity;
  readonly title: string;
  readonly explanation: string;
  /** What repair does; absent: it leaves the damage as it is (exit 4). */
  readonly fix?: string;
  readonly losesData: boolean;
}

export function found(
  severity: Severity,
  title: string,
  explanation: string,
  fix?: string,
  losesData = false,
): FindingRow {
  return { severity, title, explanation, losesData, ...(fix ? { fix } : {}) };
}
