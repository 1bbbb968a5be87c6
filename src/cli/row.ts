/** The row of a command, and what its module gives. */
import type { Command } from 'commander';
import type { Vocabulary } from '../report/outline.ts';

/** Begins the paragraph of a help that lists suboptions. */
export const SUBOPTIONS_TITLE = 'Suboptions, comma-joined or repeated, each once:';

export interface CommandModule {
  /**
   * Adds arguments, options and the action, which sets process.exitCode; unless its help may be shown (\`helps\`), text
   * that is costly to have may be missing from that.
   */
  define(command: Command, helps: boolean): void | Promise<void>;
  /** Words for completion and manual pages that commander is not told. */
  vocabulary?(): Vocabulary | Promise<Vocabulary>;
}

export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  /** Exit status of every failure, where it is not the bits of fsck. */
  readonly failure?: number;
  load(): Promise<CommandModule>;
}
