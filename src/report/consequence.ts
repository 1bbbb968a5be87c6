/** What follows from a finding, in short. */
import type { Finding } from '../format/findings.ts';

/** `and 12 consequences: 8 DIR_ENTRY, 4 LINK_COUNT`, those of consequences included; most first. */
export function consequenceText(consequences: readonly Finding[]): string {
  const counts = new Map<string, number>();
  for (const { code } of flatten(consequences)) counts.set(code, (counts.get(code) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const codes = [...counts].sort((a, b) => b[1] - a[1]).map(([code, n]) => `${n} ${code}`);
  return `and ${total} ${total === 1 ? 'consequence' : 'consequences'}: ${codes.join(', ')}`;
}

/** All of them, each before what follows from it. */
export function* flatten(findings: readonly Finding[]): Generator<Finding> {
  for (const finding of findings) {
    yield finding;
    if (finding.consequences) yield* flatten(finding.consequences);
  }
}
