/** One row of the catalogue of findings, and what repair can do about one. */

export type Severity = 'error' | 'warning' | 'note';

/** What a finding is about: what `check --only` chooses by, and the groups of JUnit and TAP. In the order of report. */
export const SUBJECTS = {
  superblock: 'the superblock and its copies',
  ag: 'AG headers: AGF, AGI',
  freespace: 'free space btrees and the free list',
  inodebtree: 'inode btrees and the chunks that they list',
  rmap: 'reverse mappings',
  refcount: 'reference counts',
  cow: 'staging of copies on write',
  btree: 'blocks of AG btrees; each also counts for what its tree holds',
  inode: 'inode cores, flags and counters',
  extent: 'mappings of data and attribute forks, and whose blocks they are',
  directory: 'directories of every format',
  link: 'link counts and parents',
  attribute: 'extended attributes',
  symlink: 'targets of symbolic links',
  unlinked: 'unlinked lists',
  quota: 'quota inodes and their counts',
  realtime: 'the realtime section',
  log: 'the log, and metadata newer than it',
  device: 'files and devices that hold the filesystem',
} as const;

export type Subject = keyof typeof SUBJECTS;

export function isSubject(word: string): word is Subject {
  return Object.hasOwn(SUBJECTS, word);
}

/**
 * What mends it: `rebuild` the AG's space indexes, one `flag` of one inode, `count` again; `optimize` is a flag that
 * is only changed when asked for; `replay` the log, before all else. The others are files of src/repair/fix, which
 * mend one object each: the `primary` superblock or a `copy` of it, an inode's `core`, the `seal` of a block, a
 * `directory`, and what is `unlinked`, last of all.
 */
export type Remedy =
  | 'rebuild'
  | 'flag'
  | 'count'
  | 'optimize'
  | 'replay'
  | 'primary'
  | 'copy'
  | 'core'
  | 'seal'
  | 'directory'
  | 'unlinked';

export interface Fix {
  readonly remedy: Remedy;
  readonly text: string;
}

export const REBUILD: Fix = { remedy: 'rebuild', text: 'rebuild the space indexes of the AG' };

export const PRIMARY: Fix = { remedy: 'primary', text: 'set the field right from copies and other fields' };

export const CORE: Fix = { remedy: 'core', text: 'set the field right where there is one right value' };

export const DIRECTORY: Fix = { remedy: 'directory', text: 'set right, from the entries and inodes' };

export const DIRINDEX: Fix = { remedy: 'directory', text: 'make the index anew from the entries' };

export const UNLINKED: Fix = { remedy: 'unlinked', text: 'free it, as log recovery would' };

export const SEAL: Fix = { remedy: 'seal', text: 'reseal, if the content is sane' };

export const REPLAY: Fix = { remedy: 'replay', text: 'replay the log' };

export interface FindingRow {
  readonly subject: Subject;
  /** error: the image is damaged; warning: sound but not as it should be; note: legal, worth knowing (exit 0). */
  readonly severity: Severity;
  readonly title: string;
  readonly explanation: string;
  /** What repair does; absent: it leaves the damage as it is (exit 4). */
  readonly fix?: string;
  readonly remedy?: Remedy;
  readonly losesData: boolean;
}

export function found(
  subject: Subject,
  severity: Severity,
  title: string,
  explanation: string,
  fix?: Fix,
  losesData = false,
): FindingRow {
  return {
    subject,
    severity,
    title,
    explanation,
    losesData,
    ...(fix ? { fix: fix.text, remedy: fix.remedy } : {}),
  };
}
