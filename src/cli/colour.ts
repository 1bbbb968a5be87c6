/**
 * Whether to use colour, decided in this one place: a flag beats FORCE_COLOR beats NO_COLOR beats "is it a
 * terminal" beats TERM. chalk ignores NO_COLOR and commander rejects undeclared flags, so neither decides.
 */

import { fstatSync } from 'node:fs';

export interface ColourSource {
  /** `--color` true, `--no-color` false. */
  readonly flag?: boolean | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
}

export function decideColour(source: ColourSource): boolean {
  const { flag, env, isTTY } = source;
  if (flag !== undefined) return flag;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return isTTY && env.TERM !== 'dumb';
}

/** Takes `--color`, `--color=WHEN` and `--no-color` out of a command line, wherever they stand before `--`. */
export function takeColourFlag(argv: readonly string[]): { rest: string[]; flag: boolean | undefined } {
  let flag: boolean | undefined;
  const end = argv.indexOf('--');
  const rest = argv.filter((argument, i) => {
    if (end !== -1 && i >= end) return true;
    if (argument === '--no-color' || argument === '--color=never') flag = false;
    else if (argument === '--color' || argument === '--color=always') flag = true;
    else if (argument === '--color=auto') flag = undefined;
    else return true;
    return false;
  });
  return { rest, flag };
}

let given: boolean | undefined;

export function setColourFlag(flag: boolean | undefined): void {
  given = flag;
}

/** The stream is asked only where it may say yes: it takes longer to load than most commands run. */
function isTerminal(): boolean {
  return fstatSync(1).isCharacterDevice() && process.stdout.isTTY === true;
}

/** Colour on standard output of this run. */
export function useColour(): boolean {
  return decideColour({ flag: given, env: process.env, isTTY: isTerminal() });
}
