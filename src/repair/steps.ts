/**
 * Long work in steps, so that a command can look for Ctrl-C between them, and a progress line can move. The work
 * itself is synchronous: it is bound by computing, not by waiting. Only where it was allowed to read ahead does it yield
 * promises, and goes on when they are kept; they are never broken.
 */

/** Yields between pieces of work, returns what they make. */
export type Steps<T> = Generator<Promise<void> | undefined, T, undefined>;

/** Runs all steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (step.value) throw new Error('steps that read ahead are to be waited for');
  }
}
