/**
 * xfs_logprint without -t: all records of the log, from the oldest block to the physical end, then from the start to
 * the oldest block. What no record covers is passed over (zeros, stand-in headers) or is an error.
 */
import {
  BASIC_BLOCK,
  LOG_EXTENSION,
  LOG_HEADER_DATA,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import { Leftovers, OperationPrinter } from './operations.ts';
import {
  cycleOf,
  LogprintEnd,
  type LogprintOptions,
  type LogSource,
  PROGRAM,
  type Print,
  RECORD_LINE,
  wordsText,
} from './source.ts';

const WORDS = 64;
const STARS = `${'*'.repeat(70)}\n`;
const EXTENSION_LINE = `${'~'.repeat(76)}\n`;
const FORMATS = ['unknown', 'little endian linux', 'big endian linux', 'big endian irix'];
/** Data of a record, header blocks of it: more is not read, whatever a header says. */
const MOST_BYTES = 2 ** 20;
const MOST_HEADERS = 64;

type Header = ReturnType<typeof LOG_RECORD.over>;
type Found = 'zeroed' | 'cleared' | 'other' | Header;

/** Prints the log. Throws LogprintEnd where xfs_logprint gives up, DeviceError. */
export function printBlocks(
  source: LogSource,
  options: LogprintOptions,
  print: Print,
  complain: Print,
): void {
  new BlockPrinter(source, options, print, complain).run();
}

/** The block where the log begins, logically: the first of the older cycle; 0 when there is one cycle only. */
function oldestBlock(source: LogSource): number {
  const cycle = (block: number): number => {
    const bytes = source.read(block, 1);
    return bytes.length === 0 ? 0 : cycleOf(bytes);
  };
  const [first, last] = [cycle(0), cycle(source.blocks - 1)];
  if (first === 0 || last === 0 || first === last) return 0;
  let low = 0;
  let high = source.blocks - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (cycle(middle) === last) high = middle;
    else low = middle;
  }
  return high;
}

class BlockPrinter {
  private readonly source: LogSource;
  private readonly options: LogprintOptions;
  private readonly print: Print;
  private readonly complain: Print;
  private readonly leftovers = new Leftovers();
  private blkno = 0;
  /** Records seen: before the first, other blocks are no error. */
  private seen = 0;
  private readonly passing = {
    zeroed: { count: 0, from: 0 },
    cleared: { count: 0, from: 0 },
  };

  constructor(source: LogSource, options: LogprintOptions, print: Print, complain: Print) {
    this.source = source;
    this.options = options;
    this.print = print;
    this.complain = complain;
  }

  run(): void {
    const end = oldestBlock(this.source);
    const start = this.options.start ?? end;
    this.blkno = start;
    const { isOver, from } = this.toPhysicalEnd(start, end);
    if (!isOver && from !== 0) this.fromTheStart(end);
    this.print(`${PROGRAM}: logical end of log\n${RECORD_LINE}`);
  }

  /** `from`: 0 when nothing is left to be printed behind the physical end. */
  private toPhysicalEnd(start: number, end: number): { isOver: boolean; from: number } {
    let from = start;
    const stops = this.options.start !== undefined;
    for (;;) {
      const block = this.source.read(this.blkno, 1);
      if (block.length === 0) {
        this.physicalEnd();
        return { isOver: false, from };
      }
      if (this.options.onlyData) this.words(block);
      else {
        const found = this.header(block);
        this.blkno++;
        this.endOfZeros(found);
        if (typeof found === 'string') {
          if (found === 'other' && this.seen === 0) from = this.blkno;
          else this.pass(found, block);
        } else {
          const wrapped = this.record(found);
          if (wrapped === 'end') return { isOver: false, from };
          if (typeof wrapped === 'object') {
            this.print(RECORD_LINE);
            this.physicalEnd();
            this.blkno = 0;
            if (from === 0) return { isOver: true, from };
            this.finish(wrapped);
            return { isOver: false, from: this.blkno >= end ? 0 : from };
          }
          if (stops && this.blkno >= end) return { isOver: true, from };
          if (wrapped === 'whole') this.print(RECORD_LINE);
        }
      }
      if (this.blkno < this.source.blocks) continue;
      this.passed();
      this.physicalEnd();
      return { isOver: false, from };
    }
  }

  private fromTheStart(end: number): void {
    if (this.blkno >= this.source.blocks || this.blkno >= end) this.blkno = 0;
    for (;;) {
      const block = this.source.read(this.blkno, 1);
      if (block.length === 0) throw new LogprintEnd('xlog_find_head: bad read');
      if (this.options.onlyData) this.words(block);
      else {
        const found = this.header(block);
        this.blkno++;
        const record = typeof found === 'string' ? this.badHeader(block) : this.record(found);
        if (record === 'end') return;
        if (record === 'whole') this.print(RECORD_LINE);
      }
      if (this.blkno >= end) return;
    }
  }

  private words(block: Uint8Array): void {
    this.print(`BLKNO: ${this.blkno}\n${wordsText(block)}`);
    this.blkno++;
  }

  private physicalEnd(): void {
    this.print(`${PROGRAM}: physical end of log\n${RECORD_LINE}`);
  }

  private header(block: Uint8Array): Found {
    const header = LOG_RECORD.over(block);
    const { magic } = header;
    if (magic === 0) return 'zeroed';
    if (magic !== LOG_RECORD_MAGIC) {
      if (this.seen > 0) {
        this.print(`Header 0x${magic.toString(16)} wanted 0x${LOG_RECORD_MAGIC.toString(16)}\n`);
      }
      return 'other';
    }
    const { len, crc, prev_block, num_logops, size } = header;
    if (len === 0 && crc === 0 && prev_block === 0 && num_logops === 0 && size === 0) return 'cleared';
    this.print(headerText(header, this.options.overwritten));
    return header;
  }

  /** Anything behind zeros is an error. */
  private endOfZeros(found: Found): void {
    const { zeroed } = this.passing;
    if (zeroed.count === 0 || found === 'zeroed') return;
    this.print(`${PROGRAM}: after ${zeroed.count} zeroed blocks\n`);
    const at = String(this.blkno - 1).padEnd(21);
    this.error(
      `* ERROR: found data after zeroed blocks block=${at}  *\n`,
      'Bad log - data after zeroed blocks',
    );
    zeroed.count = 0;
  }

  private pass(found: 'zeroed' | 'cleared' | 'other', block: Uint8Array): void {
    if (found === 'other') {
      this.badHeader(block);
      return;
    }
    const run = this.passing[found];
    if (run.count === 0) run.from = this.blkno - 1;
    run.count++;
  }

  private passed(): void {
    for (const name of ['cleared', 'zeroed'] as const) {
      const { count, from } = this.passing[name];
      if (count === 0) continue;
      const range = `${from} - ${from + count - 1}`;
      this.print(`${PROGRAM}: skipped ${count} ${name} blocks in range: ${range}\n`);
      if (count === this.source.blocks) this.print(`${PROGRAM}: totally ${name} log\n`);
    }
  }

  private badHeader(block: Uint8Array): undefined {
    const cycle = String(cycleOf(block) | 0).padEnd(11);
    const at = String(this.blkno - 1).padEnd(21);
    this.error(`* ERROR: header cycle=${cycle} block=${at}        *\n`, 'Bad log record header');
  }

  private badData(): void {
    const at = String(this.blkno - 1).padEnd(21);
    this.error(`* ERROR: data block=${at}                             *\n`, 'Bad data in log');
  }

  private error(line: string, end: string): void {
    this.print(STARS + line + STARS);
    if (this.options.endsAtError) throw new LogprintEnd(end);
  }

  /** One record; what is to be printed of it when it goes round the end of the log; 'end': the device ends. */
  private record(header: Header): Wrapped | 'whole' | 'bad' | 'end' {
    const words = this.extensions(header);
    if (!words) return 'end';
    const first = this.seen === 0;
    this.seen++;
    const { len } = header;
    if (len === 0) {
      this.print('\n');
      return 'whole';
    }
    const blocks = Math.ceil(Math.min(len >>> 0, MOST_BYTES) / BASIC_BLOCK);
    const lsnBlock = Number(header.lsn & 0xffffffffn);
    if (lsnBlock + blocks >= this.source.blocks) {
      // It takes one header block for granted.
      const before = Math.max(0, Math.min(blocks, this.source.blocks - lsnBlock - 1));
      return { header, words, blocks, before, at: this.blkno, strict: !first };
    }
    const data = this.source.read(this.blkno, blocks);
    if (!this.data(header, words, data, !first, false)) {
      this.badData();
      return 'bad';
    }
    this.blkno += blocks;
    return 'whole';
  }

  /** The rest of a record that went round the end. */
  private finish({ header, words, blocks, before, at, strict }: Wrapped): void {
    const data = new Uint8Array(blocks * BASIC_BLOCK);
    data.set(this.source.read(at, before));
    data.set(this.source.read(0, blocks - before), before * BASIC_BLOCK);
    if (!this.data(header, words, data, strict, true)) {
      this.badData();
      return;
    }
    this.blkno += blocks - before;
    this.print(RECORD_LINE);
  }

  /** Displaced words of all header blocks, after telling of the further ones; undefined: the device ends. */
  private extensions(header: Header): DataView[] | undefined {
    const words = [viewOf(Uint8Array.from(header.cycle_data.flatMap(bytesOfWord)))];
    if (header.version !== 2) return words;
    const needed = Math.ceil((header.len >>> 0) / LOG_HEADER_DATA);
    const count = Math.ceil((header.size >>> 0) / LOG_HEADER_DATA);
    if (needed > count) {
      const text = `* ERROR: for header block=${this.blkno - 1}\n*        not enough hdrs for data length, required num = ${needed}, hdr num = ${count}\n`;
      this.error(text, 'Not enough headers for data length.');
    }
    for (let i = 1; i < Math.min(count, MOST_HEADERS); i++) {
      const block = this.source.read(this.blkno, 1);
      if (block.length === 0) {
        this.physicalEnd();
        return undefined;
      }
      const covered = i === count - 1 ? Math.ceil(header.len / BASIC_BLOCK) % WORDS : WORDS;
      this.print(extensionText(block, this.options.overwritten ? covered : undefined));
      words.push(viewOf(block.subarray(LOG_EXTENSION.offset.cycle_data, LOG_EXTENSION.offset.pad)));
      this.blkno++;
    }
    return words;
  }

  /** Operations of a record; false: its blocks are not of its cycle, or an operation is unknown. */
  private data(
    header: Header,
    words: readonly DataView[],
    data: Uint8Array,
    strict: boolean,
    wraps: boolean,
  ): boolean {
    const view = viewOf(data);
    for (let i = 0; i * BASIC_BLOCK < data.length; i++) {
      const at = i * BASIC_BLOCK;
      const word = view.getUint32(at);
      if (word === LOG_RECORD_MAGIC) return false;
      if (word !== header.cycle && !(wraps && word === header.cycle + 1)) return false;
      const from = words[Math.floor(i / WORDS)];
      if (from) view.setUint32(at, from.getUint32(4 * (i % WORDS)));
    }
    const record = { data, operations: header.num_logops };
    const { leftovers, options, print, complain } = this;
    const { unknown } = new OperationPrinter(record, options, leftovers, print, complain).run(strict);
    if (!unknown) this.print('\n');
    return !unknown;
  }
}

interface Wrapped {
  readonly header: Header;
  readonly words: readonly DataView[];
  readonly blocks: number;
  /** Blocks before the end of the log. */
  readonly before: number;
  readonly at: number;
  readonly strict: boolean;
}

function bytesOfWord(word: number): number[] {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff];
}

function lsnText(lsn: bigint): string {
  return `${lsn >> 32n},${lsn & 0xffffffffn}`;
}

function headerText(header: Header, overwritten: boolean): string {
  const { cycle, version, len, lsn, tail_lsn, prev_block, num_logops, uuid, fmt, size } = header;
  const words = header.cycle_data
    .slice(0, Math.ceil(len / BASIC_BLOCK))
    .map((word, i) => `${i} - 0x${word.toString(16)}  `)
    .join('');
  return (
    `cycle: ${cycle | 0}\tversion: ${version | 0}\t\tlsn: ${lsnText(lsn)}\ttail_lsn: ${lsnText(tail_lsn)}\n` +
    `length of Log Record: ${len | 0}\tprev offset: ${prev_block}\t\tnum ops: ${num_logops | 0}\n` +
    (overwritten ? `cycle num overwrites: ${words}\n` : '') +
    `uuid: ${uuid}   format: ${FORMATS[fmt] ?? `? (${fmt | 0})`}\nh_size: ${size | 0}\n`
  );
}

/** `covered`: words to be told. */
function extensionText(block: Uint8Array, covered: number | undefined): string {
  const { cycle, cycle_data } = LOG_EXTENSION.over(block);
  const text = `${EXTENSION_LINE}extended-header: cycle: ${cycle | 0}\n`;
  if (covered === undefined) return text;
  const words = cycle_data.slice(0, covered).map((word, i) => `${i} - 0x${word.toString(16)}  `);
  return `${text}cycle num overwrites: ${words.join('')}\n`;
}

/** -d: where records begin and cycles change. */
export function dumpBlocks(source: LogSource, { raw }: LogprintOptions, print: Print): void {
  const CHUNK = 1024;
  let last = 0xffffffff;
  let from = 0;
  for (let block = 0; block < source.blocks; block += CHUNK) {
    const bytes = source.read(block, Math.min(CHUNK, source.blocks - block));
    for (let i = 0; i * BASIC_BLOCK < bytes.length; i++) {
      const one = bytes.subarray(i * BASIC_BLOCK, (i + 1) * BASIC_BLOCK);
      const at = block + i;
      const header = LOG_RECORD.over(one);
      if (header.magic === LOG_RECORD_MAGIC && !raw) {
        const tail = `${header.tail_lsn >> 32n}:${String(header.tail_lsn & 0xffffffffn).padStart(6, '0')}`;
        print(
          `${String(at).padStart(6)} HEADER Cycle ${header.cycle | 0} tail ${tail} len ${String(header.len | 0).padStart(6)} ops ${header.num_logops | 0}\n`,
        );
      }
      const cycle = cycleOf(one);
      if (cycle === last) continue;
      const range = `[${String(from).padStart(5, '0')} - ${String(at).padStart(5, '0')}]`;
      print(`${range} Cycle 0x${cycleText(last)} New Cycle 0x${cycleText(cycle)}\n`);
      last = cycle;
      from = at;
    }
    if (bytes.length < Math.min(CHUNK, source.blocks - block) * BASIC_BLOCK) {
      print(`xfs_log_dump: physical end of log at ${block + bytes.length / BASIC_BLOCK}\n`);
      return;
    }
  }
}

function cycleText(cycle: number): string {
  return cycle.toString(16).padStart(8, '0');
}
