/**
 * Ctrl-C. Node delivers a signal only when control is back in its event loop, so a command that works for
 * long without waiting for anything calls `breathe` between pieces of work (never between the writes of an
 * apply: those must not be cut short by a keystroke).
 */
import { exitBits } from './exit.ts';

/** Ends the process with the cancelled bit on SIGINT; SIGTERM ends it as it does by default. */
export function watchInterrupt(): void {
  process.once('SIGINT', () => {
    process.stderr.write('xfskit: cancelled\n');
    process.exit(exitBits.cancelled);
  });
}

/** Lets a pending signal be delivered. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
