/**
 * What the command line knows of itself, as plain data: commands, arguments, options, suboptions, and the words that
 * may stand where a value is wanted. `src/cli/outline.ts` fills it from commander's declarations and from the rows;
 * completion scripts and manual pages are printed from it, so neither has a list of its own.
 */

export interface Word {
  readonly word: string;
  readonly help: string;
  /** A path may follow: `name=`. */
  readonly path?: boolean;
}

/** What may stand in one place of a command line: an argument, or the value of an option. */
export interface Place {
  readonly words: readonly Word[];
  /** Several words, comma-joined. */
  readonly joined: boolean;
  readonly path: boolean;
}

export interface OptionOutline {
  /** Every spelling: `-n`, `--dry-run`. */
  readonly names: readonly string[];
  /** Name of the value, empty for a switch. */
  readonly value: string;
  readonly help: string;
  readonly place: Place;
}

export interface ArgumentOutline {
  readonly name: string;
  readonly required: boolean;
  readonly help: string;
  readonly place: Place;
}

/** One suboption of an option that takes several, in the words a manual needs. */
export interface Suboption {
  readonly name: string;
  /** Name of the value, empty when there is none; with `bare` it may be left out. */
  readonly value: string;
  readonly bare: boolean;
  readonly help: string;
  /** Sentences: range, default, what excludes it, what it needs. */
  readonly facts: readonly string[];
  readonly words: readonly Word[];
}

export interface SuboptionGroup {
  /** The option they belong to: `-d`. */
  readonly option: string;
  readonly title: string;
  readonly suboptions: readonly Suboption[];
}

/** What a command's module adds to what it declares to commander. */
export interface Vocabulary {
  readonly groups?: readonly SuboptionGroup[];
  /** Words by the name of an argument (`KIND`) or option (`--profile`). */
  readonly words?: Readonly<Record<string, readonly Word[]>>;
}

export interface CommandOutline {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly ArgumentOutline[];
  readonly options: readonly OptionOutline[];
  readonly groups: readonly SuboptionGroup[];
  /** The text behind the help, in paragraphs. */
  readonly notes: readonly string[];
}
