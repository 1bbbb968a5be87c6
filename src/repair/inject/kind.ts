/** One row per kind of defect. */
import type { FindingCode } from '../../format/findings.ts';
import type { Site } from './site.ts';

export interface InjectKind {
  readonly name: string;
  readonly summary: string;
  /** Feature the filesystem must have. */
  readonly needs?: 'rmapbt' | 'reflink' | 'finobt';
  /** A finding that check reports for it, among others. */
  readonly finds: FindingCode;
  /** Plants one defect and tells where; throws NothingToSpoil when the image has no place for it. */
  plant(site: Site): string;
}
