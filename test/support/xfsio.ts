/**
 * File operations that Node lacks (ranges of reflinks, fallocate modes, extent size hints, direct I/O), many in
 * one xfs_io process: it reads commands from stdin, opens files itself and works on the one opened last.
 */
import { run } from './oracle.ts';

/** Runs xfs_io commands with `dir` as the current folder; any complaint is an error. */
export function xfsIo(dir: string, commands: readonly string[]): void {
  const result = run('xfs_io', ['-x'], { cwd: dir, input: `${commands.join('\n')}\nquit\n` });
  if (result.status !== 0 || result.stderr !== '') {
    throw new Error(`xfs_io in ${dir}: exit ${result.status}\n${result.stderr.slice(0, 2000)}`);
  }
}
