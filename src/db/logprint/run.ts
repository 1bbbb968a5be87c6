/** xfs_logprint as a whole: from its letters to its output, on an image whose devices are open. */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import type { Device } from '../../device/device.ts';
import { BASIC_BLOCK } from '../../format/log.ts';
import { findHeadAt } from '../../fs/log/head.ts';
import { type Filesystem, openFilesystem } from '../filesystem.ts';
import { dumpBlocks, printBlocks } from './blocks.ts';
import { LogprintEnd, type LogprintOptions, LogSource, PROGRAM, type Print } from './source.ts';
import { printTransactions } from './transactions.ts';

export interface LogprintLine {
  /** Letters of its options without values. */
  readonly letters: string;
  readonly start: number | undefined;
  /** -C */
  readonly copy: string | undefined;
  readonly device: Device;
  readonly logDevice: Device | undefined;
}

/** Runs it; false when it ends with status 1. Throws DeviceError, UnsupportedFeature. */
export function runLogprint(line: LogprintLine, print: Print, complain: Print): boolean {
  try {
    run(line, print, (text) => complain(`${PROGRAM}: ${text}`));
    return true;
  } catch (error) {
    if (!(error instanceof LogprintEnd)) throw error;
    complain(`${error.message}\n`);
    return false;
  }
}

function run(line: LogprintLine, print: Print, complain: Print): void {
  const has = (letter: string) => line.letters.includes(letter);
  const options: LogprintOptions = {
    buffers: has('b'),
    inodes: has('i'),
    quotas: has('q'),
    hex: has('o') || has('D'),
    onlyData: has('D'),
    overwritten: has('v'),
    raw: has('n'),
    // The later one of -c and -e.
    endsAtError: line.letters.lastIndexOf('c') <= line.letters.lastIndexOf('e'),
    start: line.start,
    alone: has('f'),
  };
  print(`${PROGRAM}:\n`);
  const filesystem = options.alone ? undefined : openFilesystem(line.device);
  if (filesystem && filesystem.geometry.logstart === 0 && !line.logDevice) {
    throw new LogprintEnd('    external log device not specified\n');
  }
  const source = sourceOf(line, filesystem);
  const { device, logDevice } = line;
  const log = logDevice
    ? `    log file: "${logDevice.name}" `
    : `    log device: 0x${numberOf(device.name)} `;
  print(`    data device: 0x${numberOf(device.name)}\n${log}`);
  print(`daddr: ${filesystem ? source.start / BASIC_BLOCK : 0} length: ${source.blocks}\n\n`);
  if (line.copy !== undefined) copyLog(source, line.copy);
  else if (has('d')) dumpBlocks(source, options, print);
  else if (has('t')) {
    const head = findHeadAt(source.device, source.start, source.blocks);
    printTransactions(source, head, filesystem?.superblock.uuid, options, print, complain);
  } else printBlocks(source, options, print, complain);
}

function sourceOf({ device, logDevice }: LogprintLine, filesystem: Filesystem | undefined): LogSource {
  if (!filesystem) return new LogSource(device, 0, Math.floor(device.size / BASIC_BLOCK));
  const { logstart, logblocks, blocksize } = filesystem.geometry;
  const start = logstart === 0 ? 0 : filesystem.geometry.fsbnoByte(logstart);
  return new LogSource(logDevice ?? device, start, (logblocks * blocksize) / BASIC_BLOCK);
}

/** Device number of a block device; of a file all ones. */
function numberOf(path: string): string {
  try {
    const stat = statSync(path);
    return stat.isBlockDevice() ? stat.rdev.toString(16) : 'f'.repeat(16);
  } catch {
    return 'f'.repeat(16);
  }
}

const CHUNK = 2048;

/** The log as a file of its own, which must not exist. */
function copyLog(source: LogSource, path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LogprintEnd(code === 'EEXIST' ? 'open: File exists' : `open: ${path}: ${code}`);
  }
  try {
    for (let block = 0; block < source.blocks; block += CHUNK) {
      const bytes = source.read(block, Math.min(CHUNK, source.blocks - block));
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    }
  } finally {
    closeSync(descriptor);
  }
}
