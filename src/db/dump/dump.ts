/**
 * A whole metadata dump: AG by AG, then the files that the superblock names, then the log. What is in a dump and in
 * which order follows the reference tool, so that one can be compared with the other byte by byte (where names stay
 * as they are). Memory is that of the tallest path through the trees, and of the names in the largest directory.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { UsageError } from '../../format/errors.ts';
import { SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import { tryRead, type Volume } from '../../fs/read/volume.ts';
import { dumpAg } from './ag.ts';
import { DumpContext, type DumpListener, type DumpOptions } from './context.ts';
import { dumpSystemFile, InodeDump } from './inode.ts';
import { dumpLog, findLog } from './log.ts';
import { type DescriptorOutput, type DumpFlags, DumpWriterV1, DumpWriterV2 } from './writer.ts';

export interface DumpRequest extends DumpOptions {
  /** Undefined: 2 when there is an external log to be dumped, else 1. */
  readonly version: 1 | 2 | undefined;
}

/** The filesystem to be dumped, as db opens it. */
export interface DumpSource extends Volume {
  readonly superblock: {
    readonly uuid: string;
    readonly logsunit: number;
    readonly icount: bigint;
    readonly rbmino: number;
    readonly rsumino: number;
    readonly uquotino: number;
    readonly gquotino: number;
    readonly pquotino: number;
  };
  /** Device of the external log, if that was named. */
  readonly log?: Device | undefined;
}

/** A dump begins with the primary superblock, and nothing can be restored when that makes no sense. */
function needSuperblock({ device, geometry }: DumpSource): void {
  const bytes = tryRead(device, 0, geometry.sectsize);
  const sb = bytes && SUPERBLOCK.over(bytes);
  if (sb?.magicnum !== SB_MAGIC) {
    const magic = sb ? ` number ${sb.magicnum.toString(16)}` : '';
    throw new DeviceError('NOTXFS', `bad superblock magic${magic}, giving up`);
  }
  const { sectsize, blocksize, dblocks } = sb;
  if (sectsize !== geometry.sectsize || blocksize !== geometry.blocksize || dblocks !== geometry.dblocks) {
    throw new DeviceError('NOTXFS', 'bad sizes in the primary superblock, giving up');
  }
}

/**
 * Writes a dump of `source` to what `open` gives, once it is clear that there can be one. Throws UsageError for a version that cannot hold it, DeviceError when writing fails, or
 * reading and that is to stop it.
 */
export function dumpFilesystem(
  source: DumpSource,
  open: () => DescriptorOutput,
  request: DumpRequest,
  listener: DumpListener,
): void {
  const { geometry } = source;
  needSuperblock(source);
  const version = request.version ?? (geometry.logstart === 0 && source.log ? 2 : 1);
  const log = findLog(source, source.log, source.superblock);
  if (version === 2 && !log) throw new UsageError('external log device not loaded, use -l');
  const hasLog = log !== undefined && !(version === 1 && log.isExternal);
  const flags: DumpFlags = {
    obfuscated: request.obfuscate,
    fullBlocks: !request.clear,
    dirtyLog: hasLog && log.head.state !== 'clean',
    externalLog: hasLog && log.isExternal,
    realtime: false,
  };
  const output = open();
  const sink = version === 1 ? new DumpWriterV1(output, flags) : new DumpWriterV2(output, flags);
  const context = new DumpContext(source, sink, request, listener);
  const inodes = new InodeDump(context);
  const expected = Number(BigInt.asUintN(32, source.superblock.icount));
  for (let agno = 0; agno < geometry.agcount; agno++) dumpAg(context, inodes, agno, expected);
  const { rbmino, rsumino, uquotino, gquotino, pquotino } = source.superblock;
  for (const [ino, what] of [
    [rbmino, 'rtbitmap'],
    [rsumino, 'rtsummary'],
    [uquotino, 'dqblk'],
    [gquotino, 'dqblk'],
    [pquotino, 'dqblk'],
  ] as const) {
    if (ino > 0) dumpSystemFile(context, ino, what);
  }
  if (hasLog) dumpLog(context, log);
  sink.finish();
}
