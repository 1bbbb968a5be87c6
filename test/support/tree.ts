/**
 * What a mounted filesystem holds, in a form to compare: everything a user could notice but access times.
 * GNU tar reads contents (holes skipped, so a sparse file of 8 EiB is no matter), attributes and ACLs.
 */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { mustRun, withMounted } from './oracle.ts';

export interface Tree {
  /** One line a path: inode, type, permissions, owner, links, size, modification time. Not the block count: a mounted
   * filesystem adds what it holds in memory, CoW staging among it. */
  readonly paths: readonly string[];
  /** Digest of names, contents, extended attributes and ACLs. */
  readonly digest: string;
}

/** Reads the tree below `root`, without what xfs_repair may have put into lost+found. */
export function readTree(root: string): Tree {
  const paths: string[] = [];
  const walk = (folder: string, shown: string): void => {
    // Latin-1 keeps names that are no UTF-8 apart.
    for (const name of readdirSync(Buffer.from(folder, 'latin1'), 'latin1').sort()) {
      if (shown === '' && name === 'lost+found') continue;
      const path = `${folder}/${name}`;
      const stat = lstatSync(Buffer.from(path, 'latin1'), { bigint: true });
      const facts = [stat.ino, stat.mode.toString(8), stat.uid, stat.gid, stat.nlink, stat.size];
      paths.push(`${shown}/${name} ${facts.join(' ')} ${stat.mtimeNs}`);
      if (stat.isDirectory()) walk(path, `${shown}/${name}`);
    }
  };
  walk(Buffer.from(root).toString('latin1'), '');
  const find = 'find . -mindepth 1 -maxdepth 1 ! -name lost+found ! -type s -print0 | sort -z';
  const pax = '--format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=x';
  const options =
    "--sort=name --numeric-owner --xattrs --xattrs-include='*' --acls -S --sparse-version=0.0 --hole-detection=seek";
  const tar = `tar ${pax} ${options} --null -T - -c 2>/dev/null`;
  const { stdout } = mustRun('sh', ['-c', `${find} | ${tar} | sha256sum`], { cwd: root, timeout: 300_000 });
  return { paths, digest: stdout.slice(0, 64) };
}

/** Mounts an image read-only and reads its tree. Refused, as every mount, unless `xfs_repair -n` calls it clean. */
export function imageTree(image: string, options: readonly string[] = []): Tree {
  return withMounted(image, readTree, ['ro', 'norecovery', ...options]);
}

const PIECE = 64 * 1024;

/** Digest of a file's bytes: tells whether anything wrote to an image. Zeros count as holes, so it is quick. */
export function fileDigest(path: string): string {
  const hash = createHash('sha256');
  const zeros = Buffer.alloc(PIECE);
  const piece = Buffer.alloc(PIECE);
  const file = openSync(path, 'r');
  try {
    for (let offset = 0; ; offset += PIECE) {
      const length = readSync(file, piece, 0, PIECE, offset);
      if (length === 0) return hash.update(String(offset)).digest('hex');
      const read = piece.subarray(0, length);
      if (!read.equals(zeros.subarray(0, length))) hash.update(`${offset} ${length}:`).update(read);
    }
  } finally {
    closeSync(file);
  }
}
