/** Causes: findings that follow from another are put under it, the others stay, and none is lost or told twice. */
import { expect, test } from '@jest/globals';
import type { Finding, FindingCode, Where } from '../../../src/format/findings.ts';
import { byCause } from '../../../src/repair/cause.ts';
import { findingOf } from '../../../src/repair/sink.ts';

function finding(code: FindingCode, where: Where): Finding {
  return findingOf(code, where, `${code} ${JSON.stringify(where)}`);
}

/** Codes of the roots, each with those under it. */
function shape(findings: readonly Finding[]): string[] {
  return byCause(findings, false).map(({ code, consequences }) =>
    consequences ? `${code} > ${consequences.map((one) => one.code).join(' ')}` : code,
  );
}

test('findings that have nothing in common stay as they are', () => {
  const some = [
    finding('RMAP_MISSING', { agno: 0, agbno: 10, blocks: 2 }),
    finding('RMAP_MISSING', { agno: 0, agbno: 12, blocks: 2 }),
    finding('BNOBT_MISSING', { agno: 1, agbno: 10, blocks: 2 }),
    finding('INODE_CORE', { agno: 0, ino: 131 }),
  ];
  expect(byCause(some, false)).toEqual(some);
});

test('accounts of the same blocks are one finding, under the one that says most', () => {
  expect(
    shape([
      finding('BNOBT_MISSING', { agno: 0, agbno: 10, blocks: 4 }),
      finding('CNTBT_MISSING', { agno: 0, agbno: 10, blocks: 4 }),
      finding('RMAP_SURPLUS', { agno: 0, agbno: 12, blocks: 9, ino: 131 }),
      finding('RMAP_MISSING', { agno: 2, agbno: 50, blocks: 9, ino: 131 }),
      finding('BNOBT_SURPLUS', { agno: 2, agbno: 51, blocks: 1 }),
      finding('BNOBT_SURPLUS', { agno: 2, agbno: 59, blocks: 1 }),
    ]),
  ).toEqual(['RMAP_MISSING > BNOBT_MISSING CNTBT_MISSING RMAP_SURPLUS BNOBT_SURPLUS', 'BNOBT_SURPLUS']);
});

test('a long run joins all that lie in it', () => {
  const many = Array.from({ length: 1000 }, (_, i) =>
    finding('BNOBT_MISSING', { agno: 0, agbno: 3 * i, blocks: 1 }),
  );
  const roots = byCause([...many, finding('CROSS_LINK', { agno: 0, agbno: 0, blocks: 3000 })], false);
  expect(roots.map((root) => [root.code, root.consequences?.length])).toEqual([['CROSS_LINK', 1000]]);
});

test('a mapping that reaches over others: one finding, with all it meets', () => {
  expect(
    shape([
      finding('INODE_BLOCK_COUNT', { agno: 0, ino: 69 }),
      finding('CROSS_LINK', { agno: 0, agbno: 16, blocks: 16, ino: 69 }),
      finding('INDEX_CROSS_LINK', { agno: 0, agbno: 36, blocks: 1, ino: 69 }),
      finding('BNOBT_SURPLUS', { agno: 0, agbno: 58, blocks: 1, ino: 69 }),
      finding('REFCOUNT_MISSING', { agno: 0, agbno: 70, blocks: 1 }),
      finding('BNOBT_SURPLUS', { agno: 1, agbno: 58, blocks: 1 }),
    ]),
  ).toEqual([
    'INODE_BLOCK_COUNT > CROSS_LINK INDEX_CROSS_LINK BNOBT_SURPLUS REFCOUNT_MISSING',
    'BNOBT_SURPLUS',
  ]);
});

test('what is found in a torn block of a fork follows from its checksum, in other blocks it does not', () => {
  const at = { agno: 0, agbno: 50, ino: 131, fileoff: 8 };
  const other = { ...at, agbno: 51, fileoff: 9 };
  for (const [crc, within] of [
    ['DIR_CRC', 'DIR_BLOCK'],
    ['ATTR_CRC', 'ATTR_ENTRY'],
    ['SYMLINK_CRC', 'SYMLINK_HEADER'],
  ] as const) {
    const some = [finding(within, at), finding(crc, at), finding(within, other)];
    expect(shape(some)).toEqual([`${crc} > ${within}`, within]);
  }
});

test('of several contradictions in one block of a fork, or in a fork inside its inode, the first stands for all', () => {
  const at = { agno: 0, agbno: 50, ino: 131, fileoff: 0 };
  expect(shape([finding('ATTR_ENTRY', at), finding('ATTR_ENTRY', at)])).toEqual(['ATTR_ENTRY > ATTR_ENTRY']);
  expect(shape([finding('DIR_ENTRY', at), finding('DIR_DOT', at)])).toEqual(['DIR_ENTRY > DIR_DOT']);
  const inode = { agno: 0, ino: 131 };
  expect(shape([finding('ATTR_ENTRY', inode), finding('ATTR_SHORT', inode)])).toEqual([
    'ATTR_SHORT > ATTR_ENTRY',
  ]);
});

test('blocks of a directory that are mapped elsewhere: the map stands for what is missed there', () => {
  const inode = { agno: 2, ino: 141903 };
  expect(
    shape([
      finding('DIR_MAP', inode),
      finding('DIR_MAP', inode),
      finding('RMAP_WRONG', { ...inode, agbno: 5555, blocks: 8, structure: 'rmapbt' }),
      finding('DIR_MAP', { agno: 2, ino: 141904 }),
    ]),
  ).toEqual(['DIR_MAP > DIR_MAP RMAP_WRONG', 'DIR_MAP']);
});

test('a pointer into nowhere: the block that is not there, before its neighbours', () => {
  const tree = { agno: 0, structure: 'bnobt' };
  expect(
    shape([
      finding('BTREE_SIBLING', { ...tree, agbno: 4140 }),
      finding('BTREE_BLOCK', { ...tree, agbno: 6162 }),
      finding('BTREE_KEY', { ...tree, agbno: 1 }),
    ]),
  ).toEqual(['BTREE_BLOCK > BTREE_SIBLING BTREE_KEY']);
});

test('headers that are no headers any more, in one block: one write went wrong', () => {
  const agi = finding('AGI_FIELD', { agno: 0, structure: 'agi', field: 'magicnum' });
  const agfl = finding('AGFL_FIELD', { agno: 0, structure: 'agfl', field: 'magicnum' });
  expect(shape([agi, agfl])).toEqual(['AGI_FIELD > AGFL_FIELD']);
  const one = finding('AGFL_FIELD', { agno: 0, structure: 'agfl', field: 'seqno' });
  expect(shape([agi, one])).toEqual(['AGI_FIELD', 'AGFL_FIELD']);
});
