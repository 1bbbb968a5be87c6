/** A db command that cannot be carried out: one line for the user, and a failed session in the end. */
import { XfskitError } from '../format/errors.ts';

export class DbError extends XfskitError {
  /** Said on the standard error, where xfs_db says it there. */
  readonly toStderr: boolean;
  /** What C's getopt says of an option, for the standard error, behind the command's name. */
  option: string | undefined;

  constructor(message: string, toStderr = false) {
    super('DB', message);
    this.toStderr = toStderr;
  }
}
