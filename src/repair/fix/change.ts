/**
 * What a fix is made of. A fixer is given the findings of its remedy and answers with changes, each of one object, and
 * with what it cannot mend and why. It writes nothing itself.
 *
 * A change of an object whose checksum was wrong is a suspect: that its bytes pass as sane is no proof that they are
 * right. When the next check says something new about the object, the change is taken back (`isSpoiled`), and the
 * checksum goes on telling that the object is damaged.
 */
import { type Device, readBytes } from '../../device/device.ts';
import type { Remedy } from '../../format/findingrow.ts';
import { FINDINGS, type Finding, type FindingRow } from '../../format/findings.ts';
import type { Geometry } from '../../format/geometry.ts';
import type { CheckResult } from '../check.ts';

/** An inode, or a block of an AG (of a directory, an attribute fork, ...) and how many of them. */
export type ObjectPlace =
  | { readonly ino: number }
  | { readonly agno: number; readonly agbno: number; readonly blocks: number };

export interface Piece {
  /** Bytes from the start of the filesystem. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Change {
  /** One line of the plan. */
  readonly action: string;
  readonly findings: readonly Finding[];
  readonly pieces: readonly Piece[];
  /** Set when the object's checksum was wrong. */
  readonly suspect?: ObjectPlace;
}

export interface Left {
  readonly finding: Finding;
  readonly reason: string;
}

export interface Fixes {
  readonly changes: readonly Change[];
  readonly left: readonly Left[];
}

/** What fixers look at: a check, and what it was a check of. */
export interface FixSite {
  readonly check: CheckResult;
  readonly geometry: Geometry;
  readonly device: Device;
}

export type Fixer = (site: FixSite, findings: readonly Finding[]) => Fixes;

export function nothingOf(findings: readonly Finding[], reason: string): Fixes {
  return { changes: [], left: findings.map((finding) => ({ finding, reason })) };
}

export function keyOf(place: ObjectPlace): string {
  return 'ino' in place ? `inode ${place.ino}` : `AG ${place.agno} block ${place.agbno}`;
}

/** Groups findings by a key, in the order of their first. */
export function groupBy<K>(findings: readonly Finding[], key: (finding: Finding) => K): Map<K, Finding[]> {
  const groups = new Map<K, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(key(finding));
    if (group) group.push(finding);
    else groups.set(key(finding), [finding]);
  }
  return groups;
}

/** A change that is staged, and can be taken back. */
export class StagedChange {
  readonly change: Change;
  private readonly old: readonly Piece[];

  constructor(change: Change, device: Device) {
    this.change = change;
    this.old = change.pieces.map(({ offset, bytes }) => ({
      offset,
      bytes: readBytes(device, offset, bytes.length),
    }));
    for (const { offset, bytes } of change.pieces) device.write(offset, bytes);
  }

  takeBack(device: Device): void {
    for (const { offset, bytes } of this.old) device.write(offset, bytes);
  }
}

/** Remedies of what may come to light in an object whose checksum is good again: they change the object alone. */
const WITHIN: ReadonlySet<Remedy> = new Set<Remedy>(['core', 'directory']);

/** Whose mapping is wrong, these do not always say. */
const CONTESTED: ReadonlySet<string> = new Set(['MAPPING_CONTESTED', 'CROSS_LINK']);

/** Whether a change did not help: a finding that it was for is still there. */
export function isVain({ findings }: Change, after: readonly Finding[]): boolean {
  const still = new Set(after.map(idOf));
  return findings.some((finding) => still.has(idOf(finding)));
}

/**
 * Whether `after` says of a change's object what cannot be mended within it: of an inode, what `before` did not say,
 * for that is not about its core; of a block, anything.
 */
export function isSpoiled(
  { suspect }: Change,
  before: ReadonlySet<string>,
  after: readonly Finding[],
): boolean {
  if (!suspect) return false;
  const isInode = 'ino' in suspect;
  return after.some((finding) => {
    if (finding.severity === 'note' || (isInode && before.has(idOf(finding)))) return false;
    if (isInode && CONTESTED.has(finding.code)) return true;
    const { remedy }: FindingRow = FINDINGS[finding.code];
    return isAboutObject(finding, suspect) && !(remedy && WITHIN.has(remedy));
  });
}

/** Tells findings of different checks apart. */
export function idOf({ code, message }: Finding): string {
  return `${code} ${message}`;
}

function isAboutObject({ where }: Finding, place: ObjectPlace): boolean {
  if ('ino' in place) return where.ino === place.ino;
  const { agno, agbno, blocks = 1 } = where;
  return (
    agno === place.agno &&
    agbno !== undefined &&
    agbno < place.agbno + place.blocks &&
    agbno + blocks > place.agbno
  );
}
