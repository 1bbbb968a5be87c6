/**
 * Leaked CoW staging extents and unlinked inodes under a clean log, which neither a mount nor xfs_repair's ordinary run
 * handles kindly: given back by transactions of ours. xfs_repair is content, and not one file has changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { MemoryDevice } from '../../src/device/memory.ts';
import { AGI_UNLINKED_BUCKETS } from '../../src/format/agi.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import { readInode } from '../../src/fs/inode/inode.ts';
import { freeUnlinkedInode } from '../../src/fs/inode/release.ts';
import { unlinkedInodes } from '../../src/fs/inode/unlinked.ts';
import { recountSuperblock } from '../../src/fs/space/recount.ts';
import { releaseStaging } from '../../src/fs/space/refcountchange.ts';
import { transact } from '../../src/fs/transaction.ts';
import { checkImage } from '../../src/repair/check.ts';
import { leakImage, leftoverExtents } from '../support/leak.ts';
import { describeKernel, repairCheck, temporaryDirectory, withMounted } from '../support/oracle.ts';
import { readTree } from '../support/tree.ts';

describeKernel('leaks are given back', () => {
  test.each([1, 2])('seed %i', async (seed) => {
    const leak = await leakImage(seed);
    const device = new MemoryDevice(readFileSync(leak.image));
    const fs = openFileSystem(device);
    const { geometry } = fs;
    const blocksFree = (): bigint => transact(fs, (tr) => tr.sb.fdblocks);
    const before = blocksFree();
    for (const [agno, agbno, count] of leak.staging) {
      transact(fs, (tr) => releaseStaging(tr, agno, agbno, count));
    }
    expect(blocksFree() - before).toBeGreaterThanOrEqual(BigInt(leak.stagingBlocks) - 20n);
    const freed: number[] = [];
    for (let agno = 0; agno < geometry.agcount; agno++) {
      for (let bucket = 0; bucket < AGI_UNLINKED_BUCKETS; bucket++) {
        const inos = transact(fs, (tr) => [...unlinkedInodes(tr, agno, bucket)].map(({ ino }) => ino));
        for (const ino of inos) transact(fs, (tr) => freeUnlinkedInode(readInode(tr, ino)));
        freed.push(...inos);
      }
    }
    expect(freed.sort((a, b) => a - b)).toEqual([...leak.orphans]);
    // The image was copied while the filesystem was in use: its counters were behind before we came.
    transact(fs, recountSuperblock);
    const mended = join(temporaryDirectory(), `mended-${seed}.img`);
    writeFileSync(mended, device.bytes);
    const { status, stdout, stderr } = repairCheck(mended);
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
    expect(leftoverExtents(mended)).toEqual([]);
    expect(checkImage(device).findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(withMounted(mended, (root) => readTree(root), ['ro'])).toEqual(leak.tree);
  });
});
