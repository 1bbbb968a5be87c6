/**
 * Operations of one record in xfs_logprint's words. It goes through them with two cursors, a place in the data and a
 * number, and takes the header of an item to tell how many regions follow; what is left of an item that a record cuts
 * off is passed over, by transaction, in the next ones. Numbering goes wrong where it does there.
 */
import { DINODE, S_IFDIR, S_IFMT } from '../../format/inode.ts';
import {
  LOG_CLIENT,
  LOG_OP,
  LOG_OPERATION,
  LOG_TRANSACTION_MAGIC,
  LOG_UNMOUNT_MAGIC,
} from '../../format/log.ts';
import { LOG_DQUOT, LOG_ICREATE, LOG_QUOTAOFF } from '../../format/logitem.ts';
import { viewOf } from '../../format/struct.ts';
import { agfText, agiText, bucketsIn, bucketText, countersText, isAgf, isAgi, PLAIN } from './header.ts';
import {
  ATTR_FORK,
  atLeast,
  attributeFault,
  attributeHead,
  coreOf,
  createText,
  DATA_FORK,
  FIELD,
  freedFault,
  freedText,
  hex64,
  ITEM,
  inodeHead,
  intentHead,
  intentText,
} from './item.ts';
import { type LogprintOptions, nameText, OPERATION_LINE, type Print, wordsText } from './source.ts';

const CORE_V2 = DINODE.offset.next_unlinked;
const CORE = 16;
const FLAGS: readonly (readonly [number, string])[] = [
  [LOG_OP.START, 'START'],
  [LOG_OP.COMMIT, 'COMMIT'],
  [LOG_OP.WAS_CONT, 'WAS_CONT'],
  [LOG_OP.UNMOUNT, 'UNMOUNT'],
  [LOG_OP.CONTINUE, 'CONTINUE'],
  [LOG_OP.END, 'END'],
];

interface Operation {
  readonly tid: number;
  readonly flags: number;
  readonly region: Uint8Array;
  readonly continues: boolean;
}

/** Regions of cut-off items that are still to come, by transaction; kept from record to record. */
export class Leftovers {
  private readonly skips: { tid: number; count: number }[] = [];

  add(tid: number, count: number): void {
    this.skips.unshift({ tid, count });
  }

  /** Whether a region is such a rest. */
  take(tid: number, isRest: boolean): boolean {
    if (this.skips.length === 0) return isRest;
    const i = this.skips.findIndex((skip) => skip.tid === tid);
    if (i < 0) return false;
    if (--this.skips[i]!.count === 0) this.skips.splice(i, 1);
    return true;
  }
}

export interface RecordOutcome {
  /** It gave up at an unknown operation. */
  readonly unknown: boolean;
}

export class OperationPrinter {
  private readonly data: Uint8Array;
  private readonly view: DataView;
  private readonly count: number;
  private readonly options: LogprintOptions;
  private readonly print: Print;
  private readonly complain: Print;
  private readonly leftovers: Leftovers;
  private at = 0;
  private i = 0;

  constructor(
    record: { readonly data: Uint8Array; readonly operations: number },
    options: LogprintOptions,
    leftovers: Leftovers,
    print: Print,
    complain: Print,
  ) {
    this.data = record.data;
    this.view = viewOf(record.data);
    // No more than have room for a header each, whatever the record says.
    this.count = record.operations;
    this.options = options;
    this.leftovers = leftovers;
    this.print = print;
    this.complain = complain;
  }

  /** All of them. `strict`: an operation of unknown type is an error. */
  run(strict: boolean): RecordOutcome {
    let lostContext = false;
    for (this.i = 0; this.i < this.count && this.at < this.data.length; this.i++) {
      this.print(OPERATION_LINE);
      const operation = this.header();
      const { tid, flags, region } = operation;
      const isPiece = (flags & (LOG_OP.WAS_CONT | LOG_OP.CONTINUE)) !== 0;
      if (isPiece && region.length === 0) continue;
      if (this.options.raw) {
        this.rawRegion(region);
        continue;
      }
      if (this.leftovers.take(tid, (flags & LOG_OP.WAS_CONT) !== 0)) {
        this.print('Left over region from split log item\n');
        this.at += region.length;
        lostContext = true;
        continue;
      }
      if (region.length === 0) continue;
      const skip = this.item(operation, isPiece);
      if (skip === undefined) {
        if (strict && !lostContext) {
          this.complain(`unknown log operation type (${this.u16(this.at).toString(16)})\n`);
          if (this.options.endsAtError) return { unknown: true };
        } else this.print('Left over region from split log item\n');
        this.at += region.length;
        lostContext = false;
      } else if (skip !== 0) this.leftovers.add(tid, skip);
    }
    return { unknown: false };
  }

  private u16(at: number): number {
    return at + 2 <= this.data.length ? this.view.getUint16(at, true) : 0;
  }

  /** Prints the header of the operation at the cursor, and moves behind it. */
  private header(): Operation {
    const bytes = atLeast(this.data.subarray(this.at, this.at + LOG_OPERATION.size), LOG_OPERATION.size);
    const { tid, len, clientid, flags } = LOG_OPERATION.over(bytes);
    this.at = Math.min(this.data.length, this.at + LOG_OPERATION.size);
    const client =
      clientid === LOG_CLIENT.TRANSACTION ? 'TRANS' : clientid === LOG_CLIENT.LOG ? 'LOG' : 'ERROR';
    const names = FLAGS.filter(([bit]) => flags & bit).map(([, name]) => `${name} `);
    const shown = flags === 0 ? 'none' : names.join('');
    this.print(
      `Oper (${this.i}): tid: ${tid.toString(16)}  len: ${len | 0}  clientid: ${client}  flags: ${shown}\n`,
    );
    const region = this.data.subarray(this.at, Math.min(this.data.length, this.at + len));
    return { tid, flags, region, continues: (flags & LOG_OP.CONTINUE) !== 0 };
  }

  private rawRegion(region: Uint8Array): void {
    let text = '';
    region.forEach((byte, n) => {
      text += `0x${byte.toString(16).padStart(2, '0')} `;
      if (n % 16 === 15) text += '\n';
    });
    this.print(`${text}\n`);
    this.at += region.length;
  }

  /** Regions of the item that are in later records; undefined: not the start of an item. */
  private item({ region }: Operation, isPiece: boolean): number | undefined {
    const word = region.length >= 4 ? viewOf(region).getUint32(0, true) : 0;
    if (word === LOG_TRANSACTION_MAGIC) return this.transaction(region);
    const type = this.u16(this.at);
    const intent = intentText(type, region, isPiece);
    if (intent) {
      this.at += region.length;
      this.print(intent.text);
      if (intent.complaint !== undefined) this.complain(`${intent.complaint}\n`);
      return intent.lost ? 1 : 0;
    }
    switch (type) {
      case ITEM.BUF:
        return this.buffer(region);
      case ITEM.ICREATE:
        return this.create(region);
      case ITEM.INODE:
        return this.inode(region, isPiece);
      case ITEM.DQUOT:
        return this.dquot(region);
      case ITEM.EFI:
        return this.freeing(region, isPiece);
      case ITEM.EFD:
        return this.done(region, 'EFD', 'num_extents');
      case ITEM.ATTRI:
        return this.attribute(region);
      case ITEM.ATTRD:
        return this.done(region, 'ATTRD', undefined);
      case ITEM.QUOTAOFF:
        return this.quotaOff(region);
      case LOG_UNMOUNT_MAGIC:
        this.print('Unmount filesystem\n');
        // The cursor stays: nothing follows it in its record.
        return 0;
      default:
        return undefined;
    }
  }

  private transaction(region: Uint8Array): number {
    this.at += region.length;
    const name = String.fromCharCode(...[3, 2, 1, 0].map((i) => region[i]!));
    if (region.length !== CORE) {
      this.print(`${name}:   Not enough data to decode further\n`);
      return 1;
    }
    const view = viewOf(region);
    const [tid, items] = [view.getUint32(8, true), view.getInt32(12, true)];
    this.print(`${name}:     tid: ${tid.toString(16)}  num_items: ${items}\n`);
    return 0;
  }

  private buffer(region: Uint8Array): number {
    this.at += region.length;
    const view = viewOf(atLeast(region, 20));
    const [size, flags, length] = [2, 4, 6].map((at) => view.getUint16(at, true)) as [number, number, number];
    const blkno = view.getBigInt64(8, true);
    const words = view.getUint32(16, true);
    if (region.length < CORE + words) {
      this.print(`BUF:  #regs: ${size}   Not printing rest of data\n`);
      return size;
    }
    this.print(
      `BUF:  #regs: ${size}   start blkno: ${blkno} (0x${hex64(blkno)})  len: ${length}  bmap size: ${words | 0}  flags: 0x${flags.toString(16)}\n`,
    );
    let continues = false;
    const { here, later } = this.split(size - 1);
    for (let n = 0; n < here; n++) {
      this.i++;
      const operation = this.header();
      continues = operation.continues;
      this.bufferRegion(operation, blkno === 0n && n === 0);
    }
    return later + (continues ? 1 : 0);
  }

  /** Of `regions` to come: how many are in this record, how many in later ones. */
  private split(regions: number): { here: number; later: number } {
    const left = this.count - 1 - this.i;
    return regions > left ? { here: Math.max(0, left), later: regions - left } : { here: regions, later: 0 };
  }

  private bufferRegion({ region, continues }: Operation, isSuperblock: boolean): void {
    if (isSuperblock) {
      const counters = countersText(region, PLAIN);
      this.print(`SUPER BLOCK Buffer: ${counters === undefined ? 'Out of space\n' : `\n${counters}`}`);
    } else if (isAgi(region)) {
      const text = agiText(region, PLAIN);
      this.print(`AGI Buffer: XAGI  ${text === undefined ? 'out of space\n' : `\n${text}`}`);
      if (text !== undefined) {
        const buckets = bucketsIn(region.length);
        if (buckets === undefined && continues) {
          this.print('AGI unlinked data skipped (CONTINUE set, no space)\n');
          return;
        }
        this.print(bucketText(region, buckets));
      }
    } else if (isAgf(region)) {
      const text = agfText(region, PLAIN);
      this.print(`AGF Buffer: XAGF  ${text === undefined ? 'Out of space\n' : `\n${text}`}`);
    } else {
      this.print('BUF DATA\n');
      if (this.options.hex) this.print(wordsText(region));
    }
    this.at += region.length;
  }

  private create(region: Uint8Array): number {
    this.at += region.length;
    const whole = region.length === LOG_ICREATE.size;
    this.print(whole ? createText(region, '') : 'ICR: split header, not printing\n');
    return whole ? 0 : 1;
  }

  private inode(region: Uint8Array, isPiece: boolean): number {
    this.i++;
    this.at += region.length;
    const head = isPiece ? undefined : inodeHead(region);
    if (!head) {
      const size = viewOf(atLeast(region, 4)).getUint16(2, true);
      this.print(`INODE: #regs: ${size}   Not printing rest of data\n`);
      return size;
    }
    const { size, fields } = head;
    this.print(
      `INODE: #regs: ${size}   ino: 0x${hex64(head.ino)}  flags: 0x${fields.toString(16)}   dsize: ${head.dsize}\n` +
        `        blkno: ${head.blkno}  len: ${head.len}  boff: ${head.boffset}\n`,
    );
    if (this.i >= this.count) return size - 1;
    const operation = this.header();
    if (operation.continues) return size - 1;
    const core = coreOf(operation.region);
    this.print(coreText(core));
    // Its length goes by the superblock, which a log alone in a file does not have.
    this.at = Math.min(this.data.length, this.at + (this.options.alone ? CORE_V2 : DINODE.size));
    if ((fields & (FIELD.DEVICE | FIELD.UUID)) === FIELD.DEVICE) this.print('DEV inode: no extra region\n');
    if ((fields & (FIELD.DEVICE | FIELD.UUID)) === FIELD.UUID) this.print('UUID inode: no extra region\n');
    return size === 2 ? 0 : this.forks(fields, core, size - 2);
  }

  /** `left`: regions of the item that are still to come. */
  private forks(fields: number, core: ReturnType<typeof coreOf>, left: number): number {
    let rest = left;
    const forks = [
      { bits: fields & DATA_FORK, name: 'inode', kinds: DATA_KINDS },
      { bits: fields & ATTR_FORK, name: 'attr', kinds: ATTR_KINDS },
    ];
    for (const { bits, name, kinds } of forks) {
      if (bits === 0) continue;
      if (this.i === this.count - 1) return rest;
      this.i++;
      const { region, continues } = this.header();
      const kind = kinds[bits];
      if (kind !== undefined) this.print(`${kind} ${name} data\n`);
      if (kind === 'LOCAL' && (core.mode & S_IFMT) === S_IFDIR) {
        this.print(`SHORTFORM DIRECTORY size ${Number(BigInt.asIntN(32, core.size))}\n`);
      }
      this.at += region.length;
      if (continues) return rest;
      rest--;
    }
    return 0;
  }

  private dquot(region: Uint8Array): number {
    this.i++;
    this.at += region.length;
    const { id, blkno, len, boffset } = LOG_DQUOT.over(atLeast(region, LOG_DQUOT.size));
    const size = viewOf(atLeast(region, 4)).getUint16(2, true);
    if (region.length !== LOG_DQUOT.size) {
      this.print(`DQUOT: #regs: ${size}   Not printing rest of data\n`);
      return size;
    }
    this.print(
      `#regs: ${size}   id: 0x${id.toString(16)}  blkno: ${blkno}  len: ${len}  boff: ${boffset | 0}\n`,
    );
    const { here, later } = this.split(size - 1);
    let continues = false;
    for (let n = 0; n < here; n++) {
      const operation = this.header();
      continues = operation.continues;
      const view = viewOf(atLeast(operation.region, 4));
      this.print(`DQUOT: magic 0x${view.getUint16(0).toString(16)} flags 0${view.getUint8(3).toString(8)}\n`);
      this.at += operation.region.length;
    }
    return later + (continues ? 1 : 0);
  }

  private freeing(region: Uint8Array, isPiece: boolean): number {
    this.at += region.length;
    if (isPiece && region.length < CORE) {
      this.print('EFI: Not enough data to decode further\n');
      return 1;
    }
    const fault = isPiece ? undefined : freedFault(region);
    if (fault !== undefined) {
      this.complain(`${fault}\n`);
      return 1;
    }
    const { size, count, id } = intentHead(region);
    this.print(`EFI:  #regs: ${size}\tnum_extents: ${count | 0}  id: 0x${hex64(id)}\n`);
    this.print(isPiece ? 'EFI free extent data skipped (CONTINUE set, no space)\n' : freedText(region));
    return 0;
  }

  private done(region: Uint8Array, name: string, counted: string | undefined): number {
    this.at += region.length;
    if (region.length < CORE) {
      this.print(`${name}: Not enough data to decode further\n`);
      return 1;
    }
    const { size, count, id } = intentHead(region);
    const extents = counted === undefined ? '' : `${counted}: ${count | 0}  `;
    this.print(`${name}:  #regs: ${size}\t${extents}id: 0x${hex64(id)}\n`);
    return 0;
  }

  private attribute(region: Uint8Array): number {
    const head = attributeHead(region);
    if (!head) {
      this.complain(`${attributeFault(region)}\n`);
      return 1;
    }
    this.at += region.length;
    this.print(head.text);
    for (const [what, length] of [
      ['name', head.nameLength],
      ['value', head.valueLength],
    ] as const) {
      if (length === 0) continue;
      this.print('\n');
      this.i++;
      const { region: bytes } = this.header();
      const shown = what === 'name' ? bytes.length : length;
      this.print(`ATTRI:  ${what} len:${shown}\n${nameText(bytes.subarray(0, shown))}`);
      this.at += bytes.length;
    }
    return 0;
  }

  private quotaOff(region: Uint8Array): number {
    this.at += region.length;
    if (region.length < LOG_QUOTAOFF.size) {
      this.print('QOFF: Not enough data to decode further\n');
      return 1;
    }
    const { flags } = LOG_QUOTAOFF.over(region);
    const size = viewOf(region).getUint16(2, true);
    this.print(`QOFF:  #regs: ${size}    flags: 0x${flags.toString(16)}\n`);
    return 0;
  }
}

const DATA_KINDS: Readonly<Record<number, string>> = {
  [FIELD.DATA_EXTENTS]: 'EXTENTS',
  [FIELD.DATA_ROOT]: 'BTREE',
  [FIELD.DATA_LOCAL]: 'LOCAL',
};
const ATTR_KINDS: Readonly<Record<number, string>> = {
  [FIELD.ATTR_EXTENTS]: 'EXTENTS',
  [FIELD.ATTR_ROOT]: 'BTREE',
  [FIELD.ATTR_LOCAL]: 'LOCAL',
};

function coreText(core: ReturnType<typeof coreOf>): string {
  const hex = (value: number | bigint) => (typeof value === 'bigint' ? hex64(value) : value.toString(16));
  const flags2 =
    core.version === 3 ? `flags2 0x${hex(core.flags2)} cowextsize 0x${hex(core.cowextsize)}\n` : '';
  return (
    `INODE CORE\nmagic 0x${hex(core.magic)} mode 0${core.mode.toString(8)} version ${core.version} format ${core.format}\n` +
    `nlink ${core.nlink} uid ${core.uid} gid ${core.gid}\n` +
    `atime 0x${hex(core.atime)} mtime 0x${hex(core.mtime)} ctime 0x${hex(core.ctime)}\n` +
    `size 0x${hex(core.size)} nblocks 0x${hex(core.nblocks)} extsize 0x${hex(core.extsize)} nextents 0x${hex(core.nextents)}\n` +
    `naextents 0x${hex(core.anextents)} forkoff ${core.forkoff} dmevmask 0x${hex(core.dmevmask)} dmstate 0x${hex(core.dmstate)}\n` +
    `flags 0x${hex(core.flags)} gen 0x${hex(core.gen)}\n${flags2}`
  );
}
