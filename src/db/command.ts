/** The shape of a command row, and what a command gives back. */
import type { Session } from './session.ts';
import type { Json } from './value.ts';

export interface Output {
  /** With its newlines. */
  readonly text: string;
  readonly json?: Json;
  /** The session is over. */
  readonly ends?: boolean;
}

export interface CommandRow {
  readonly name: string;
  readonly alias?: string;
  /** What its arguments are, for help. */
  readonly args?: string;
  readonly least: number;
  readonly most: number;
  /** May follow `push`. */
  readonly pushable?: boolean;
  readonly summary: string;
  /** More help, in lines. */
  readonly help?: readonly string[];
  /** Completes its last argument: `field`, `type`, `unit` or `command` names. */
  readonly completes?: 'field' | 'type' | 'unit' | 'command';
  /** Throws DbError when it cannot be done. */
  run(session: Session, args: readonly string[]): Output | undefined;
}
