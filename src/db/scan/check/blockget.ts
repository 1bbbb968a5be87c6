/**
 * `blockget`: every block and inode of a filesystem is visited from the headers of each AG down, and what is said
 * twice must agree. The order of the visits is xfs_db's, so its messages come in the same order: AG by AG header,
 * free list, btrees; inodes as the inobt lists them; links, free blocks and counters last.
 */
import { AGF_MAGIC } from '../../../format/agf.ts';
import { AGI, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from '../../../format/agi.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { SB_MAGIC, SUPERBLOCK } from '../../../format/superblock.ts';
import { type Agf, type Agi, readAgf, readAgi, readFreeList, readHeader } from '../../../fs/scan/agheader.ts';
import { ScanReader } from '../../../fs/scan/reader.ts';
import type { Filesystem } from '../../filesystem.ts';
import { hex } from '../../number.ts';
import { AgTreeCheck, type TreeTotals } from './agtree.ts';
import { DirectoryCheck } from './directory.ts';
import { InodeCheck, type InodeFound } from './inode.ts';
import { NO_INODE } from './inodetable.ts';
import { KIND } from './kind.ts';
import { checkLinks, checkRoot } from './link.ts';
import { QuotaCheck } from './quota.ts';
import { RealtimeUsage } from './realtime.ts';
import { isGoodVersion, type SuperblockCounts } from './summary.ts';
import type { BlockUsage } from './usage.ts';

const NULL_AGINO = 0xffffffff;

export class Blockget {
  readonly usage: BlockUsage;
  private readonly geometry: Geometry;
  private readonly reader: ScanReader;
  private readonly fields: SuperblockCounts;
  private readonly realtime: RealtimeUsage;
  private readonly inodes: InodeCheck;
  private readonly directories: DirectoryCheck;
  private readonly quota: QuotaCheck;
  private readonly totals: TreeTotals = { freeBlocks: 0, inodes: 0, freeInodes: 0, aligned: true };
  private readonly block: DataView;
  /** Free blocks as the AGs count them. */
  private agFree = 0;
  private lazyCounts = false;
  private badVersions = 0;

  constructor(filesystem: Filesystem, usage: BlockUsage, fields: SuperblockCounts) {
    const { geometry, superblock } = filesystem;
    this.usage = usage;
    this.geometry = geometry;
    this.fields = fields;
    this.reader = new ScanReader(filesystem.device, geometry);
    this.block = new DataView(new ArrayBuffer(geometry.blocksize));
    this.realtime = new RealtimeUsage(usage, { ...fields, rblocks: geometry.rblocks });
    this.inodes = new InodeCheck(usage, this.reader, superblock, this.realtime, (found) =>
      this.content(found),
    );
    this.directories = new DirectoryCheck(usage, this.reader, (inode) => this.inodes.addLink(inode));
    const { uquotino: user, gquotino: group, pquotino: project } = superblock;
    this.quota = new QuotaCheck(usage, { qflags: fields.qflags, inodes: { user, group, project } });
  }

  /** Visits everything. False when the results mean nothing. */
  run(): boolean {
    const { usage, geometry } = this;
    let warned = false;
    for (let agno = 0; agno < geometry.agcount; agno++) {
      this.scanAg(agno);
      if (this.badVersions > 4 && !warned && this.badVersions >= agno) {
        warned = true;
        usage.say('WARNING: this may be a newer XFS filesystem.\n');
      }
    }
    usage.asked.clear();
    if (usage.serious > 0) return false;
    checkRoot(usage);
    if (!usage.options.noFreeCheck)
      for (let agno = 0; agno < geometry.agcount; agno++) usage.checkAllKnown(agno);
    for (let agno = 0; agno < geometry.agcount; agno++) checkLinks(usage, agno);
    if (geometry.rblocks > 0) this.realtime.checkAll();
    this.checkCounters();
    this.quota.checkAll();
    if (this.badVersions > geometry.agcount / 2) usage.say('WARNING: this may be a newer XFS filesystem.\n');
    return true;
  }

  private scanAg(agno: number): void {
    const { usage } = this;
    const sector = readHeader(this.reader, agno, 'sb');
    if (!sector) {
      this.lost('superblock', agno);
      return;
    }
    const sb = SUPERBLOCK.over(sector);
    this.checkSuperblock(sb, agno);
    usage.set(agno, 0, 1, KIND.sb, agno, 0);
    if (sb.logstart !== 0 && this.geometry.fsbnoAgno(sb.logstart) === agno)
      usage.set(agno, this.geometry.fsbnoAgbno(sb.logstart), sb.logblocks, KIND.log, agno, 0);
    const agf = readAgf(this.reader, agno);
    if (!agf) {
      this.lost('agf block', agno);
      return;
    }
    this.checkAgf(agf, agno, sb.agblocks);
    const agi = readAgi(this.reader, agno);
    if (!agi) {
      this.lost('agi block', agno);
      return;
    }
    this.checkAgi(agi, agno);
    const freeList = this.scanFreeList(agf);
    const trees = new AgTreeCheck(usage, this.reader, this.totals, (...visit) => this.inodes.check(...visit));
    this.scanTrees(trees, agf, agi);
    this.checkAgCounts(trees, agf, agi, agno, freeList);
  }

  private lost(what: string, agno: number): void {
    this.usage.say(`can't read ${what} for ag ${agno}\n`);
    this.usage.serious++;
  }

  private checkSuperblock(sb: ReturnType<typeof SUPERBLOCK.over>, agno: number): void {
    const { usage } = this;
    if (sb.magicnum !== SB_MAGIC) usage.fail(`bad sb magic # ${hex(sb.magicnum)} in ag ${agno}\n`);
    if (!isGoodVersion(sb.versionnum, sb.features2)) {
      usage.fail(`bad sb version # ${hex(sb.versionnum)} in ag ${agno}\n`);
      this.badVersions++;
    }
    const isV5 = (sb.versionnum & 15) === 5;
    if (isV5 || ((sb.versionnum & 0x8000) !== 0 && (sb.features2 & 2) !== 0)) this.lazyCounts = true;
    if (agno === 0 && sb.inprogress !== 0) usage.fail('mkfs not completed successfully\n');
    if (isV5 && (sb.features_incompat & 0x10) !== 0) usage.fail('filesystem needs xfs_repair\n');
  }

  /** Block of a header sector. */
  private headerBlock(sector: number): number {
    return Math.floor((sector * this.geometry.sectsize) / this.geometry.blocksize);
  }

  private checkAgf(agf: Agf, agno: number, agblocks: number): void {
    const { usage } = this;
    if (agf.magicnum !== AGF_MAGIC) usage.fail(`bad agf magic # ${hex(agf.magicnum)} in ag ${agno}\n`);
    if (agf.versionnum !== 1) usage.fail(`bad agf version # ${hex(agf.versionnum)} in ag ${agno}\n`);
    const block = this.headerBlock(1);
    if (block !== 0) usage.set(agno, block, 1, KIND.agf, agno, 0);
    if (agblocks > agf.length) usage.set(agno, agf.length, agblocks - agf.length, KIND.missing, agno, 0);
  }

  private checkAgi(agi: Agi, agno: number): void {
    const { usage } = this;
    if (agi.magicnum !== AGI_MAGIC) usage.fail(`bad agi magic # ${hex(agi.magicnum)} in ag ${agno}\n`);
    if (agi.versionnum !== 1) usage.fail(`bad agi version # ${hex(agi.versionnum)} in ag ${agno}\n`);
    const block = this.headerBlock(2);
    if (block !== 0 && block !== this.headerBlock(1)) usage.set(agno, block, 1, KIND.agi, agno, 0);
  }

  /** Blocks on the free list. */
  private scanFreeList(agf: Agf): number {
    const { usage } = this;
    const { seqno } = agf;
    const block = this.headerBlock(3);
    if (block !== 0 && block !== this.headerBlock(1) && block !== this.headerBlock(2))
      usage.set(seqno, block, 1, KIND.agfl, seqno, 0);
    const list = readFreeList(this.reader, seqno, agf);
    if (list === 'unreadable') {
      this.lost('agfl block', seqno);
      return 0;
    }
    if (list === 'bad') {
      usage.say(`agf ${seqno | 0} freelist blocks bad, skipping freelist scan\n`);
      return 0;
    }
    for (const agbno of list) usage.set(seqno, agbno, 1, KIND.freelist, seqno, block);
    if (list.length !== agf.flcount)
      usage.fail(`freeblk count ${list.length} != flcount ${agf.flcount} in ag ${seqno}\n`);
    this.totals.freeBlocks += list.length;
    return list.length;
  }

  private scanTrees(trees: AgTreeCheck, agf: Agf, agi: Agi): void {
    const { seqno } = agf;
    // The roots of the two are no reserve: they are counted when visited.
    this.totals.freeBlocks -= 2;
    trees.counts.btreeBlocks = -2;
    trees.check('bnobt', seqno, agf.bnoroot, agf.bnolevel);
    trees.check('cntbt', seqno, agf.cntroot, agf.cntlevel);
    if (agf.rmaproot !== 0) trees.check('rmapbt', seqno, agf.rmaproot, agf.rmaplevel);
    if (agf.refcntroot !== 0) trees.check('refcntbt', seqno, agf.refcntroot, agf.refcntlevel);
    trees.check('inobt', seqno, agi.root, agi.level);
    if (agi.free_root !== 0) trees.check('finobt', seqno, agi.free_root, agi.free_level);
  }

  private checkAgCounts(trees: AgTreeCheck, agf: Agf, agi: Agi, agno: number, freeList: number): void {
    const { usage } = this;
    const { counts } = trees;
    const btreeBlocks = counts.btreeBlocks >>> 0;
    const compare = (name: string, said: number, counted: number) => {
      if (said !== counted) usage.fail(`${name} ${said}, counted ${counted} in ag ${agno}\n`);
    };
    compare('agf_freeblks', agf.freeblks, counts.freeBlocks);
    compare('agf_longest', agf.longest, counts.longest);
    if (this.lazyCounts) compare('agf_btreeblks', agf.btreeblks, btreeBlocks);
    this.agFree += ((counts.freeBlocks + btreeBlocks) >>> 0) + freeList;
    compare('agi_count', agi.count, counts.inodes);
    compare('agi_freecount', agi.freecount, counts.freeInodes);
    for (let i = 0; i < AGI_UNLINKED_BUCKETS; i++) {
      const agino = agi.view.getUint32(AGI.offset.unlinked + 4 * i);
      if (agino === NULL_AGINO) continue;
      const ino = (BigInt(agno) << BigInt(this.geometry.aginolog)) | BigInt(agino);
      usage.fail(`agi unlinked bucket ${i} is ${agino} in ag ${agno} (inode=${ino})\n`);
    }
  }

  /** What lies in the blocks of an inode. */
  private content(found: InodeFound): void {
    const read = (fsbno: number): DataView | undefined => {
      const bytes = new Uint8Array(this.block.buffer);
      return this.reader.read(this.geometry.fsbnoByte(fsbno), bytes) ? this.block : undefined;
    };
    this.quota.count(found);
    if (found.inode === NO_INODE) return;
    switch (found.kind) {
      case KIND.dir:
        this.directories.check(found);
        break;
      case KIND.rtbitmap:
        this.realtime.readBitmap(found.map, read);
        break;
      case KIND.rtsum:
        this.realtime.readSummary(found.map, read);
        break;
      case KIND.quota:
        this.quota.read(found, found.map, read);
        break;
    }
  }

  private checkCounters(): void {
    const { usage, fields, totals } = this;
    const compare = (name: string, said: bigint, counted: number, what = 'counted') => {
      if (said !== BigInt(counted)) usage.fail(`${name} ${BigInt.asIntN(64, said)}, ${what} ${counted}\n`);
    };
    compare('sb_icount', fields.icount, totals.inodes);
    compare('sb_ifree', fields.ifree, totals.freeInodes);
    compare('sb_fdblocks', fields.fdblocks, totals.freeBlocks);
    if (this.lazyCounts) compare('sb_fdblocks', fields.fdblocks, this.agFree, 'aggregate AGF count');
    compare('sb_frextents', fields.frextents, this.realtime.freeExtents);
    this.checkVersionBits();
  }

  private checkVersionBits(): void {
    const { usage, fields } = this;
    const { features2, badFeatures2, versionnum } = fields;
    if (badFeatures2 !== 0 && badFeatures2 !== features2) {
      const text = `sb_features2 (0x${features2.toString(16)}) not same as sb_bad_features2`;
      usage.fail(`${text} (0x${badFeatures2.toString(16)})\n`);
    }
    const has = (bit: number) => (versionnum & bit) !== 0;
    if (this.inodes.sawAttributes && !has(0x10)) usage.fail('sb versionnum missing attr bit 10\n');
    if (fields.hasQuota && !has(0x40)) usage.fail('sb versionnum missing quota bit 40\n');
    const aligned = this.totals.aligned && (this.geometry.inoalignmt > 0 || this.geometry.inopblock >= 64);
    if (!aligned && has(0x80)) usage.fail('sb versionnum extra align bit 80\n');
  }
}
