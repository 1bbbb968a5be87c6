/** `xfskit mkfs`: makes a filesystem in an image file or on a block device; spellings are mkfs.xfs's. */
import { randomUUID } from 'node:crypto';
import { type Stats, statSync, truncateSync } from 'node:fs';
import type { Command } from 'commander';
import { type Device, DeviceError } from '../device/device.ts';
import { systemError } from '../device/file.ts';
import { type OpenOptions, openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import type { Timestamp } from '../format/time.ts';
import { type Choice, chooseFilesystem } from '../mkfs/choose.ts';
import { GivenOptions } from '../mkfs/given.ts';
import { describeGroup, OPTION_GROUPS, type OptionGroup } from '../mkfs/options.ts';
import { formatGeometry } from '../mkfs/report.ts';
import { findSignature } from '../mkfs/signature.ts';
import { readTopology } from '../mkfs/topology.ts';
import { writeFilesystem } from '../mkfs/write.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly label?: string;
  readonly unsupported?: boolean;
  readonly offset?: string;
  readonly json?: boolean;
}

const groups = Object.keys(OPTION_GROUPS) as OptionGroup[];

export function define(command: Command): void {
  const given = new GivenOptions();
  command.argument('[IMAGE]', 'image file or block device; a missing file is made with -d size=');
  for (const group of groups) {
    const take = (argument: string): void => given.add(group, argument);
    command.option(`-${group} <options>`, OPTION_GROUPS[group], take);
  }
  command
    .option('-f, --force', 'overwrite what is there')
    .option('-N, --dry-run', 'print the geometry and write nothing')
    .option('-q, --quiet', 'do not print the geometry')
    .option('-K, --nodiscard', 'accepted: nothing is ever discarded')
    .option('-L, --label <label>', 'label, at most 12 bytes')
    .option('--json', 'print the plan as JSON in place of the geometry')
    .option('--offset <bytes>', 'the filesystem starts here inside the image')
    .option('--unsupported', 'allow less than 300 MB, a log below 64 MB, a single AG')
    .addHelpText('after', `\nSuboptions, comma-joined or repeated, each once:\n${helpOfRows()}\n${SUFFIXES}`)
    .action((image: string | undefined) => makeFilesystem(image, given, command.opts()));
}

const SUFFIXES =
  'Sizes take k m g t p e (powers of 1024), b (blocks) and s (sectors); 0x is hex, a leading 0 octal.';

function helpOfRows(): string {
  return groups.flatMap(describeGroup).join('\n');
}

function imageOf(argument: string | undefined, given: GivenOptions): string {
  const named = given.text('d.name');
  if (argument !== undefined && named !== undefined) throw new UsageError('-d name option respecified');
  const image = argument ?? named;
  if (!image) throw new UsageError('no image given');
  if (given.flag('d.file', false) && !given.has('d.size')) throw new UsageError('-d file needs -d size');
  return image;
}

/** mkfs.xfs has the same door for test suites. */
function allowSmall(flags: Flags): boolean {
  const { TEST_DIR, TEST_DEV, QA_CHECK_FS } = process.env;
  return flags.unsupported === true || Boolean(TEST_DIR && TEST_DEV && QA_CHECK_FS);
}

function makeFilesystem(argument: string | undefined, given: GivenOptions, flags: Flags): void {
  const image = imageOf(argument, given);
  const offset = parseOffset(flags.offset ?? '0');
  const remake = given.flag('d.file', false);
  const stat = statOf(image);
  if (remake && stat && !stat.isFile()) throw new UsageError(`-d file: ${image} is no regular file`);
  const fresh = remake || !stat || (stat.isFile() && stat.size === 0);
  if (fresh && !given.has('d.size'))
    throw new DeviceError('MISSING', `${image}: ${stat ? 'is empty' : 'no such file'}; -d size= makes it`);
  const choose = (bytes: number | undefined): Choice =>
    chooseFilesystem(
      given,
      { bytes, topology: readTopology(image) },
      { label: flags.label ?? '', randomUuid: randomUUID, allowSmall: allowSmall(flags) },
    );
  // A file that is yet to be made takes its size from the plan, any other gives its size to it.
  const early = fresh ? choose(undefined) : undefined;
  if (early && flags.dryRun) {
    say(early, image, flags);
    return;
  }
  if (remake && stat) empty(image, stat);
  const create = early && early.plan.dblocks * early.plan.blocksize;
  const how: OpenOptions = { write: !flags.dryRun, offset, ...(create === undefined ? {} : { create }) };
  const device = openDevice(image, how);
  try {
    refuseOverwrite(device, flags);
    const choice = early ?? choose(device.size);
    say(choice, image, flags);
    if (!flags.dryRun) writeFilesystem(device, choice.plan, momentOf(Date.now()));
  } finally {
    device.close();
  }
}

function statOf(image: string): Stats | undefined {
  try {
    return statSync(image, { throwIfNoEntry: false });
  } catch (error) {
    throw systemError(error, image);
  }
}

/** Cuts a file that `-d file` makes anew to nothing, once it is known that nobody uses it. */
function empty(image: string, stat: Stats): void {
  if (stat.size > 0) openDevice(image, { write: true }).close();
  truncateSync(image, 0);
}

function refuseOverwrite(device: Device, flags: Flags): void {
  if (flags.force || device.isFresh?.(0, device.size)) return;
  const found = findSignature(device);
  if (!found) return;
  const what =
    found.kind === 'filesystem' ? `a filesystem (${found.name})` : `a ${found.kind} (${found.name})`;
  throw new DeviceError('OVERWRITE', `${device.name} holds ${what}. Use the -f option to force overwrite.`, {
    found: found.name,
  });
}

function say(choice: Choice, image: string, flags: Flags): void {
  for (const notice of choice.notices) process.stderr.write(`xfskit mkfs: ${notice}\n`);
  if (flags.quiet && !flags.dryRun) return;
  const { plan } = choice;
  process.stdout.write(
    flags.json ? `${JSON.stringify({ image, ...plan }, null, 2)}\n` : formatGeometry(plan, image),
  );
}

function momentOf(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1_000_000 };
}
