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
