/** `owner`, `shares`, `forks`: who has a block, with whom a file shares, and what an inode's forks map. */
import { parseBlockRange } from '../address.ts';
import { DbError } from '../error.ts';
import { type BlockFacts, type OwnerFact, OwnerQuery } from '../scan/owner.ts';
import { describeForks, type ForkReport, shareReport } from '../scan/sharing.ts';
import { spaceIndexOf } from '../scan/spaceindex.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';
import { inoOf } from './inodeword.ts';

function owner({ cursor }: Session, args: readonly string[]): Output {
  const { filesystem, top } = cursor;
  if (args.length === 0 && !top.type) throw new DbError('no current block, and no address was given');
  const words = args.length > 0 ? args : [String(filesystem.daddrFsbno(top.daddr))];
  const range = parseBlockRange(filesystem, words);
  const index = spaceIndexOf(filesystem);
  const query = new OwnerQuery(filesystem, index, range);
  return {
    get text() {
      const lines = [...query.facts()].map(factsText).join('');
      return index.bad === 0
        ? lines
        : `${lines}incomplete: ${index.bad} records or blocks of metadata could not be read\n`;
    },
    rows: function* () {
      for (const facts of query.facts()) yield { ...facts, complete: index.bad === 0 } as unknown as Json;
    },
  };
}

function factsText(facts: BlockFacts): string {
  const { agno, agbno, fsbno, count } = facts;
  const last = count > 1 ? ` to ${fsbno + count - 1} (${agno}/${agbno + count - 1})` : '';
  const lines = [`block ${fsbno} (${agno}/${agbno})${last}: ${verdictText(facts)}`];
  if (facts.free.length > 0) lines.push(`  free by ${facts.free.join(', ')}`);
  for (const what of facts.metadata) lines.push(`  metadata ${what}`);
  lines.push(...ownerLines(facts));
  if (facts.staged) lines.push('  refcount CoW staging');
  else if (facts.refcount !== undefined) lines.push(`  refcount ${facts.refcount}`);
  for (const text of facts.contradictions) lines.push(`  WRONG    ${text}`);
  return `${lines.join('\n')}\n`;
}

/** Owners that both sides name once, the others with the side that names them. */
function ownerLines({ rmaps = [], mappings }: BlockFacts): string[] {
  const byRmap = new Set(rmaps.map(ownerText));
  const byFork = new Set(mappings.map(ownerText));
  const lines: string[] = [];
  for (const text of byRmap) lines.push(`  ${byFork.has(text) ? 'both  ' : 'rmap  '}   ${text}`);
  for (const text of byFork) if (!byRmap.has(text)) lines.push(`  fork     ${text}`);
  return lines;
}

function verdictText({ verdict, mappings, count }: BlockFacts): string {
  const blocks = count === 1 ? 'block' : `${count} blocks`;
  switch (verdict) {
    case 'owned':
      return `${blocks}, sole owner inode ${mappings[0]!.owner}`;
    case 'shared':
      return `${blocks}, shared by ${mappings.length} mappings`;
    case 'staged':
      return `${blocks}, staged for CoW, in no file`;
    case 'nobody':
      return `${blocks}, nobody has it`;
    default:
      return `${blocks}, ${verdict}`;
  }
}

function ownerText({ owner: who, name, fork, bmbt, offset, unwritten }: OwnerFact): string {
  if (who < 0) return `owner ${who} (${name ?? 'unknown'})`;
  const path = name === undefined ? '' : ` ${name}`;
  const place = bmbt ? `${fork} fork, btree block` : `${fork} fork, offset ${offset}`;
  return `inode ${who}${path}, ${place}${unwritten ? ', unwritten' : ''}`;
}

function shares({ cursor }: Session, args: readonly string[]): Output {
  const { filesystem } = cursor;
  const ino = inoOf(cursor, args);
  const index = spaceIndexOf(filesystem);
  const report = shareReport(filesystem, index, ino);
  const path = (of: { readonly path?: string }) => (of.path === undefined ? '' : ` ${of.path}`);
  const lines = [
    `inode ${ino}${path(report)}: ${report.blocks} blocks in ${report.extents} extents, ` +
      `${report.shared} shared, ${report.own} its own`,
    ...report.with.map(
      (other) =>
        `  with ${other.ino === ino ? 'itself' : `inode ${other.ino}${path(other)}`}: ${other.blocks} blocks in ${other.extents} extents`,
    ),
  ];
  if (index.bad > 0) lines.push(`incomplete: ${index.bad} records or blocks of metadata could not be read`);
  return { text: `${lines.join('\n')}\n`, json: { ...report, complete: index.bad === 0 } as unknown as Json };
}

function forks({ cursor }: Session, args: readonly string[]): Output {
  const { filesystem } = cursor;
  const ino = inoOf(cursor, args);
  const report = describeForks(filesystem, spaceIndexOf(filesystem), ino);
  return {
    get text() {
      return forksText(report);
    },
    get json() {
      return report as unknown as Json;
    },
  };
}

function forksText(report: ForkReport): string {
  const path = report.path === undefined ? '' : ` ${report.path}`;
  const lines = [
    `inode ${report.ino}${path}: ${report.flags.length === 0 ? 'no flags' : report.flags.join(' ')}`,
  ];
  for (const fork of report.forks) {
    lines.push(`${fork.name} fork: ${fork.format}, ${fork.extents.length} extents, ${fork.blocks} blocks`);
    for (const { fileoff, fsbno, agno, agbno, blocks, flags } of fork.extents) {
      const marks = flags.length === 0 ? '' : ` ${flags.join(' ')}`;
      lines.push(`  offset ${fileoff} startblock ${fsbno} (${agno}/${agbno}) count ${blocks}${marks}`);
    }
    for (const { fsbno, agno, agbno } of fork.bmbtBlocks)
      lines.push(`  btree block ${fsbno} (${agno}/${agbno})`);
  }
  const { cow } = report;
  lines.push(
    `cow fork: ${cow.enabled ? `writes to ${cow.sharedBlocks} shared blocks go elsewhere` : 'none, no reflink flag'}` +
      `${cow.extentHint > 0 ? `, in pieces of ${cow.extentHint} blocks` : ''}`,
    `  staged in the filesystem, for no file on disk: ${cow.staged.length} extents, ${cow.stagedBlocks} blocks`,
  );
  for (const { fsbno, agno, agbno, blocks } of cow.enabled ? cow.staged : [])
    lines.push(`  startblock ${fsbno} (${agno}/${agbno}) count ${blocks}`);
  return `${lines.join('\n')}\n`;
}

export const OWNER_COMMANDS: readonly CommandRow[] = [
  {
    name: 'owner',
    args: '[fsbno|agno:agbno|unit value... [count]]',
    least: 0,
    most: 9,
    summary: 'tell everything about blocks: rmaps, refcount, and the forks that map them',
    help: ['owner 1234', 'owner 1:17 8', 'owner daddr 4096', 'Without an address: of the current block.'],
    run: owner,
  },
  {
    name: 'shares',
    args: '[path|ino N]',
    least: 0,
    most: 2,
    summary: 'tell with whom a file shares blocks, and how many',
    help: ['shares /home/image', 'shares ino 131', 'Without either: of the current inode.'],
    run: shares,
  },
  {
    name: 'forks',
    args: '[path|ino N]',
    least: 0,
    most: 2,
    summary: 'show what data, attribute and CoW fork of an inode map, with flags',
    help: ['forks 131', 'forks /home/image', 'Without either: of the current inode.'],
    run: forks,
  },
];
