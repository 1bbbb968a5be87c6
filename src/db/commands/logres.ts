/** `logres`: what each kind of transaction reserves in the log, and the most that the least log must hold. */
import { type LogDemand, largestTransaction } from '../../fs/log/reservation.ts';
import { reservations } from '../../fs/log/transaction.ts';
import type { Filesystem } from '../filesystem.ts';
import type { CommandRow, Output, Session } from '../session.ts';

const PERMANENT = 0x4;

function demandOf({ geometry, superblock }: Filesystem): LogDemand {
  const { features } = geometry;
  return {
    blocksize: geometry.blocksize,
    sectsize: geometry.sectsize,
    inodesize: geometry.inodesize,
    dirblocksize: geometry.dirblocksize,
    agblocks: geometry.agblocks,
    agblklog: geometry.agblklog,
    inoalignmt: geometry.inoalignmt,
    logsunit: superblock.logsunit,
    finobt: features.finobt,
    rmapbt: features.rmapbt,
    reflink: features.reflink,
    nrext64: features.nrext64,
    parent: features.parent,
    rtExtent: geometry.rblocks > 0 ? superblock.rextsize : 0,
  };
}

function logres({ cursor }: Session): Output {
  const { filesystem } = cursor;
  const demand = demandOf(filesystem);
  const all = reservations(demand);
  const least = largestTransaction(demand);
  const lines = all.map(({ bytes, steps, permanent }, i) => {
    const flags = permanent ? PERMANENT : 0;
    return `type ${i} logres ${bytes} logcount ${steps} flags 0x${flags.toString(16)}\n`;
  });
  return {
    text: `${lines.join('')}minlogsize logres ${least.bytes} logcount ${least.steps}\n`,
    json: { types: all.map((each) => ({ ...each })), leastLog: { ...least } },
  };
}

export const LOGRES_COMMANDS: readonly CommandRow[] = [
  { name: 'logres', least: 0, most: 0, summary: 'dump log reservations', run: logres },
];
