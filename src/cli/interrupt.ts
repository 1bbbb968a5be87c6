/**
 * Ctrl-C. Node runs a signal handler only when control is back in its event loop, so a command that computes for
 * long would be deaf if it had one. Hence: without anything said the default holds (the process ends at once, by
 * the signal). A command whose work comes in steps runs them by `inBreaths` and answers with the cancelled bit
 * instead. And what must not be cut short, the writes of an apply, runs under `protect`.
 */
import { exitBits } from './exit.ts';

const BREATH_MILLISECONDS = 50;

/** What must be put right on the terminal first. */
const farewells = new Set<() => void>();

/** Has `farewell` called when SIGINT ends the process; returns what takes that back. */
export function beforeCancel(farewell: () => void): () => void {
  farewells.add(farewell);
  return () => farewells.delete(farewell);
}

function cancel(): void {
  for (const farewell of farewells) farewell();
  process.stderr.write('xfskit: cancelled\n');
  process.exit(exitBits.cancelled);
}

/** Runs asynchronous work; a SIGINT meanwhile ends the process with the cancelled bit. */
export async function cancellable<T>(work: () => Promise<T>): Promise<T> {
  process.once('SIGINT', cancel);
  try {
    return await work();
  } finally {
    process.off('SIGINT', cancel);
  }
}

/**
 * Runs work that pauses; now and then a pending SIGINT is heard, and ends the process with the cancelled bit. What the
 * work yields a promise for is waited for.
 */
export async function inBreaths<T>(steps: Generator<Promise<void> | undefined, T, undefined>): Promise<T> {
  return cancellable(async () => {
    let last = performance.now();
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      if (step.value) await step.value;
      if (performance.now() - last < BREATH_MILLISECONDS) continue;
      await breath();
      last = performance.now();
    }
  });
}

/** A moment in which signals are heard. */
export function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Runs synchronous work that SIGINT, SIGTERM and SIGHUP must not cut short; they are ignored meanwhile. */
export function protect<T>(work: () => T): T {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const ignore = (): void => undefined;
  for (const signal of signals) process.on(signal, ignore);
  try {
    return work();
  } finally {
    // Not before the loop has seen (and dropped) what came in meanwhile: the default would end the process.
    setImmediate(() => {
      for (const signal of signals) process.off(signal, ignore);
    });
  }
}
