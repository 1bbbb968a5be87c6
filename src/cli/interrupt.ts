/**
 * Ctrl-C. Node runs a signal handler only when control is back in its event loop, so a command that computes for
 * long would be deaf if it had one. Hence: without anything said the default holds (the process ends at once, by
 * the signal). A command that calls `breathe` between pieces of work answers with the cancelled bit instead. And
 * what must not be cut short, the writes of an apply, runs under `protect`.
 */
import { exitBits } from './exit.ts';

let watching = false;

/** From now on SIGINT ends the process with the cancelled bit, at the next breath. */
function watchInterrupt(): void {
  if (watching) return;
  watching = true;
  process.once('SIGINT', () => {
    process.stderr.write('xfskit: cancelled\n');
    process.exit(exitBits.cancelled);
  });
}

/** Lets a pending signal be delivered. */
export function breathe(): Promise<void> {
  watchInterrupt();
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
