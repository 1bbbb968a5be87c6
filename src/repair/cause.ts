/**
 * One root cause, one finding: what follows from another finding is put under it. A block of a btree that cannot be
 * read makes its records look lost, and counters and names with them; whoever reads the report wants the block.
 *
 * Two ways. Rules: a row says which codes can follow from which, and what the two must have in common. And for the
 * accounts of space, which contradict each other over the same blocks: findings that touch belong together, and the
 * one that says most stands for them. Nothing is dropped: consequences are listed under their cause, and repair
 * works from the plain list.
 */
import type { Finding } from '../format/findings.ts';
import { COUNTED, NAMES, type Relation, RULES, type Rule, SPACE, SUMS } from './causerules.ts';

/**
 * Findings with what follows from each under it, in the order they came in. `namesLost`: some directory could not be
 * read in full.
 */
export function byCause(findings: readonly Finding[], namesLost: boolean): Finding[] {
  if (findings.length < 2) return [...findings];
  const causes = new Causes(findings);
  for (const rule of namesLost ? [...NAMES, ...RULES] : RULES) applyRule(rule, findings, causes);
  joinSpace(findings, causes);
  for (const rule of [...COUNTED, ...SUMS]) applyRule(rule, findings, causes);
  return causes.tree();
}

/** Which finding each one follows from; never in a circle. */
class Causes {
  private readonly findings: readonly Finding[];
  /** Index of the cause; -1: none. */
  private readonly cause: Int32Array;

  constructor(findings: readonly Finding[]) {
    this.findings = findings;
    this.cause = new Int32Array(findings.length).fill(-1);
  }

  has(effect: number): boolean {
    return this.cause[effect] !== -1;
  }

  root(index: number): number {
    let at = index;
    while (this.cause[at] !== -1) at = this.cause[at]!;
    return at;
  }

  set(effect: number, cause: number): void {
    const root = this.root(cause);
    if (root !== effect && !this.has(effect)) this.cause[effect] = root;
  }

  tree(): Finding[] {
    const under = new Map<number, Finding[]>();
    for (let i = 0; i < this.findings.length; i++) {
      if (!this.has(i)) continue;
      const root = this.root(i);
      const list = under.get(root);
      if (list) list.push(this.findings[i]!);
      else under.set(root, [this.findings[i]!]);
    }
    const out: Finding[] = [];
    for (let i = 0; i < this.findings.length; i++) {
      if (this.has(i)) continue;
      const consequences = under.get(i);
      out.push(consequences ? { ...this.findings[i]!, consequences } : this.findings[i]!);
    }
    return out;
  }
}

function applyRule(rule: Rule, findings: readonly Finding[], causes: Causes): void {
  const first = new Map<string, number>();
  const able = new Set(rule.causes);
  for (let i = 0; i < findings.length; i++) {
    if (!able.has(findings[i]!.code) || rule.causeWhen?.(findings[i]!) === false) continue;
    const key = keyOf(findings[i]!, rule.by === 'target' ? 'inode' : rule.by);
    if (key !== undefined && !first.has(key)) first.set(key, i);
  }
  if (first.size === 0) return;
  const willing = new Set(rule.effects);
  for (let i = 0; i < findings.length; i++) {
    const finding = findings[i]!;
    if (causes.has(i) || !willing.has(finding.code) || rule.when?.(finding) === false) continue;
    const key = keyOf(finding, rule.by);
    const cause = key === undefined ? undefined : first.get(key);
    if (cause !== undefined && cause !== i) causes.set(i, cause);
  }
}

function keyOf({ where }: Finding, by: Relation): string | undefined {
  const { agno, agbno, ino, fileoff, structure } = where;
  switch (by) {
    case 'filesystem':
      return '';
    case 'ag':
      return agno === undefined ? undefined : `${agno}`;
    case 'structure':
      return agno === undefined || structure === undefined ? undefined : `${agno} ${structure}`;
    case 'target':
      return where.target === undefined ? undefined : `${where.target}`;
    case 'inode':
      return ino === undefined ? undefined : `${ino}`;
    case 'fileblock':
      return ino === undefined || fileoff === undefined ? undefined : `${ino} ${fileoff}`;
    case 'object':
      return `${agno} ${structure} ${agbno} ${ino}`;
  }
}

/** Joins findings of SPACE that touch: by blocks of an AG, or by the inode they name. */
function joinSpace(findings: readonly Finding[], causes: Causes): void {
  const rank = new Map(SPACE.map((code, i) => [code, i]));
  const mine: number[] = [];
  for (let i = 0; i < findings.length; i++) if (rank.has(findings[i]!.code) && !causes.has(i)) mine.push(i);
  if (mine.length < 2) return;
  const joined = new Groups(findings.length);
  joinByInode(findings, mine, joined);
  joinByBlocks(findings, mine, joined);
  const best = new Map<number, number>();
  for (const i of mine) {
    const group = joined.find(i);
    const other = best.get(group);
    if (other === undefined || rank.get(findings[i]!.code)! < rank.get(findings[other]!.code)!)
      best.set(group, i);
  }
  for (const i of mine) {
    const root = best.get(joined.find(i))!;
    if (root !== i) causes.set(i, root);
  }
}

function joinByInode(findings: readonly Finding[], mine: readonly number[], joined: Groups): void {
  const first = new Map<number, number>();
  for (const i of mine) {
    const { ino } = findings[i]!.where;
    if (ino === undefined) continue;
    const other = first.get(ino);
    if (other === undefined) first.set(ino, i);
    else joined.join(i, other);
  }
}

function joinByBlocks(findings: readonly Finding[], mine: readonly number[], joined: Groups): void {
  const placed = mine.filter((i) => findings[i]!.where.agbno !== undefined);
  const place = (i: number) => findings[i]!.where;
  placed.sort((a, b) => (place(a).agno ?? 0) - (place(b).agno ?? 0) || place(a).agbno! - place(b).agbno!);
  let reaching = -1;
  let end = 0;
  for (const i of placed) {
    const { agno, agbno, blocks = 1 } = place(i);
    if (reaching >= 0 && place(reaching).agno === agno && agbno! < end) joined.join(i, reaching);
    else end = 0;
    if (agbno! + blocks > end) {
      end = agbno! + blocks;
      reaching = i;
    }
  }
}

/** Disjoint sets of small numbers. */
class Groups {
  private readonly parent: Int32Array;

  constructor(size: number) {
    this.parent = Int32Array.from({ length: size }, (_, i) => i);
  }

  find(index: number): number {
    let at = index;
    while (this.parent[at] !== at) {
      this.parent[at] = this.parent[this.parent[at]!]!;
      at = this.parent[at]!;
    }
    return at;
  }

  join(a: number, b: number): void {
    this.parent[this.find(a)] = this.find(b);
  }
}
