/**
 * What a mounted filesystem holds, in a form to compare: everything a user could notice but access times.
 * GNU tar reads contents (holes skipped, so a sparse file of 8 EiB is no matter), attributes and ACLs.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, withMounted } from './oracle.ts';

export interface Tree {
  /** One line a path: type, permissions, owner, links, size, blocks, modification time. */
  readonly paths: readonly string[];
  /** Digest of names, contents, extended attributes and ACLs. */
  readonly digest: string;
}

/** Reads the tree below `root`. */
export function readTree(root: string): Tree {
  const paths: string[] = [];
  const walk = (folder: string, shown: string): void => {
    // Latin-1 keeps names that are no UTF-8 apart.
    for (const name of readdirSync(folder, 'latin1').sort()) {
      const path = join(folder, name);
      const raw = Buffer.from(path, 'latin1');
      const stat = lstatSync(raw, { bigint: true });
      const facts = [stat.ino, stat.mode.toString(8), stat.uid, stat.gid, stat.nlink, stat.size, stat.blocks];
      paths.push(`${shown}/${name} ${facts.join(' ')} ${stat.mtimeNs}`);
      if (stat.isDirectory()) walk(path, `${shown}/${name}`);
    }
  };
  walk(Buffer.from(root).toString('latin1'), '');
  const archive = 'tar --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=x';
  const options = "--sort=name --numeric-owner --xattrs --xattrs-include='*' --acls -S --hole-detection=seek";
  const { stdout } = mustRun('sh', ['-c', `${archive} ${options} -c . 2>/dev/null | sha256sum`], {
    cwd: root,
    timeout: 300_000,
  });
  return { paths, digest: stdout.slice(0, 64) };
}

/** Mounts an image read-only and reads its tree. Refused, as every mount, unless `xfs_repair -n` calls it clean. */
export function imageTree(image: string, options: readonly string[] = []): Tree {
  return withMounted(image, readTree, ['ro', 'norecovery', ...options]);
}

/** Digest of a file's bytes: tells whether anything wrote to an image. */
export function fileDigest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
