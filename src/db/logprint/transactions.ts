/** xfs_logprint -t: whether the log is clean, and the committed transactions of a dirty one, item by item. */
import { LOG_RECORD } from '../../format/log.ts';
import { LOG_DQUOT, LOG_ICREATE, LOG_QUOTAOFF } from '../../format/logitem.ts';
import { viewOf } from '../../format/struct.ts';
import { LogAssembler, type LoggedItem, type LoggedTransaction } from '../../fs/log/assembly.ts';
import type { LogHead } from '../../fs/log/head.ts';
import { LogError, readRecords } from '../../fs/log/record.ts';
import { LogRing } from '../../fs/log/ring.ts';
import { agfText, agiText, bucketsIn, bucketText, countersText, DENSE, isAgf, isAgi } from './header.ts';
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
import {
  LogprintEnd,
  type LogprintOptions,
  type LogSource,
  nameText,
  type Print,
  RECORD_LINE,
  wordsText,
} from './source.ts';

const CORRUPTED = 117;
const MOST_VALUE = 128;
const NAMES: Readonly<Record<number, string>> = {
  [ITEM.BUF]: 'BUF',
  [ITEM.ICREATE]: 'ICR',
  [ITEM.INODE]: 'INO',
  [ITEM.DQUOT]: 'DQ ',
  [ITEM.QUOTAOFF]: 'QOFF',
  [ITEM.EFI]: 'EFI',
  [ITEM.EFD]: 'EFD',
  [ITEM.RUI]: 'RUI',
  [ITEM.RUD]: 'RUD',
  [ITEM.CUI]: 'CUI',
  [ITEM.CUD]: 'CUD',
  [ITEM.BUI]: 'BUI',
  [ITEM.BUD]: 'BUD',
  [ITEM.ATTRI]: 'ATTRI',
  [ITEM.ATTRD]: 'ATTRD',
};

/** Prints the state of the log, and what waits in it. `uuid`: of the filesystem; undefined: not known. */
export function printTransactions(
  source: LogSource,
  head: LogHead,
  uuid: string | undefined,
  options: LogprintOptions,
  print: Print,
  complain: Print,
): void {
  if (head.state !== 'clean' && head.state !== 'dirty') {
    throw new LogprintEnd(`xfs_logprint: failed to find head and tail, error: ${CORRUPTED}`);
  }
  const { tailBlock, headBlock } = head;
  const state = head.state === 'clean' ? '<CLEAN>' : '<DIRTY>';
  print(`    log tail: ${tailBlock} head: ${headBlock} state: ${state}\n`);
  const tail = options.start ?? tailBlock;
  if (options.start !== undefined) print(`    override tail: ${tail}\n`);
  print('\n');
  if (tail === headBlock && (options.start !== undefined || head.state === 'clean')) return;
  const from = { ...head, state: 'dirty' as const, tailBlock: tail };
  const [first] = [source.read(tail, 1)];
  const header = first.length > 0 ? LOG_RECORD.over(first) : undefined;
  const logUuid = header?.uuid ?? '';
  // With -s the cycle that the record itself says.
  const start = options.start === undefined ? from : { ...from, tailCycle: header?.cycle ?? 0 };
  const printer = new TransactionPrinter(options, print, complain);
  const assembler = new LogAssembler({ commit: (transaction) => printer.transaction(transaction) });
  try {
    for (const record of readRecords(
      new LogRing(source.device, source.start, source.blocks),
      start,
      logUuid,
    )) {
      const [cycle, block] = [Number(record.lsn >> 32n), Number(record.lsn & 0xffffffffn)];
      print(
        `\nLOG REC AT LSN cycle ${cycle} block ${block} (0x${cycle.toString(16)}, 0x${block.toString(16)})\n`,
      );
      if (record.block === tail && uuid !== undefined && uuid !== logUuid) {
        print(`* ERROR: mismatched uuid in log\n*            SB : ${uuid}\n*            log: ${logUuid}\n`);
      }
      assembler.take(record);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    complain(`${error.message}\n`);
    throw new LogprintEnd(`xfs_logprint: failed in xfs_do_recovery_pass, error: ${CORRUPTED}`);
  }
}

class TransactionPrinter {
  private readonly options: LogprintOptions;
  private readonly print: Print;
  private readonly complain: Print;

  constructor(options: LogprintOptions, print: Print, complain: Print) {
    this.options = options;
    this.print = print;
    this.complain = complain;
  }

  transaction({ tid, announced, items }: LoggedTransaction): void {
    const shown = tid.toString(16);
    // Addresses of its own memory: here there are none.
    this.print(`${RECORD_LINE}TRANS: tid:0x${shown}  #items:${announced}  trans:0x${shown}  q:0x0\n`);
    for (const item of items) {
      const regions = item.regions.map(({ length }) => `a:0x0 len:${length} `).join('');
      const count = item.regions.length;
      const name = NAMES[item.type];
      if (name === undefined) throw new LogprintEnd('xlog_recover_print_item: illegal type');
      this.print(`${name}: cnt:${count} total:${count} ${regions}\n`);
      this.item(item);
    }
  }

  private item({ type, regions }: LoggedItem): void {
    const head = regions[0]!;
    const intent = intentText(type, head, false);
    if (intent) {
      this.print(intent.text);
      if (intent.complaint !== undefined) this.complain(`${intent.complaint}\n`);
      return;
    }
    switch (type) {
      case ITEM.BUF:
        this.buffer(regions);
        return;
      case ITEM.ICREATE:
        this.print(createText(atLeast(head, LOG_ICREATE.size), '\t'));
        return;
      case ITEM.INODE:
        this.inode(regions);
        return;
      case ITEM.DQUOT:
        this.dquot(regions);
        return;
      case ITEM.QUOTAOFF:
        this.quotaOff(head);
        return;
      case ITEM.EFI:
        this.freeing(head);
        return;
      case ITEM.ATTRI:
        this.attribute(regions);
        return;
      default: {
        const { size, count, id } = intentHead(head);
        const extents = type === ITEM.EFD ? `num_extents: ${count | 0}  ` : '';
        this.print(`\t${NAMES[type]}:  #regs: ${size}\t${extents}id: 0x${hex64(id)}\n`);
      }
    }
  }

  private buffer(regions: LoggedItem['regions']): void {
    const view = viewOf(atLeast(regions[0]!, 20));
    const blkno = view.getBigInt64(8, true);
    this.print(
      `\tBUF:  #regs:${view.getUint16(2, true)}   start blkno:0x${hex64(blkno)}   len:${view.getUint16(6, true)}   bmap size:${view.getInt32(16, true)}   flags:0x${view.getUint16(4, true).toString(16)}\n`,
    );
    for (const region of regions.slice(1)) this.bufferRegion(region, blkno === 0n);
  }

  private bufferRegion(region: Uint8Array, isSuperblock: boolean): void {
    const { buffers, hex } = this.options;
    if (isSuperblock) {
      this.print('\tSUPER Block Buffer:\n');
      if (!buffers) return;
      const view = viewOf(atLeast(region, 64));
      this.print(`              ${countersText(atLeast(region, 64), DENSE)}`);
      this.print(`\t\tsunit:${view.getUint32(56)}  swidth:${view.getUint32(60)}\n`);
    } else if (isAgi(region)) {
      this.print('\tAGI Buffer: (XAGI)\n');
      if (!buffers) return;
      this.print(agiText(atLeast(region, 64), DENSE)! + bucketText(region, bucketsIn(region.length)));
    } else if (isAgf(region)) {
      this.print('\tAGF Buffer: (XAGF)\n');
      if (buffers) this.print(agfText(atLeast(region, 64), DENSE)!);
    } else {
      this.print('\tBUF DATA\n');
      if (buffers && hex) this.print(wordsText(region));
    }
  }

  private inode(regions: LoggedItem['regions']): void {
    const head = inodeHead(regions[0]!);
    if (!head) throw new LogprintEnd('xlog_recover_print_inode: bad length of an inode item');
    const { size, fields, ino, dsize } = head;
    this.print(
      `\tINODE: #regs:${size}   ino:0x${hex64(ino)}  flags:0x${fields.toString(16)}   dsize:${dsize}\n\tCORE inode:\n`,
    );
    if (this.options.inodes) this.print(coreText(coreOf(regions[1] ?? new Uint8Array(0))));
    const dataBits = fields & (DATA_FORK | FIELD.DEVICE | FIELD.UUID);
    const kind = DATA_KINDS[dataBits];
    if (kind !== undefined) this.fork(`DATA FORK ${kind}`, regions[2]);
    if (dataBits === FIELD.DEVICE) this.print('\t\tDEV inode: no extra region\n');
    if (dataBits === FIELD.UUID) this.print('\t\tUUID inode: no extra region\n');
    const attr = ATTR_KINDS[fields & ATTR_FORK];
    if (attr !== undefined) this.fork(`ATTR FORK ${attr}`, regions[fields & DATA_FORK ? 3 : 2]);
  }

  private fork(name: string, region: Uint8Array | undefined): void {
    this.print(`\t\t${name} inode data:\n`);
    const { inodes, hex } = this.options;
    if (inodes && hex && region) this.print(wordsText(region));
  }

  private dquot(regions: LoggedItem['regions']): void {
    const head = atLeast(regions[0]!, LOG_DQUOT.size);
    const { id, blkno, boffset } = LOG_DQUOT.over(head);
    const size = viewOf(head).getUint16(2, true);
    this.print(`\tDQUOT: #regs:${size}  blkno:${blkno}  boffset:${boffset >>> 0} id: ${id | 0}\n`);
    if (!this.options.quotas) return;
    const view = viewOf(atLeast(regions[1] ?? new Uint8Array(0), 104));
    const hex = (at: number) => `0x${view.getUint32(at).toString(16)}`;
    const both = (at: number) => `${hex(at)} (${view.getInt32(at)})`;
    this.print(
      `\t\tmagic 0x${view.getUint16(0).toString(16)}\tversion 0x${view.getUint8(2).toString(16)}\tID ${both(4)}\t\n` +
        `\t\tblk_hard ${hex(12)}\tblk_soft ${hex(20)}\tino_hard ${hex(28)}\tino_soft ${hex(36)}\n` +
        `\t\tbcount ${both(44)} icount ${both(52)}\n` +
        `\t\tbtimer ${hex(60)} itimer ${hex(56)} \n`,
    );
  }

  private quotaOff(region: Uint8Array): void {
    const view = viewOf(atLeast(region, LOG_QUOTAOFF.size));
    const flags = view.getUint32(4, true);
    const names = [
      [0x1, ' USER'],
      [0x40, ' GROUP'],
      [0x8, ' PROJECT'],
    ] as const;
    const shown = names.map(([bit, name]) => (flags & bit ? name : '')).join('');
    this.print(`\tQUOTAOFF: #regs:${view.getUint16(2, true)}   type:${shown}\n`);
  }

  private freeing(region: Uint8Array): void {
    const fault = freedFault(region);
    if (fault !== undefined) {
      this.complain(`${fault}\n`);
      return;
    }
    const { size, count, id } = intentHead(region);
    this.print(`\tEFI:  #regs:${size}\tnum_extents:${count | 0}  id:0x${hex64(id)}\n\t${freedText(region)}`);
  }

  private attribute(regions: LoggedItem['regions']): void {
    const head = attributeHead(regions[0]!);
    if (!head) {
      this.complain(`${attributeFault(regions[0]!)}\n`);
      return;
    }
    this.print(head.text);
    let region = 1;
    const { nameLength, valueLength } = head;
    if (nameLength > 0) {
      const name = regions[region++]?.subarray(0, nameLength) ?? new Uint8Array(0);
      this.print(`ATTRI:  name len:${nameLength}\n${nameText(name)}`);
    }
    if (valueLength > 0) {
      const value = regions[region]?.subarray(0, Math.min(valueLength, MOST_VALUE)) ?? new Uint8Array(0);
      this.print(`ATTRI:  value len:${valueLength}\n${nameText(value)}`);
    }
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
  const magic = String.fromCharCode(core.magic >>> 8, core.magic & 0xff);
  const half = (value: number) => value.toString(16).padStart(4, '0');
  const { atime, mtime, ctime, extsize, gen } = core;
  const hex = (value: number | bigint) => (typeof value === 'bigint' ? hex64(value) : value.toString(16));
  const flags2 =
    core.version === 3 ? `\t\tflags2 0x${hex(core.flags2)} cowextsize 0x${hex(core.cowextsize)}\n` : '';
  return (
    `\t\tmagic:${magic}  mode:0x${hex(core.mode)}  ver:${core.version}  format:${core.format}\n` +
    `\t\tuid:${core.uid}  gid:${core.gid}  nlink:${core.nlink | 0} projid:0x${half(core.projidHigh)}${half(core.projidLow)}\n` +
    `\t\tatime:${atime}  mtime:${mtime}  ctime:${ctime}\n\t\tflushiter:${core.flushiter}\n` +
    `\t\tsize:0x${hex(core.size)}  nblks:0x${hex(core.nblocks)}  exsize:${extsize | 0}  nextents:${core.nextents}  anextents:${core.anextents}\n` +
    `\t\tforkoff:${core.forkoff}  dmevmask:0x${hex(core.dmevmask)}  dmstate:${core.dmstate}  flags:0x${hex(core.flags)}  gen:${gen}\n${flags2}`
  );
}
