/**
 * Inject: plants one named defect with valid checksums (unless the checksum is the defect), for demos and for
 * pipelines that want to test how they handle a broken image. The image must check clean before, so that what is
 * found afterwards is what was planted.
 */
import type { Device } from '../../device/device.ts';
import { UsageError, XfskitError } from '../../format/errors.ts';
import { checkImage, isDamaged, whyLogForbids } from '../check.ts';
import { FREESPACE_KINDS } from './freespace.ts';
import { HEADER_KINDS } from './header.ts';
import { INODETREE_KINDS } from './inodetree.ts';
import type { InjectKind } from './kind.ts';
import { REFCOUNT_KINDS } from './refcount.ts';
import { RMAP_KINDS } from './rmap.ts';
import { NothingToSpoil, Site } from './site.ts';

export const INJECT_KINDS: readonly InjectKind[] = [
  ...REFCOUNT_KINDS,
  ...RMAP_KINDS,
  ...FREESPACE_KINDS,
  ...INODETREE_KINDS,
  ...HEADER_KINDS,
];

/** Writes the defect to `device` and tells what and where. Give an overlay to have all of it or nothing. */
export function inject(device: Device, kindName: string, seed: number): string {
  const kind = INJECT_KINDS.find((row) => row.name === kindName);
  if (!kind) throw new UsageError(`no defect is called ${kindName}; xfskit inject --list names them`);
  const check = checkImage(device);
  const waiting = check.log.state === 'dirty' ? `the log is dirty (${check.log.detail})` : undefined;
  const forbidden = waiting ?? whyLogForbids(check);
  if (forbidden) throw new XfskitError('LOG', `${device.name}: ${forbidden}`);
  const damage = check.findings.find((finding) => finding.severity !== 'note');
  if (isDamaged(check.findings)) {
    throw new XfskitError('DAMAGED', `${device.name} is damaged already: ${damage!.message}`);
  }
  const { features } = check.observation.geometry;
  if (kind.needs && !features[kind.needs]) {
    throw new NothingToSpoil(`${kind.name} needs a filesystem with ${kind.needs}`);
  }
  return kind.plant(new Site(device, check, seed));
}
