/**
 * A process that checks hostile images for another: it is told an image and seeds, makes the mutations, checks, and
 * answers what became of it. If it does not answer any more, its parent ends it. Not a test: bundled and started by
 * hostile.ts.
 *
 * Coverage is V8's: functions and blocks of the code that a run reached as the first.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { DeviceError } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { XfskitError } from '../../src/format/errors.ts';
import type { Finding } from '../../src/format/findings.ts';
import { checkImage } from '../../src/repair/check.ts';
import { planRepair } from '../../src/repair/repair.ts';
import { flatten } from '../../src/report/consequence.ts';
import { type BusyOptions, busyImage } from './busyimage.ts';
import { mutated, type Prey, preyOf } from './mutate.ts';

/** An image: made in memory, or a file. */
export type Ground = { readonly name: string } & ({ readonly busy: BusyOptions } | { readonly path: string });

export interface Order {
  readonly ground: Ground;
  readonly seeds: readonly number[];
  /** Also plan a repair. */
  readonly plan: boolean;
  /** Does what check must never do, to see that it would be noticed. */
  readonly canary?: Canary;
}

export type Canary = 'throw' | 'array' | 'end' | 'work';

export interface Outcome {
  readonly told: readonly string[];
  readonly codes: readonly string[];
  readonly findings: number;
  /** An exception that is none of the documented, or words that make no sense. */
  readonly failure?: string;
  /** CPU milliseconds of the check, and of one of the sound image. */
  readonly cpu: number;
  readonly soundCpu: number;
  /** Bytes: the greatest single array that was asked for, and in all. */
  readonly largest: number;
  readonly imageBytes: number;
  readonly rss: number;
  /** Blocks of code that nothing had reached before. */
  readonly fresh: number;
}

interface Loaded {
  readonly device: MemoryDevice;
  readonly prey: Prey;
  readonly soundCpu: number;
}

let largest = 0;

/** Notes every array whose length is a number, whoever makes it. */
function watchArrays(): void {
  const names = [
    'Uint8Array',
    'Uint16Array',
    'Uint32Array',
    'Int32Array',
    'Float64Array',
    'BigUint64Array',
  ] as const;
  for (const name of names) {
    const real = globalThis[name] as unknown as { new (n: number): object; BYTES_PER_ELEMENT: number };
    const watched: typeof real = new Proxy(real, {
      construct(target, args: [number], as): object {
        if (typeof args[0] === 'number') largest = Math.max(largest, args[0] * target.BYTES_PER_ELEMENT);
        return Reflect.construct(target, args, as === watched ? target : as) as object;
      },
    });
    Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true });
  }
}

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const loaded = new Map<string, Loaded>();

function load(ground: Ground): Loaded {
  const known = loaded.get(ground.name);
  if (known) return known;
  const device =
    'busy' in ground
      ? busyImage(ground.busy).device
      : new MemoryDevice(readFileSync(ground.path), ground.name);
  const sound = checkImage(device);
  const damage = sound.findings.find((finding) => finding.severity !== 'note');
  if (damage) throw new Error(`${ground.name} is not sound: ${damage.message}`);
  let soundCpu = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = cpuNow();
    checkImage(device);
    soundCpu = Math.min(soundCpu, cpuNow() - before);
  }
  const made = { device, prey: preyOf(device.bytes, sound.observation.geometry), soundCpu };
  loaded.set(ground.name, made);
  return made;
}

function nonsense(findings: readonly Finding[]): string | undefined {
  for (const { message, code } of findings) {
    if (message.includes('\n')) return `${code}: several lines: ${message}`;
    if (/NaN|undefined|\[object|Infinity/.test(message)) return `${code}: makes no sense: ${message}`;
  }
  return undefined;
}

/** Errors that end a command with one line. */
function isDocumented(error: unknown): error is Error {
  return (error instanceof XfskitError && error.code !== 'NOT_CONVERGED') || error instanceof DeviceError;
}

const session = new Session();
const reached = new Set<string>();

function startCoverage(): void {
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
}

/** Blocks of this bundle that have run since the last time and never before. */
function takeFresh(): number {
  let fresh = 0;
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error) return;
    for (const script of coverage.result) {
      if (!script.url.endsWith('hostilerun.cjs')) continue;
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const key = `${startOffset}-${endOffset}`;
          if (count === 0 || reached.has(key)) continue;
          reached.add(key);
          fresh++;
        }
      }
    }
  });
  return fresh;
}

function misbehave(canary: Canary, imageBytes: number, soundCpu: number): void {
  const before = cpuNow();
  if (canary === 'throw') throw new TypeError('a canary');
  if (canary === 'array') new Uint8Array(imageBytes + 1);
  if (canary === 'end') process.exit(3);
  if (canary === 'work') while (cpuNow() - before < 11 * soundCpu + 1100);
}

function perform(order: Order): Outcome {
  const { device: sound, prey, soundCpu } = load(order.ground);
  const { device, told } = mutated(sound, prey, order.seeds);
  takeFresh();
  let findings: readonly Finding[] = [];
  let failure: string | undefined;
  const codes = new Set<string>();
  largest = 0;
  const before = cpuNow();
  let cpu = 0;
  try {
    if (order.canary) misbehave(order.canary, sound.size, soundCpu);
    findings = [...flatten(checkImage(device).findings)];
    cpu = cpuNow() - before;
    failure = nonsense(findings);
    if (order.plan) planRepair(device, { optimize: false });
  } catch (error) {
    if (isDocumented(error)) {
      codes.add(`throws ${(error as { code?: string }).code ?? error.name}`);
      if (error.message.includes('\n')) failure = `an error of several lines: ${error.message}`;
    } else failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  if (cpu === 0) cpu = cpuNow() - before;
  const fresh = takeFresh();
  for (const { code } of findings) codes.add(code);
  return {
    told,
    codes: [...codes].sort(),
    findings: findings.length,
    ...(failure === undefined ? {} : { failure }),
    cpu,
    soundCpu,
    largest,
    imageBytes: sound.size,
    rss: process.resourceUsage().maxRSS * 1024,
    fresh,
  };
}

watchArrays();
startCoverage();
process.on('message', (order: Order) => {
  let answer: Outcome | { readonly broken: string };
  try {
    answer = perform(order);
  } catch (error) {
    answer = { broken: (error as Error).stack ?? String(error) };
  }
  process.send!(answer);
});
