/** What makes filesystems differ, and that reproducible ones do not. */
import { describe, expect, test } from '@jest/globals';
import { identityOf } from '../../../src/mkfs/identity.ts';
import type { Plan } from '../../../src/mkfs/plan.ts';

const plan = { label: 'a', dblocks: 1000, logDevice: undefined, realtime: undefined } as unknown as Plan;
const uuid = (seed?: string, environment: NodeJS.ProcessEnv = {}, of: Plan = plan): string =>
  identityOf(seed, environment).makeUuid(of);

describe('reproducible', () => {
  test('the UUID follows from plan, seed and time, and is one of version 4', () => {
    expect(uuid('0')).toBe(uuid('0'));
    expect(uuid('0')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const others = [uuid('1'), uuid('0', { SOURCE_DATE_EPOCH: '5' }), uuid('0', {}, { ...plan, label: 'b' })];
    expect(new Set([uuid('0'), ...others]).size).toBe(4);
  });
  test('where the image and its devices lie does not matter', () => {
    expect(uuid('0', {}, { ...plan, logDevice: '/dev/sdb' })).toBe(
      uuid('0', {}, { ...plan, logDevice: 'log' }),
    );
  });
  test('the time is fixed, or SOURCE_DATE_EPOCH, which alone is enough', () => {
    expect(identityOf('0', {}).moment()).toEqual({ seconds: 946_684_800, nanoseconds: 0 });
    const alone = identityOf(undefined, { SOURCE_DATE_EPOCH: '1700000000' });
    expect(alone.moment()).toEqual({ seconds: 1_700_000_000, nanoseconds: 0 });
    expect(alone.makeUuid(plan)).toBe(uuid('0', { SOURCE_DATE_EPOCH: '1700000000' }));
  });
});

test('otherwise random and now', () => {
  expect(uuid()).not.toBe(uuid());
  expect(uuid(undefined, { SOURCE_DATE_EPOCH: '' })).not.toBe(uuid());
  expect(Math.abs(identityOf(undefined, {}).moment().seconds - Date.now() / 1000)).toBeLessThan(5);
});

test.each(['x', '-1', '1.5', '99999999999999'])('SOURCE_DATE_EPOCH=%s is refused', (text) => {
  expect(() => identityOf(undefined, { SOURCE_DATE_EPOCH: text })).toThrow('SOURCE_DATE_EPOCH');
});
