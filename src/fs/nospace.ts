/** What operations throw when they run out of blocks, inodes or extents. Nothing of them is kept. */
import { XfskitError } from '../format/errors.ts';

export class NoSpaceError extends XfskitError {
  constructor(message: string) {
    super('NOSPACE', message);
  }
}

export function noSpace(what: string): never {
  throw new NoSpaceError(`no space left: ${what}`);
}
