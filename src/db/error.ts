/** A db command that cannot be carried out: one line for the user, and a failed session in the end. */
import { XfskitError } from '../format/errors.ts';

export class DbError extends XfskitError {
  constructor(message: string) {
    super('DB', message);
  }
}
