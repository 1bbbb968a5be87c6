/** `xfskit log status`: whether the log is clean, where it is, what waits in it and what a replay would do with that. */
import { writeOut } from '../device/stdout.ts';
import { FEATURES } from '../format/features.ts';
import { BASIC_BLOCK } from '../format/log.ts';
import type { LogHead } from '../fs/log/head.ts';
import { ringOf } from '../fs/log/place.ts';
import type { Recovery } from '../fs/log/recover/recover.ts';
import { type LogSurvey, surveyLog } from '../fs/log/survey.ts';
import { describeRecovery, mountedView } from '../repair/mounted.ts';
import { exitBits } from './exit.ts';
import { type LogActionFlags, type LoggedImage, openLogged } from './loggedimage.ts';

const LEAD = 'xfskit log';

export function logStatus(image: string, flags: LogActionFlags): void {
  const opened = openLogged(image, flags, LEAD);
  try {
    const status = statusOf(opened);
    process.exitCode = exitOfStatus(status);
    writeOut(flags.json ? `${JSON.stringify(statusJson(image, status))}\n` : statusText(image, status));
  } finally {
    opened.close();
  }
}

export interface LogStatus {
  readonly head: LogHead;
  /** Basic blocks. */
  readonly blocks: number;
  readonly logIncompat: number;
  /** Of a dirty log. */
  readonly survey: LogSurvey | undefined;
  readonly recovery: Recovery | undefined;
  /** Why it cannot be replayed. */
  readonly failure: string | undefined;
}

/** Throws DeviceError. */
function statusOf(opened: LoggedImage): LogStatus {
  const { device, logDevice, filesystem, place, head } = opened;
  const { geometry, superblock } = filesystem;
  const blocks = (geometry.logblocks * geometry.blocksize) / BASIC_BLOCK;
  const common = { head, blocks, logIncompat: superblock.features_log_incompat };
  if (head.state !== 'dirty' || !place)
    return { ...common, survey: undefined, recovery: undefined, failure: undefined };
  const survey = surveyLog(ringOf(geometry, place), head, superblock.uuid);
  const { recovery, failure, head: seen } = mountedView(device, logDevice);
  return { ...common, survey, recovery, failure: seen ? failure : 'the primary superblock cannot be used' };
}

function exitOfStatus({ head, failure }: LogStatus): number {
  if (head.state === 'clean') return exitBits.clean;
  return head.state === 'dirty' && failure === undefined ? exitBits.unfixed : exitBits.operational;
}

/** Names of the bits, and those without one as a number. */
function incompatNames(bits: number): string[] {
  const names: string[] = [];
  let left = bits;
  for (const { name, word, bit } of FEATURES) {
    if (word !== 'log_incompat' || (bits & bit) === 0) continue;
    names.push(name);
    left &= ~bit;
  }
  if (left !== 0) names.push(`0x${(left >>> 0).toString(16)}`);
  return names;
}

/** Bytes that a recovery writes to the image and to an external log: before it does so. */
export interface WrittenBytes {
  readonly data: number;
  readonly log: number;
}

export function bytesOf({ steps }: Recovery): WrittenBytes {
  const bytes = { data: 0, log: 0 };
  for (const step of steps) for (const run of step.runs()) bytes[step.target] += run.bytes.length;
  return bytes;
}

export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** `1 record`, `2 records`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What is lost if the log is cut before its damaged record. */
export function lossText({ fault }: LogSurvey): string {
  if (!fault) return 'nothing';
  const { blocks, records, transactions } = fault.lost;
  const readable = `of which ${plural(records, 'record')} with ${plural(transactions, 'committed transaction')} can be read`;
  return `${blocks} blocks from ${fault.block} on, ${readable}`;
}

function statusText(image: string, status: LogStatus): string {
  const { head, survey, recovery, failure } = status;
  const lines: [string, string][] = [];
  if (head.state === 'unreadable' || head.state === 'external') lines.push(['why', head.detail]);
  else {
    lines.push(
      ['head', `${head.headCycle}:${head.headBlock}`],
      ['tail', `${head.tailCycle}:${head.tailBlock}`],
    );
    lines.push(['blocks', `${status.blocks} of ${BASIC_BLOCK} bytes`]);
  }
  if (survey) {
    const { tailCycle, headCycle } = head;
    lines.push(['cycles', tailCycle === headCycle ? `${headCycle}` : `${tailCycle} to ${headCycle}`]);
    const operations = plural(survey.operations, 'operation');
    lines.push(['records', `${survey.records}, ${survey.bytes} bytes in ${operations}`]);
    const unfinished = survey.unfinished > 0 ? `, ${survey.unfinished} without a commit` : '';
    lines.push(['transactions', `${survey.transactions}${unfinished}`]);
    lines.push(['items', countsText(survey.items)], ['open intents', countsText(survey.open)]);
    if (survey.fault) {
      lines.push(['damage', survey.fault.message.replace(/^log: /, '')], ['lost if cut', lossText(survey)]);
    }
  }
  lines.push(['log_incompat', incompatNames(status.logIncompat).join(' ') || 'none']);
  if (failure !== undefined) lines.push(['replay', `impossible: ${failure.replace(/^log: /, '')}`]);
  if (recovery) lines.push(['replay', replayText(recovery, bytesOf(recovery))]);
  return `${image}: log ${head.state}\n${lines.map(([name, text]) => `  ${name.padEnd(13)} ${text}\n`).join('')}`;
}

/** What a replay does. */
export function replayText(recovery: Recovery, { data, log }: WrittenBytes): string {
  const { replayed, skipped, dropped } = recovery.replay;
  const already = skipped > 0 ? `, ${skipped} of them there already or freed` : '';
  const parts = [describeRecovery(recovery), `${plural(replayed + skipped, 'item')}${already}`];
  if (dropped > 0) parts.push(`${plural(dropped, 'transaction')} without a commit dropped`);
  return `${parts.join('; ')}; ${data + log} bytes written`;
}

export function recoveryJson(recovery: Recovery, bytes: WrittenBytes): object {
  const { replay, intents, unlinked, staging, restartable } = recovery;
  return {
    transactions: replay.transactions,
    itemsReplayed: replay.replayed,
    itemsSkipped: replay.skipped,
    dropped: replay.dropped,
    intents,
    unlinked,
    staging,
    restartable,
    bytes,
  };
}

export function surveyJson(survey: LogSurvey): object {
  const { records, bytes, operations, transactions, unfinished, items, open, fault } = survey;
  const damage = fault && { block: fault.block, message: fault.message, lost: fault.lost };
  return {
    records,
    bytes,
    operations,
    transactions,
    unfinished,
    items,
    openIntents: open,
    ...(damage && { damage }),
  };
}

function statusJson(image: string, status: LogStatus): object {
  const { head, survey, recovery, failure, logIncompat, blocks } = status;
  const known = head.state === 'clean' || head.state === 'dirty';
  return {
    image,
    state: head.state,
    detail: head.detail,
    ...(known && {
      head: { cycle: head.headCycle, block: head.headBlock },
      tail: { cycle: head.tailCycle, block: head.tailBlock },
    }),
    blocks,
    logIncompat: incompatNames(logIncompat),
    ...(survey && surveyJson(survey)),
    ...(recovery && { replay: recoveryJson(recovery, bytesOf(recovery)) }),
    ...(failure !== undefined && { refused: failure }),
    exit: exitOfStatus(status),
  };
}
