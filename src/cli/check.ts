/** `xfskit check`: finds what is wrong with an image; never writes. */
import type { Command } from 'commander';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { writeOut } from '../device/stdout.ts';
import { CorruptionError } from '../format/errors.ts';
import { type CheckResult, checkSteps, isDamaged } from '../repair/check.ts';
import { type CheckReport, printJson } from '../report/report.ts';
import { printText } from '../report/text.ts';
import { useColour } from './colour.ts';
import { exitBits } from './exit.ts';
import { inBreaths } from './interrupt.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly offset?: string;
}

const AFTER_HELP = `
Looked at: AG headers, the six btrees of each AG, inodes, their mappings, and whether all of them agree about every
block. Not looked at: what directories and attributes hold. While the log is dirty, findings are provisional.
docs/FINDINGS.md explains each code.
Exit status: 0 clean (notes may be told), 4 damage or a dirty log, 8 IMAGE cannot be used, 16 usage,
32 cancelled.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('--json', 'print the report as JSON')
    .option('-v, --verbose', 'all findings, each with explanation and fix')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action(async (image: string, flags: Flags) => {
      const device = openDevice(image, flags.offset ? { offset: parseOffset(flags.offset) } : {});
      try {
        warnWhenBusy('check', device);
        const report = await checkReport(image, device);
        writeOut(flags.json ? printJson(report) : printText(report, textOptions(flags)));
        process.exitCode = report.exit;
      } finally {
        device.close();
      }
    });
}

/** Checks; damage that stops a check (a superblock that is lost or contradicts itself) is a report of one finding. */
async function checkReport(image: string, device: Device): Promise<CheckReport> {
  try {
    const check = await inBreaths(checkSteps(device));
    const damaged = isDamaged(check.findings) || check.provisional;
    return reportOf(image, check, damaged ? exitBits.unfixed : exitBits.clean);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    const findings = [error.finding];
    return { image, findings, provisional: false, logState: 'not read', exit: exitBits.unfixed, summary: {} };
  }
}

/** What a mounted filesystem looks like may be half of a change. */
export function warnWhenBusy(command: string, { name, busy }: Device): void {
  if (busy) process.stderr.write(`xfskit ${command}: ${name}: ${busy}; what is read may be changing\n`);
}

export function textOptions(flags: { readonly verbose?: boolean }): { colour: boolean; verbose: boolean } {
  return { colour: useColour(), verbose: flags.verbose ?? false };
}

/** What a check has to say; repair adds what it did. */
export function reportOf(image: string, check: CheckResult, exit: number): CheckReport {
  const { observation, comparison, findings, provisional } = check;
  const { geometry, log } = observation;
  const unlinked = observation.unlinked.length;
  const { leakedExtents, leakedBlocks } = comparison;
  return {
    image,
    findings,
    provisional,
    logState: log.state === 'clean' ? 'clean' : `${log.state}: ${log.detail}`,
    exit,
    summary: {
      AGs: geometry.agcount,
      'blocks (data)': geometry.dblocks,
      'block size': geometry.blocksize,
      'inodes in use': observation.inodesAllocated,
      ...(leakedExtents > 0
        ? { 'leaked CoW staging extents': leakedExtents, 'leaked CoW staging blocks': leakedBlocks }
        : {}),
      ...(unlinked > 0 ? { 'unlinked inodes': unlinked } : {}),
    },
  };
}
