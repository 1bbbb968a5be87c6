/**
 * Where observers put findings. Bounded, so that a hostile image (a million bad inodes) cannot fill memory: past
 * a limit per code and AG findings are only counted, and one last finding tells how many.
 */
import { FINDINGS, type Finding, type FindingCode, type Where } from '../format/findings.ts';

const LIMIT_PER_CODE_AND_AG = 10_000;

export interface Numbers {
  readonly found?: string | number;
  readonly expected?: string | number;
}

interface Overflow {
  readonly code: FindingCode;
  readonly agno: number | undefined;
  count: number;
}

export class FindingSink {
  private readonly kept: Finding[] = [];
  private readonly counts = new Map<string, Overflow>();

  /** Adds one finding; severity and fix come from the code's row. */
  add(code: FindingCode, where: Where, message: string, numbers: Numbers = {}): void {
    const key = `${code}/${where.agno ?? ''}`;
    let seen = this.counts.get(key);
    if (!seen) {
      seen = { code, agno: where.agno, count: 0 };
      this.counts.set(key, seen);
    }
    seen.count++;
    if (seen.count > LIMIT_PER_CODE_AND_AG) return;
    this.kept.push(findingOf(code, where, message, numbers));
  }

  /** All findings in the order they were met, then one for each code and AG that went over the limit. */
  take(): Finding[] {
    const all = this.kept.slice();
    for (const { code, agno, count } of this.counts.values()) {
      const more = count - LIMIT_PER_CODE_AND_AG;
      if (more <= 0) continue;
      const where = agno === undefined ? {} : { agno };
      const place = agno === undefined ? '' : `AG ${agno}: `;
      all.push(findingOf(code, where, `${place}${more} more of this kind are not listed`, { found: count }));
    }
    return all;
  }
}

export function findingOf(code: FindingCode, where: Where, message: string, numbers: Numbers = {}): Finding {
  const row: { severity: Finding['severity']; fix?: string } = FINDINGS[code];
  return { code, severity: row.severity, where, message, ...numbers, ...(row.fix ? { fix: row.fix } : {}) };
}
