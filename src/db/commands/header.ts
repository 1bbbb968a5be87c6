/** `sb`, `agf`, `agi`, `agfl`: the four headers of an AG, a sector each, in that order. */
import { DADDR_BYTES } from '../../format/geometry.ts';

import { DbError } from '../error.ts';
import { parseNumber } from '../path.ts';
import type { CommandRow } from '../session.ts';
import { typeNamed } from '../types.ts';

function header(name: string, sector: number, summary: string, help: readonly string[]): CommandRow {
  return {
    name,
    args: '[agno]',
    least: 0,
    most: 1,
    pushable: true,
    summary,
    help: [...help, 'Without a number: of the AG that was last chosen, at first of AG 0.'],
    run: ({ cursor }, [text]) => {
      const { geometry } = cursor.filesystem;
      if (text !== undefined) {
        const value = parseNumber(text);
        const agno = Number(BigInt.asUintN(32, value ?? 0n));
        if (value === undefined || agno >= geometry.agcount) {
          throw new DbError(`bad allocation group number ${text}`);
        }
        cursor.agno = agno;
      }
      cursor.agno ??= 0;
      const daddr = geometry.headerByte(cursor.agno, sector) / DADDR_BYTES;
      cursor.move(typeNamed(name), daddr, geometry.sectsize / DADDR_BYTES);
      return undefined;
    },
  };
}

export const HEADER_COMMANDS: readonly CommandRow[] = [
  header('sb', 0, 'go to a superblock', ['Only that of AG 0 is kept up to date; the others are copies.']),
  header('agf', 1, 'go to the free space header of an AG', ['Roots of bnobt, cntbt, rmapbt, refcountbt.']),
  header('agi', 2, 'go to the inode header of an AG', ['Roots of inobt and finobt, unlinked lists.']),
  header('agfl', 3, 'go to the free list of an AG', ['Blocks the AG keeps for its btrees.']),
];
