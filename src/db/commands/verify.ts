/** `verify`: what the verifiers of the registry find wrong with the current object. */

import type { Place } from '../cursor.ts';
import { DbError } from '../error.ts';
import { judgePlace, positionOf, type Verdict } from '../explain/verdict.ts';
import type { Filesystem } from '../filesystem.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

/** The current object in a few words: type, form and where it is. */
export function objectTitle(filesystem: Filesystem, place: Place, form: string): string {
  const { agno, agbno } = positionOf(filesystem, place);
  const what = `${place.type!.name}${form === '' ? '' : ` (${form})`}`;
  if (place.device) return `${what} at ${place.device} daddr ${place.daddr}`;
  if (place.type!.name === 'inode') return `${what} ${place.ino} in block ${agno}/${agbno}`;
  return `${what} in block ${agno}/${agbno}`;
}

/** A verdict in one line, and a line for each problem. */
export function verdictText({ crc, problems, unjudged }: Verdict): string {
  const about = crc === 'unchecked' ? 'no CRC' : `CRC ${crc}`;
  const rules = unjudged ?? (problems.length === 0 ? 'nothing wrong' : `${problems.length} wrong`);
  const lines = problems.map(({ message, stops }) => `  ${message}${stops ? ' (unusable)' : ''}\n`);
  return `${about}, ${rules}\n${lines.join('')}`;
}

export function verdictJson({ crc, problems, unjudged }: Verdict): { [key: string]: Json } {
  return {
    verdict: problems.length > 0 ? 'bad' : unjudged === undefined ? 'good' : 'unknown',
    crc,
    ...(unjudged === undefined ? {} : { unjudged }),
    problems: problems.map(({ field, found, expected, stops }) => ({ field, found, expected, stops })),
  };
}

function verify({ cursor }: Session): Output {
  const { top, filesystem } = cursor;
  if (!top.type) throw new DbError('no current type');
  const verdict = judgePlace(filesystem, top);
  const { agno, agbno } = positionOf(filesystem, top);
  return {
    text: `${objectTitle(filesystem, top, verdict.form)}: ${verdictText(verdict)}`,
    json: {
      type: top.type.name,
      form: verdict.form,
      ...{ agno, agbno, daddr: top.daddr },
      ...verdictJson(verdict),
    },
  };
}

export const VERIFY_COMMANDS: readonly CommandRow[] = [
  {
    name: 'verify',
    args: '',
    least: 0,
    most: 0,
    summary: 'tell what is wrong with the current object by itself',
    help: [
      'The rules of its type: magic, sizes, ranges, order, its own address, its owner. What contradicts other objects',
      'is found by "xfskit check".',
    ],
    run: verify,
  },
];
