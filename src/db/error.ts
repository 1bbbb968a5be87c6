/** A db command that cannot be carried out: one line for the user, exit code 1 at the end of the session. */
import { XfskitError } from '../format/errors.ts';

export class DbError extends XfskitError {
  constructor(message: string) {
    super('DB', message);
  }
}
