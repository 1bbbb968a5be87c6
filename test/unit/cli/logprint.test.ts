/** The drop-in of xfs_logprint on hand-made logs: what scripts look for, refusals, and no crash on noise. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { looksLikeCrash } from '../../support/cli.ts';
import { writeLabels } from '../../support/dirtylog.ts';
import { type RunResult, repository, run, temporaryDirectory } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const path = (name: string): string => join(temporaryDirectory(), name);

function logprint(...args: string[]): RunResult {
  return run(process.execPath, [join(repository, 'bin/compat/xfs_logprint'), ...args]);
}

let logByte: number;

beforeAll(() => {
  const { device, geometry } = smallImage();
  writeFileSync(path('clean.img'), device.bytes);
  writeLabels(device, ['one', 'two']);
  writeFileSync(path('dirty.img'), device.bytes);
  logByte = geometry.fsbnoByte(geometry.logstart);
});

test('the state, where scripts look for it', () => {
  expect(logprint('-t', path('clean.img')).stdout).toContain('    log tail: 2 head: 2 state: <CLEAN>\n');
  const { stdout, status } = logprint('-tb', path('dirty.img'));
  expect(status).toBe(0);
  expect(stdout).toMatch(/ {4}log tail: 2 head: \d+ state: <DIRTY>\n\n\nLOG REC AT LSN cycle 1 block 2 /);
  expect(stdout.match(/^TRANS: tid:0x100[01] {2}#items:2 /gm)).toHaveLength(2);
  expect(stdout).toContain('\tSUPER Block Buffer:\n');
});

test('records and operations', () => {
  const { stdout } = logprint(path('dirty.img'));
  expect(stdout).toMatch(/^xfs_logprint:\n {4}data device: 0xffffffffffffffff\n {4}log device: /);
  expect(stdout).toContain(
    'Oper (0): tid: b0c0d0d0  len: 8  clientid: LOG  flags: UNMOUNT \nUnmount filesystem\n',
  );
  expect(stdout).toContain('TRAN:     tid: 1000  num_items: 2\n');
  expect(stdout).toMatch(/skipped \d+ zeroed blocks in range: \d+ - \d+\n/);
  expect(stdout).toMatch(/xfs_logprint: logical end of log\n=+\n$/);
});

test('a copy of the log is the log, and is not written over', () => {
  expect(logprint('-C', path('copy.log'), path('dirty.img')).status).toBe(0);
  const copy = readFileSync(path('copy.log'));
  expect(
    readFileSync(path('dirty.img'))
      .subarray(logByte, logByte + copy.length)
      .equals(copy),
  ).toBe(true);
  expect(logprint('-C', path('copy.log'), path('dirty.img'))).toMatchObject({
    status: 1,
    stderr: 'open: File exists\n',
  });
  expect(logprint('-t', '-f', path('copy.log')).stdout).toContain('<DIRTY>');
});

test('lines that it does not take', () => {
  for (const line of [['-Z', path('clean.img')], [], ['a', 'b'], ['-s']]) {
    expect(logprint(...line)).toMatchObject({ status: 1, stdout: '' });
  }
  expect(logprint('-V')).toMatchObject({ status: 0, stdout: 'xfs_logprint version 6.1.0\n' });
  expect(logprint(path('missing.img'))).toMatchObject({ status: 1 });
});

test('noise over the log: an end, never a crash', () => {
  const whole = readFileSync(path('dirty.img'));
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state % below;
  };
  for (let i = 0; i < 12; i++) {
    const bytes = Buffer.from(whole);
    for (let n = 0; n < 3; n++) bytes[logByte + random(6 * 512)] = random(256);
    writeFileSync(path('noise.img'), bytes);
    for (const line of [['-c'], ['-t', '-i', '-b', '-o'], ['-d']]) {
      const result = logprint(...line, path('noise.img'));
      expect([i, line, looksLikeCrash(result), [0, 1].includes(result.status!)]).toEqual([
        i,
        line,
        false,
        true,
      ]);
    }
  }
}, 60_000);
