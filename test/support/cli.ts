/** Our own commands as a user runs them, with what they print taken apart. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../../src/format/findings.ts';
import { type RunResult, temporaryDirectory, xfskit } from './oracle.ts';

export interface CheckRun extends RunResult {
  readonly findings: readonly Finding[];
  /** Findings that are damage: errors and warnings. */
  readonly damage: readonly Finding[];
  readonly provisional: boolean;
  readonly summary: Readonly<Record<string, number | string>>;
}

/** `xfskit check --json`; throws when what it prints is no report. */
export function check(image: string): CheckRun {
  const result = xfskit(['check', '--json', image], { timeout: 120_000 });
  let report: Pick<CheckRun, 'findings' | 'provisional' | 'summary'>;
  try {
    report = JSON.parse(result.stdout) as typeof report;
  } catch {
    throw new Error(`check --json ${image}: exit ${result.status}\n${result.stdout}${result.stderr}`);
  }
  const { findings, provisional, summary } = report;
  const damage = findings.filter((finding) => finding.severity !== 'note');
  return { ...result, findings, damage, provisional, summary };
}

/** Messages of findings, for comparing with [] so that a failure shows them. */
export function messages(findings: readonly Finding[]): string[] {
  return findings.map((finding) => `${finding.code}: ${finding.message}`);
}

/** Whether a program's output betrays a crash of ours. */
export function looksLikeCrash(result: RunResult): boolean {
  const text = result.stdout + result.stderr;
  return (
    result.signal !== null ||
    /^\s+at .*(?:\.[mc]?[jt]s:\d+|\(node:|<anonymous>)/m.test(text) ||
    /(?:Type|Range|Reference|Assertion)Error|internal error|FATAL ERROR|undefined is not/.test(text)
  );
}

export interface Measured extends RunResult {
  /** Wall time: says little where other tests run beside. */
  readonly milliseconds: number;
  readonly processorMilliseconds: number;
  readonly peakMiB: number;
}

/** Runs a command and also measures it. */
export function measured(args: readonly string[]): Measured {
  const folder = mkdtempSync(join(temporaryDirectory(), 'rss-'));
  const file = join(folder, 'rss');
  const probe = fileURLToPath(new URL('./rss.mjs', import.meta.url));
  const started = performance.now();
  const result = xfskit(args, {
    timeout: 120_000,
    env: { NODE_OPTIONS: `--import=file://${probe}`, XFSKIT_RSS_FILE: file },
  });
  const milliseconds = performance.now() - started;
  const left = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const [peakKiB = Number.NaN, processor = Number.NaN] = left.split(' ').map(Number);
  rmSync(folder, { recursive: true });
  return { ...result, milliseconds, processorMilliseconds: processor / 1000, peakMiB: peakKiB / 1024 };
}
