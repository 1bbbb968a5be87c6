/** The demonstration runs through: no root, no xfsprogs, under 15 seconds, plain text in a pipe. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository, run } from '../../support/oracle.ts';

test('npm run demo finds what it planted and ends clean', () => {
  const started = Date.now();
  const result = run(process.execPath, [join(repository, 'demo', 'demo.mjs')], {
    env: { PATH: '/nonexistent' },
  });
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: '' });
  expect(Date.now() - started).toBeLessThan(15_000);
  expect(result.stdout).not.toContain('\u001b');
  const planted = [...result.stdout.matchAll(/^leaked-cow: AG (\d+): .* at blocks? (.*)$/gm)][0]!;
  const checks = result.stdout.split('$ xfskit check disk.img\n').slice(1);
  expect(checks.length).toBe(3);
  for (const extent of planted[2]!.split(', ')) {
    const [agbno, blocks] = extent.split('+');
    expect(checks[1]).toContain(
      `AG ${planted[1]}: leaked CoW staging extent at block ${agbno}, ${blocks} blocks`,
    );
  }
  for (const clean of [checks[0]!, checks[2]!]) expect(clean).toContain('disk.img: clean');
  for (const seen of ['agcount = 4', 'magic = 0x524d4233', 'disk.img: repaired']) {
    expect(result.stdout).toContain(seen);
  }
});
