/** Link counts and the root directory, once every directory was read; and the list of names that ncheck prints. */
import { IS_DIRECTORY, IS_LISTED, IS_SECURITY, NO_INODE } from './inodetable.ts';
import type { BlockUsage } from './usage.ts';

export function checkRoot(usage: BlockUsage): void {
  const { rootino } = usage.geometry;
  const row = usage.inodes.find(rootino, false);
  if (row === NO_INODE) usage.fail(`root inode ${rootino} is missing\n`);
  else if ((usage.inodes.flags[row]! & IS_DIRECTORY) === 0)
    usage.fail(`root inode ${rootino} is not a directory\n`, usage.isListed(row));
}

/** Compares the links that inodes of an AG say with those that were counted. */
export function checkLinks(usage: BlockUsage, agno: number): void {
  const { inodes } = usage;
  for (const row of inodes.list(agno)) {
    const said = inodes.linksSaid[row]!;
    const counted = inodes.linksCounted[row]!;
    const ino = inodes.ino[row]!;
    const listed = (inodes.flags[row]! & IS_LISTED) !== 0;
    if (said === counted && said !== 0) {
      if (!usage.options.verbose && !listed) continue;
      const path = inodes.path(row);
      if (path !== undefined) usage.say(`inode ${ino} name ${path}\n`);
    } else if (counted !== 0) {
      const name = inodes.path(row) ?? '?';
      const text = `link count mismatch for inode ${ino} (name ${name}), nlink ${said | 0}, counted ${counted | 0}`;
      usage.fail(`${text}\n`, listed);
    } else if (said !== 0) usage.fail(`disconnected inode ${ino}, nlink ${said | 0}\n`, listed);
    else usage.fail(`allocated inode ${ino} has 0 link count\n`, listed);
  }
}

export interface NamedInode {
  readonly ino: number;
  readonly path: string;
  readonly isDirectory: boolean;
}

/** Inodes with their names: those asked for, or all; `security` leaves only set-id and special files. */
export function* namedInodes(
  usage: BlockUsage,
  asked: readonly number[],
  security: boolean,
): Generator<NamedInode> {
  const { inodes } = usage;
  const named = (row: number): NamedInode | undefined => {
    const path = inodes.path(row);
    const isDirectory = (inodes.flags[row]! & IS_DIRECTORY) !== 0;
    return path === undefined ? undefined : { ino: inodes.ino[row]!, path, isDirectory };
  };
  for (const ino of asked) {
    const row = inodes.find(ino, false);
    const found = row === NO_INODE ? undefined : named(row);
    if (found) yield found;
  }
  if (asked.length > 0) return;
  for (let agno = 0; agno < usage.geometry.agcount; agno++) {
    for (const row of inodes.list(agno)) {
      if (security && (inodes.flags[row]! & IS_SECURITY) === 0) continue;
      const found = named(row);
      if (found) yield found;
    }
  }
}
