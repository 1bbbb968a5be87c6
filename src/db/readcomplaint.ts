/**
 * What xfs_db says on its standard error of a buffer that it reads as a type and that does not verify: the CRC, and
 * if that holds, the rules that a write of it would have to pass as well (gate.ts). The buffer is shown all the same.
 * In place of the address in the program that xfs_db has in this line there is a 0.
 */
import { type Buffer, candidateAt } from './candidate.ts';
import type { Filesystem } from './filesystem.ts';
import { type Candidate, CORRUPT, GATES } from './gate.ts';
import { attrForm, dirForm } from './gateda.ts';
import { refuseSuperblock } from './gatesb.ts';
import type { DbType } from './types.ts';

/** What the verifiers are called there, where that is not `xfs_` and the name of the type. */
const NAMES: Readonly<Record<string, string>> = {
  bmapbta: 'xfs_bmbt',
  bmapbtd: 'xfs_bmbt',
  refcntbt: 'xfs_refcountbt',
  dqblk: 'xfs_dquot',
};

/** A verdict of undefined is none: nothing of that type is known to be there. */
function verdictOf(type: DbType, candidate: Candidate): 'CRC error' | 'corruption' | undefined {
  const { view, bytes, geometry } = candidate;
  const isForm = type.name === 'dir3' || type.name === 'attr3';
  const form = type.name === 'dir3' ? dirForm(view) : type.name === 'attr3' ? attrForm(view) : undefined;
  if (isForm && !form) return undefined;
  if (type.name !== 'inode' && type.crc(bytes, geometry) === 'bad') return 'CRC error';
  // What is no superblock at all is passed over in silence.
  if (type.name === 'sb') return refuseSuperblock(candidate) === CORRUPT ? 'corruption' : undefined;
  const gate = form ? form.gate : GATES[type.name];
  return gate && !gate(candidate) ? 'corruption' : undefined;
}

/** One line, or undefined where there is nothing to complain of. */
export function readComplaint(filesystem: Filesystem, type: DbType, buffer: Buffer): string | undefined {
  // Whether the log's device was named is asked of writes alone.
  const hasLogDevice = filesystem.geometry.logstart === 0;
  const verdict = verdictOf(type, { ...candidateAt(filesystem, buffer), hasLogDevice });
  if (verdict === undefined) return undefined;
  const name = NAMES[type.name] ?? `xfs_${type.name}`;
  const { daddr, bytes } = buffer;
  return `Metadata ${verdict} detected at 0x0, ${name} block 0x${daddr.toString(16)}/0x${bytes.length.toString(16)}`;
}
