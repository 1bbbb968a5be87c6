/**
 * Features of the filesystem to be, and what its root directory hands down to new files.
 *
 * Of a feature that was not asked for by name the default gives way to what excludes it; asked for, the contradiction
 * is an error.
 */
import { UsageError } from '../format/errors.ts';
import { DIFLAG, DIFLAG2 } from '../format/inode.ts';
import type { GivenOptions } from './given.ts';
import { ASCII_CI, type OptionKey } from './options.ts';
import type { Inheritance, PlanFeatures } from './plan.ts';

/** Greatest length of an extent, blocks. */
const MAX_EXTENT_BLOCKS = 2 ** 21 - 1;

function unlessRealtime(given: GivenOptions, key: OptionKey, realtime: boolean): boolean {
  if (!realtime) return given.flag(key);
  if (given.has(key) && given.flag(key))
    throw new UsageError(`${key.slice(2)} is not supported with a realtime device`);
  return false;
}

export function chooseFeatures(given: GivenOptions, realtime: boolean): PlanFeatures {
  const finobt = given.flag('m.finobt');
  const parent = given.flag('n.parent');
  const features = {
    finobt,
    inobtcnt: finobt && given.flag('m.inobtcount'),
    rmapbt: unlessRealtime(given, 'm.rmapbt', realtime),
    reflink: unlessRealtime(given, 'm.reflink', realtime),
    bigtime: given.flag('m.bigtime'),
    sparse: given.flag('i.sparse'),
    nrext64: given.flag('i.nrext64'),
    // Repair of parent pointers needs the exchange of file ranges, so they bring it unless it is refused by name.
    exchrange: given.flag('i.exchange') || (parent && !given.has('i.exchange')),
    parent,
    asciiCi: given.value('n.version') === ASCII_CI,
  };
  if (given.value('d.cowextsize') > 0 && !features.reflink)
    throw new UsageError('-d cowextsize needs reflink');
  return features;
}

/** Checks the hints against the AG size; sizes in blocks. Throws UsageError. */
export function chooseInheritance(given: GivenOptions, agblocks: number, rextsize: number): Inheritance {
  const extsize = given.value('d.extszinherit');
  const cowextsize = given.value('d.cowextsize');
  const most = Math.min(MAX_EXTENT_BLOCKS, Math.floor(agblocks / 2));
  const rtinherit = given.flag('d.rtinherit');
  if (extsize > most) throw new UsageError(`-d extszinherit=${extsize}: at most ${most} blocks`);
  if (rtinherit && extsize % rextsize !== 0)
    throw new UsageError(`-d extszinherit=${extsize}: not in whole realtime extents of ${rextsize} blocks`);
  if (cowextsize > most) throw new UsageError(`-d cowextsize=${cowextsize}: at most ${most} blocks`);
  const flag = (on: boolean, bit: number): number => (on ? 2 ** bit : 0);
  return {
    flags:
      flag(rtinherit, DIFLAG.RTINHERIT) +
      flag(given.has('d.projinherit'), DIFLAG.PROJINHERIT) +
      flag(extsize > 0, DIFLAG.EXTSZINHERIT),
    flags2: flag(given.flag('d.daxinherit'), DIFLAG2.DAX) + flag(cowextsize > 0, DIFLAG2.COWEXTSIZE),
    extsize,
    cowextsize,
    projid: given.value('d.projinherit'),
  };
}
