/**
 * Hostile images by the hundred: which mutations are tried next, in a process of their own under a watchdog. What
 * led to findings or to code that nothing led to before is kept and mutated further.
 *
 * A case is named by its image and the seeds that made it, e.g. `busy1k:7.1203`; the same name makes the same image,
 * with `XFSKIT_HOSTILE=busy1k:7.1203` in the environment that one alone.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Canary, Ground, Order, Outcome } from './hostilerun.ts';
import { repository, temporaryDirectory } from './oracle.ts';
import { Random } from './random.ts';

/** A check may take so many times what the sound image takes, and so many milliseconds more. */
const TIMES = 10;
const MORE_MS = 1000;
/** Without an answer in this time (real time, on a busy machine) the process is ended. */
const WATCHDOG_MS = 30_000;
const HEAP_MIB = 400;
const MOST_FINDINGS = 60_000;
/** Seeds of a case that is mutated again and again. */
const MOST_SEEDS = 6;

export interface HostileResult {
  readonly ran: number;
  /** Sets of codes that were met. */
  readonly sets: number;
  readonly codes: readonly string[];
  readonly failures: readonly string[];
  /** Share of the images in which something was found, or which could not be checked. */
  readonly noticed: number;
}

async function bundle(): Promise<string> {
  const outfile = join(temporaryDirectory(), 'hostilerun.cjs');
  await build({
    absWorkingDir: repository,
    entryPoints: ['test/support/hostilerun.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  });
  return outfile;
}

/** The process, started when needed, and anew when it was ended. */
class Runner {
  private readonly script: string;
  private child: ChildProcess | undefined;

  constructor(script: string) {
    this.script = script;
  }

  run(order: Order): Promise<Outcome | { readonly broken: string }> {
    this.child ??= fork(this.script, {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const child = this.child;
    return new Promise((resolve) => {
      let complaint = '';
      const hear = (chunk: Buffer): void => {
        complaint += chunk.toString();
      };
      const end = (answer: Outcome | { readonly broken: string }): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        child.stderr?.off('data', hear);
        resolve(answer);
      };
      const give = (broken: string): void => {
        this.stop();
        end({ broken });
      };
      const timer = setTimeout(() => give(`no answer in ${WATCHDOG_MS} ms`), WATCHDOG_MS);
      child.stderr?.on('data', hear);
      child.once('message', (answer) => end(answer as Outcome));
      child.once('exit', (status, signal) =>
        give(`the process ended (${signal ?? status}): ${complaint.slice(0, 600)}`),
      );
      child.send(order);
    });
  }

  stop(): void {
    this.child?.removeAllListeners();
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}

/** What is wrong with an outcome. */
function judge(outcome: Outcome | { readonly broken: string }): string | undefined {
  if ('broken' in outcome) return outcome.broken;
  const { cpu, soundCpu, largest, imageBytes, findings } = outcome;
  if (outcome.failure !== undefined) return outcome.failure;
  if (cpu > TIMES * soundCpu + MORE_MS)
    return `${cpu.toFixed(0)} ms, a sound image ${soundCpu.toFixed(0)} ms`;
  if (largest > imageBytes) return `an array of ${largest} bytes for an image of ${imageBytes}`;
  if (findings > MOST_FINDINGS) return `${findings} findings`;
  return undefined;
}

export function caseName(ground: Ground, seeds: readonly number[]): string {
  return `${ground.name}:${seeds.join('.')}`;
}

/** One case again, by its name; what is wrong with it. */
export async function runCase(
  grounds: readonly Ground[],
  name: string,
  canary?: Canary,
): Promise<{ failure?: string; outcome: object }> {
  const [groundName, seeds] = name.split(':');
  const ground = grounds.find((one) => one.name === groundName);
  if (!ground) throw new Error(`no image is called ${groundName}`);
  const runner = new Runner(await bundle());
  const order: Order = {
    ground,
    seeds: seeds!.split('.').map(Number),
    plan: true,
    ...(canary ? { canary } : {}),
  };
  const outcome = await runner.run(order);
  runner.stop();
  const failure = judge(outcome);
  return { outcome, ...(failure === undefined ? {} : { failure }) };
}

export async function runHostile(
  grounds: readonly Ground[],
  count: number,
  seed: number,
): Promise<HostileResult> {
  const random = new Random(seed);
  const runner = new Runner(await bundle());
  const pool: { ground: Ground; seeds: readonly number[] }[] = [];
  const sets = new Set<string>();
  const codes = new Set<string>();
  const failures: string[] = [];
  let noticed = 0;
  try {
    for (let i = 0; i < count; i++) {
      // Half of them go on from what led somewhere, rather from what did so late.
      const from =
        random.below(2) === 0 && pool.length > 0
          ? pool[Math.max(random.below(pool.length), random.below(pool.length))]
          : undefined;
      const ground = from?.ground ?? grounds[i % grounds.length]!;
      const seeds = [...(from?.seeds ?? []), random.below(1_000_000)];
      const outcome = await runner.run({ ground, seeds, plan: i % 5 === 0 });
      const failure = judge(outcome);
      if (failure !== undefined) {
        const told = 'told' in outcome ? outcome.told.join('; ') : '';
        failures.push(`XFSKIT_HOSTILE=${caseName(ground, seeds)} ${told}: ${failure}`);
      }
      if ('broken' in outcome) continue;
      if (outcome.codes.length > 0) noticed++;
      const set = outcome.codes.join();
      const led = outcome.fresh > 0 || !sets.has(set) || outcome.codes.some((code) => !codes.has(code));
      sets.add(set);
      for (const code of outcome.codes) codes.add(code);
      if (led && seeds.length < MOST_SEEDS) pool.push({ ground, seeds });
    }
  } finally {
    runner.stop();
  }
  return { ran: count, sets: sets.size, codes: [...codes].sort(), failures, noticed: noticed / count };
}
