/** `xfskit mkfs`: makes a filesystem in an image file or on a block device; spellings are mkfs.xfs's. */
import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Command } from 'commander';
import { type Device, DeviceError } from '../device/device.ts';
import { systemError } from '../device/file.ts';
import { type OpenOptions, openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import { type Choice, chooseFilesystem } from '../mkfs/choose.ts';
import { addConfig } from '../mkfs/config.ts';
import { describePlan, explainPlan } from '../mkfs/describe.ts';
import { GivenOptions } from '../mkfs/given.ts';
import { type Identity, identityOf } from '../mkfs/identity.ts';
import { describeGroup, OPTION_GROUPS, type OptionGroup } from '../mkfs/options.ts';
import { isProfile, OUR_PROFILE, PROFILES } from '../mkfs/profile.ts';
import { formatGeometry } from '../mkfs/report.ts';
import { checkApart, findSide, type Side, statOf } from '../mkfs/sides.ts';
import { findSignature } from '../mkfs/signature.ts';
import { PLAIN_FILE } from '../mkfs/stripe.ts';
import { suboptionGroups } from '../mkfs/suboption.ts';
import type { Target } from '../mkfs/target.ts';
import { readTopology } from '../mkfs/topology.ts';
import { formatUsage } from '../mkfs/usage.ts';
import { writeFilesystem } from '../mkfs/write.ts';
import type { Vocabulary } from '../report/outline.ts';
import { version } from '../report/version.ts';
import { placeIn } from './place.ts';
import { SUBOPTIONS_TITLE } from './row.ts';

interface Flags {
  readonly force?: boolean;
  readonly forceToo?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly nodiscard?: boolean;
  readonly label?: string;
  readonly unsupported?: boolean;
  readonly offset?: string;
  readonly partition?: string;
  readonly json?: boolean;
  readonly explain?: boolean;
  readonly profile?: string;
  readonly reproducible?: boolean;
  readonly seed?: string;
  readonly release?: boolean;
  readonly usage?: boolean;
}

const groups = Object.keys(OPTION_GROUPS) as OptionGroup[];

export function define(command: Command): void {
  const given = new GivenOptions();
  command
    .argument('[IMAGE]', 'image file or block device; a missing file is made when a size is given')
    .argument('[SIZE]', 'size of the filesystem, as -d size=');
  for (const group of groups) {
    const take = (argument: string): void => given.add(group, argument);
    command.option(`-${group} <options>`, OPTION_GROUPS[group].title, take);
  }
  command
    .option('-f, --force', 'overwrite what is there')
    .option('-C, --force-too', 'as -f')
    .option('-N, --dry-run', 'print the geometry and write nothing')
    .option('-q, --quiet', 'do not print the geometry')
    .option('-K, --nodiscard', 'do not discard what block devices hold')
    .option('-L, --label <label>', 'label, at most 12 bytes')
    .option('-V, --release', 'print the version')
    .option('--profile <release>', `defaults of an xfsprogs release: ${PROFILES.join(' ')} (${OUR_PROFILE})`)
    .option('--reproducible', 'same options, same bytes: UUID from the plan, time fixed or SOURCE_DATE_EPOCH')
    .option('--seed <n>', 'with --reproducible: another UUID for each')
    .option('--json', 'print the whole plan as JSON in place of the geometry')
    .option('--explain', 'also print why each derived number is what it is')
    .option('--offset <bytes>', 'the filesystem starts here inside the image')
    .option('--partition <n>', 'the filesystem goes into this partition of the image (GPT or MBR)')
    .option('--unsupported', 'allow less than 300 MB, a log below 64 MB, a single AG')
    .option('--usage', 'print all options in short')
    .addHelpText('after', `\n${SUBOPTIONS_TITLE}\n${helpOfRows()}\n\n${AFTER_HELP}`)
    .action((image: string | undefined, size: string | undefined) =>
      makeFilesystem(image, size, given, command.opts()),
    );
}

/** Suboptions and values, for completion and the manual page. */
export function vocabulary(): Vocabulary {
  const profiles = PROFILES.map((word) => ({ word, help: `defaults of xfsprogs ${word}` }));
  return { groups: suboptionGroups(), words: { '--profile': profiles } };
}

const AFTER_HELP = `Sizes take k m g t p e (powers of 1024), b (blocks) and s (sectors); 0x is hex, a leading 0 octal.
  xfskit mkfs disk.img 2g
  xfskit mkfs -N --explain -d su=64k,sw=4 disk.img 10t
  xfskit mkfs --reproducible --profile 6.1 -L root disk.img 512m
Exit status: 0 made, 1 not made, and the target as it was.`;

function helpOfRows(): string {
  return groups.flatMap(describeGroup).join('\n');
}

function imageOf(argument: string | undefined, given: GivenOptions): string {
  const named = given.text('d.name');
  if (argument !== undefined && named !== undefined) throw new UsageError('-d name option respecified');
  const image = argument ?? named;
  if (given.flag('d.file') && !(image && given.has('d.size')))
    throw new UsageError('-d file needs -d name and -d size');
  if (!image) throw new UsageError('no image given');
  return image;
}

/** mkfs.xfs has the same door for test suites. */
function allowSmall(flags: Flags): boolean {
  const { TEST_DIR, TEST_DEV, QA_CHECK_FS } = process.env;
  return flags.unsupported === true || Boolean(TEST_DIR && TEST_DEV && QA_CHECK_FS);
}

/** What config file, profile and SIZE add to the options. */
function completeOptions(given: GivenOptions, size: string | undefined, flags: Flags): void {
  if (size !== undefined) given.add('d', `size=${size}`);
  const config = given.text('c.options');
  if (config !== undefined) addConfig(given, readText(config), config);
  if (flags.profile === undefined) return;
  if (!isProfile(flags.profile))
    throw new UsageError(`--profile ${flags.profile}: known are ${PROFILES.join(' ')}`);
  given.useProfile(flags.profile);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw systemError(error, path);
  }
}

interface Job {
  readonly image: string;
  readonly flags: Flags;
  readonly given: GivenOptions;
  readonly place: Pick<OpenOptions, 'offset' | 'length'>;
  readonly log: Side | undefined;
  readonly realtime: Side | undefined;
  readonly identity: Identity;
}

function makeFilesystem(
  argument: string | undefined,
  size: string | undefined,
  given: GivenOptions,
  flags: Flags,
): void {
  if (flags.usage) {
    process.stdout.write(formatUsage('mkfs.xfs'));
    return;
  }
  if (flags.release) {
    process.stdout.write(`xfskit mkfs ${version}, mkfs.xfs ${flags.profile ?? OUR_PROFILE}\n`);
    return;
  }
  completeOptions(given, size, flags);
  const image = imageOf(argument, given);
  if (flags.seed !== undefined && !flags.reproducible) throw new UsageError('--seed needs --reproducible');
  const identity = identityOf(flags.reproducible ? (flags.seed ?? '0') : undefined, process.env);
  const [log, realtime] = [findSide(given, 'log'), findSide(given, 'realtime')];
  checkApart([image, ...[log, realtime].flatMap((side) => (side ? [side.name] : []))]);
  format({ image, flags, given, place: placeIn(image, flags), log, realtime, identity });
}

function chooseFor(job: Job, bytes: number | undefined): Choice {
  const { given, log, realtime, flags, identity } = job;
  // Same bytes everywhere: what lies below an image file then has no say.
  const plain = flags.reproducible && !statOf(job.image)?.isBlockDevice();
  const topology = plain ? PLAIN_FILE : readTopology(job.image);
  const { offset, length } = job.place;
  const canGrow = offset === 0 && length === undefined && statOf(job.image)?.isFile() === true;
  const target: Target = { bytes, canGrow, topology, log, realtime };
  return chooseFilesystem(given, target, {
    label: flags.label ?? '',
    makeUuid: identity.makeUuid,
    allowSmall: allowSmall(flags),
    // Asked for seldom, and slow to tell.
    get processors() {
      return cpus().length || 1;
    },
  });
}

function format(job: Job): void {
  const { image, given, flags, place } = job;
  const remake = given.flag('d.file') && flags.partition === undefined;
  const stat = statOf(image);
  if (given.flag('d.file') && stat && !stat.isFile())
    throw new UsageError(`-d file: ${image} is no regular file`);
  const fresh = remake || !stat || (stat.isFile() && stat.size === 0);
  if (fresh && !given.has('d.size'))
    throw new DeviceError('MISSING', `${image}: ${stat ? 'is empty' : 'no such file'}; a size makes it`);
  // A file that is yet to be made takes its size from the plan, any other gives its size to it.
  const early = fresh ? chooseFor(job, undefined) : undefined;
  if (early && flags.dryRun) {
    say(early, job);
    return;
  }
  if (remake && stat?.size) openDevice(image, { write: true }).close(); // is anybody using it?
  const create = early && early.plan.dblocks * early.plan.blocksize;
  const opened: Device[] = [];
  const made = stat ? [] : [image];
  try {
    if (remake && stat) truncateSync(image, 0);
    const how: OpenOptions = { write: !flags.dryRun, ...place, ...(create === undefined ? {} : { create }) };
    let data = openDevice(image, how);
    opened.push(data);
    refuseOverwrite(data, flags);
    const choice = early ?? chooseFor(job, data.size);
    say(choice, job);
    if (flags.dryRun) return;
    const { plan } = choice;
    if (plan.dblocks * plan.blocksize > data.size) {
      data.close();
      data = openDevice(image, { ...how, create: plan.dblocks * plan.blocksize });
      opened.push(data);
    }
    const log = openSide(job.log, plan.logblocks * plan.blocksize, flags, opened, made);
    const rtBytes = (plan.realtime?.rblocks ?? 0) * plan.blocksize;
    const realtime = openSide(job.realtime, rtBytes, flags, opened, made);
    made.length = 0;
    const devices = { data, log, realtime, nodiscard: flags.nodiscard };
    const discarded = writeFilesystem(devices, plan, job.identity.moment(), job.identity.generation);
    if (!flags.quiet && !flags.json) process.stdout.write('Discarding blocks...Done.\n'.repeat(discarded));
  } finally {
    for (const device of opened) device.close();
    // Refused after all: what was not there before shall not be there now.
    for (const path of made) rmSync(path, { force: true });
  }
}

/** Opens the log or realtime device for writing, making it first if it is to be made. */
function openSide(
  side: Side | undefined,
  bytes: number,
  flags: Flags,
  opened: Device[],
  made: string[],
): Device | undefined {
  if (!side) return undefined;
  const stat = side.make ? statOf(side.name) : undefined;
  if (stat?.size) {
    openDevice(side.name, { write: true }).close();
    truncateSync(side.name, 0);
  }
  if (side.make && !stat) made.push(side.name);
  const device = openDevice(side.name, { write: true, ...(side.isFile ? { create: bytes } : {}) });
  opened.push(device);
  refuseOverwrite(device, flags);
  return device;
}

function refuseOverwrite(device: Device, flags: Flags): void {
  // Opened for reading only, as with -N, it is refused for what it would be refused for when written.
  if (device.busy !== undefined)
    throw new DeviceError('BUSY', `${device.name}: would not be written, because ${device.busy}`);
  if (flags.force || flags.forceToo || device.isFresh?.(0, device.size)) return;
  const found = findSignature(device);
  if (!found) return;
  const what =
    found.kind === 'filesystem' ? `a filesystem (${found.name})` : `a ${found.kind} (${found.name})`;
  throw new DeviceError('OVERWRITE', `${device.name} holds ${what}. Use the -f option to force overwrite.`, {
    found: found.name,
  });
}

function say(choice: Choice, { image, flags, given }: Job): void {
  // mkfs.xfs has these two, quiet or not, on its standard output.
  const tell = (text: string): boolean => (flags.json ? process.stderr : process.stdout).write(text);
  const config = given.text('c.options');
  if (config !== undefined) tell(`Parameters parsed from config file ${config} successfully\n`);
  if (flags.unsupported) tell('Filesystems formatted with --unsupported are not supported!!\n');
  for (const notice of choice.notices) process.stderr.write(`xfskit mkfs: ${notice}\n`);
  const { plan } = choice;
  if (flags.json) {
    if (!flags.quiet || flags.dryRun)
      process.stdout.write(`${JSON.stringify(describePlan(choice, image), null, 2)}\n`);
    return;
  }
  if (!flags.quiet || flags.dryRun) process.stdout.write(formatGeometry(plan, image));
  if (flags.explain) process.stdout.write(`\n${explainPlan(plan, given)}`);
}
