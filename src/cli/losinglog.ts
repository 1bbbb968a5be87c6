/** `repair -L`: what would be lost with the log, and whether that was spelled out. */
import type { Device } from '../device/device.ts';
import { ringOf } from '../fs/log/place.ts';
import { surveyLog } from '../fs/log/survey.ts';
import { mountedView } from '../repair/mounted.ts';
import { logOf } from './loggedimage.ts';
import { countsText, lossText, plural } from './logstatus.ts';

export interface LogLoss {
  /** Nothing is to be lost: the log is clean. */
  readonly isClean: boolean;
  readonly text: string;
  /** Why the log is not thrown away. */
  readonly refused: string | undefined;
}

/** What throwing the log away would lose. `spelledOut`: that it may be lost although it can be replayed. */
export function lossOf(device: Device, logDevice: Device | undefined, spelledOut: boolean): LogLoss {
  const { filesystem, place, head } = logOf(device, logDevice);
  if (head.state === 'clean')
    return { isClean: true, text: 'the log is clean: nothing is lost', refused: undefined };
  if (head.state === 'external')
    return { isClean: false, text: head.detail, refused: 'the log is on another device: name it with -l' };
  if (head.state === 'unreadable' || !place) {
    return {
      isClean: false,
      text: `the log cannot be read (${head.detail}): what waits in it is lost`,
      refused: undefined,
    };
  }
  const survey = surveyLog(ringOf(filesystem.geometry, place), head, filesystem.superblock.uuid);
  const parts = [
    plural(survey.transactions, 'transaction'),
    `items: ${countsText(survey.items)}`,
    `open intents: ${countsText(survey.open)}`,
  ];
  if (survey.fault) parts.push(`behind damage ${lossText(survey)}`);
  const text = `lost with the log: ${parts.join('; ')}`;
  const canReplay = mountedView(device, logDevice).recovery !== undefined;
  const refused =
    canReplay && !spelledOut
      ? `the log can be replayed, and would be without -L; ${text}; to lose it all the same: -L --yes-lose-log`
      : undefined;
  return { isClean: false, text, refused };
}
