/**
 * Quotas in blockget: what the files of each user, group and project take against what the quota files say. Only
 * quotas that the superblock calls accounted and checked are looked at.
 */
import { DISK_DQUOT, DQBLK, DQUOT_MAGIC, dquotsPerBlock } from '../../../format/dquot.ts';
import { DINODE } from '../../../format/inode.ts';
import { hex } from '../../number.ts';
import type { BlockMap } from './blockmap.ts';
import type { InodeFound } from './inode.ts';
import { KIND } from './kind.ts';
import type { BlockReading } from './realtime.ts';
import type { BlockUsage } from './usage.ts';

/** Bits of sb_qflags: accounted, and checked. */
const KINDS = [
  { name: 'user', accounted: 0x1, checked: 0x4, type: 1 },
  { name: 'project', accounted: 0x8, checked: 0x200, type: 2 },
  { name: 'group', accounted: 0x40, checked: 0x80, type: 4 },
] as const;
type QuotaKind = (typeof KINDS)[number];
type KindName = QuotaKind['name'];
const BIGTIME = 0x80;
const KNOWN_TYPES = 0x87;
const BUCKETS = 256;

export interface QuotaFields {
  readonly qflags: number;
  readonly inodes: Readonly<Record<KindName, number>>;
}

/** Blocks, inodes and realtime blocks. */
interface Amounts {
  bc: bigint;
  ic: bigint;
  rc: bigint;
}
interface Entry {
  readonly id: number;
  readonly counted: Amounts;
  readonly said: Amounts;
}

export class QuotaCheck {
  private readonly usage: BlockUsage;
  private readonly fields: QuotaFields;
  /** By kind; absent: not looked at. */
  private readonly tables = new Map<KindName, Map<number, Entry>>();

  constructor(usage: BlockUsage, fields: QuotaFields) {
    this.usage = usage;
    this.fields = fields;
    for (const kind of KINDS) {
      const ino = fields.inodes[kind.name];
      if (ino > 0 && this.isChecked(kind)) this.tables.set(kind.name, new Map());
    }
  }

  private isChecked({ accounted, checked }: QuotaKind): boolean {
    return (this.fields.qflags & accounted) !== 0 && (this.fields.qflags & checked) !== 0;
  }

  /** Counts what a file takes. */
  count(found: InodeFound): void {
    if (this.tables.size === 0 || found.kind === KIND.quota) return;
    const { view, at } = found;
    const at16 = (byte: number) => view.getUint16(at + byte);
    const isRealtime = found.kind === KIND.rtdata;
    const tree = found.dataTreeBlocks + found.attrBlocks;
    const amounts: Amounts = {
      bc: BigInt(isRealtime ? tree : found.dataBlocks + tree),
      ic: 1n,
      rc: BigInt(isRealtime ? found.dataBlocks : 0),
    };
    const ids: Readonly<Record<KindName, number>> = {
      user: view.getUint32(at + DINODE.offset.uid),
      group: view.getUint32(at + DINODE.offset.gid),
      project: at16(DINODE.offset.projid_hi) * 65536 + at16(DINODE.offset.projid_lo),
    };
    for (const name of this.tables.keys()) this.add(name, ids[name], 'counted', amounts);
  }

  private add(name: KindName, id: number, side: 'counted' | 'said', amounts: Amounts): void {
    const table = this.tables.get(name);
    if (!table) return;
    let entry = table.get(id);
    if (!entry) {
      entry = { id, counted: { bc: 0n, ic: 0n, rc: 0n }, said: { bc: 0n, ic: 0n, rc: 0n } };
      table.set(id, entry);
    }
    const sum = entry[side];
    sum.bc = BigInt.asIntN(64, sum.bc + amounts.bc);
    sum.ic = BigInt.asIntN(64, sum.ic + amounts.ic);
    sum.rc = BigInt.asIntN(64, sum.rc + amounts.rc);
  }

  /** Reads a quota file. */
  read(found: InodeFound, map: BlockMap, read: BlockReading): void {
    const kind = KINDS.find(({ name }) => this.fields.inodes[name] === found.ino);
    if (!kind || !this.isChecked(kind)) return;
    const perBlock = dquotsPerBlock(this.usage.geometry.blocksize);
    for (const [fileoff, fsbno] of map.blocks()) {
      const asked = this.usage.isAskedFsbno(fsbno);
      const shown = asked || this.usage.isListed(found.inode);
      const view = read(fsbno);
      if (!view) {
        const where = `${kind.name} quota inode (fsblock ${fsbno})`;
        this.usage.fail(`can't read block ${fileoff} for ${where}\n`, shown);
        continue;
      }
      for (let i = 0; i < perBlock; i++) {
        const id = (fileoff * perBlock + i) >>> 0;
        this.record(kind, view, i, { fileoff, id, shown });
      }
    }
  }

  private record(
    kind: QuotaKind,
    view: DataView,
    index: number,
    place: { fileoff: number; id: number; shown: boolean },
  ): void {
    const { usage } = this;
    const at = index * DQBLK.size;
    const o = DISK_DQUOT.offset;
    const amounts: Amounts = {
      bc: view.getBigInt64(at + o.bcount),
      ic: view.getBigInt64(at + o.icount),
      rc: view.getBigInt64(at + o.rtbcount),
    };
    const where = `${kind.name} dqblk ${place.fileoff} entry ${index} id ${place.id}`;
    if (place.shown || usage.options.verbose)
      usage.say(`${where} bc ${amounts.bc} ic ${amounts.ic} rc ${amounts.rc}\n`);
    const magic = view.getUint16(at + o.magic);
    const version = view.getUint8(at + o.version);
    const type = view.getUint8(at + o.type);
    const id = view.getUint32(at + o.id);
    const bad = (what: string) => usage.fail(`${what} for ${where}\n`, place.shown);
    if (magic !== DQUOT_MAGIC) bad(`bad magic number ${hex(magic)}`);
    else if (version !== 1) bad(`bad version number ${hex(version)}`);
    else if ((type & ~KNOWN_TYPES) !== 0) bad(`bad flags ${hex(type)}`);
    else if ((type & ~BIGTIME) !== kind.type) bad(`wrong type ${hex(type & ~BIGTIME)}`);
    else if (id !== place.id) bad(`bad id ${id}`);
    else this.add(kind.name, place.id, 'said', amounts);
  }

  /** What does not agree, in the order in which xfs_db lists it. */
  checkAll(): void {
    for (const { name } of KINDS) {
      const entries = [...(this.tables.get(name)?.values() ?? [])].reverse();
      entries.sort((a, b) => (a.id % BUCKETS) - (b.id % BUCKETS));
      for (const entry of entries) this.compare(name, entry);
    }
  }

  private compare(name: KindName, { id, said, counted }: Entry): void {
    const { usage } = this;
    const wrong = (['bc', 'ic', 'rc'] as const).filter((key) => said[key] !== counted[key]);
    if (wrong.length === 0) return;
    if (!usage.options.silent) {
      // Each part is a message of its own, with its prefix.
      usage.say(`${name} quota id ${id}, have/exp`);
      for (const key of wrong) usage.say(` ${key} ${said[key]}/${counted[key]}`);
      usage.say('\n');
    }
    usage.errors++;
  }
}
