/**
 * Progress as it is shown: a line on a terminal that is drawn over and over, or the lines of fsck's protocol on a
 * descriptor. Whoever gets neither (a pipe, --quiet) gets nothing.
 */
import { fstatSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { UsageError } from '../format/errors.ts';
import type { Progress } from '../repair/progress.ts';
import { oneLine } from './errorline.ts';
import { beforeCancel } from './interrupt.ts';

/** Milliseconds between two drawings. */
const PERIOD = 100;
const STDERR = 2;
const CLEAR = '\r\u001b[K';

/** A progress that may be taken away again. */
export interface ShownProgress extends Progress {
  /** What follows is about this image. */
  image(name: string): void;
  /** What was drawn must not stand in the way of a message. */
  clear(): void;
  /** Nothing more comes. */
  end(): void;
}

/** The line for a terminal at standard error; undefined where there is none. */
export function terminalProgress(): ShownProgress | undefined {
  if (!isatty(STDERR) || process.env.TERM === 'dumb') return undefined;
  return new ProgressLine(
    (text) => writeSync(STDERR, text),
    () => performance.now(),
    () => process.stderr.columns,
  );
}

/** What a phase has done, by a clock. */
class Phase {
  protected phase = '';
  protected unit = '';
  protected total = 0;
  protected done = 0;
  protected started = 0;
  private drawn = Number.NEGATIVE_INFINITY;
  protected readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  protected enter(phase: string, total: number, unit: string): void {
    this.phase = phase;
    this.unit = unit;
    this.total = total;
    this.done = 0;
    this.started = this.now();
  }

  /** Whether it is time to draw again. */
  protected isDue(): boolean {
    const now = this.now();
    if (now - this.drawn < PERIOD) return false;
    this.drawn = now;
    return true;
  }
}

export class ProgressLine extends Phase implements ShownProgress {
  private name = '';
  private visible = false;
  private readonly write: (text: string) => void;
  private readonly columns: () => number | undefined;
  private readonly forget: () => void;

  constructor(write: (text: string) => void, now: () => number, columns: () => number | undefined) {
    super(now);
    this.write = write;
    this.columns = columns;
    this.forget = beforeCancel(() => this.clear());
  }

  image(name: string): void {
    this.clear();
    this.name = oneLine(name);
  }

  begin(phase: string, total: number, unit: string): void {
    this.enter(phase, total, unit);
    if (this.isDue()) this.draw();
  }

  advance(units: number): void {
    this.done += units;
    if (this.isDue()) this.draw();
  }

  end(): void {
    this.clear();
    this.forget();
  }

  clear(): void {
    if (this.visible) this.write(CLEAR);
    this.visible = false;
  }

  private draw(): void {
    const width = (this.columns() || 80) - 1;
    this.write(`${CLEAR}${this.text().slice(0, Math.max(width, 1))}`);
    this.visible = true;
  }

  /** `disk.img: inodes 45 %, 12,345 AGs/s, 0:07 left`. */
  private text(): string {
    const { done, total, unit } = this;
    const seconds = (this.now() - this.started) / 1000;
    const parts = [`${this.name}: ${this.phase}`];
    if (total > 0) parts[0] += ` ${Math.min(100, Math.floor((done / total) * 100))} %`;
    if (seconds >= 1 && done > 0) {
      const rate = done / seconds;
      const shown = rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en-US');
      parts.push(`${shown} ${unit}/s`);
      if (total > done) parts.push(`${clock((total - done) / rate)} left`);
    }
    return parts.join(', ');
  }
}

function clock(seconds: number): string {
  const all = Math.ceil(seconds);
  const [minutes, hours] = [Math.floor(all / 60) % 60, Math.floor(all / 3600)];
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** The protocol of fsck(8), option -C with a descriptor: `pass current maximum device`, a line each. */
export class ProgressLines extends Phase implements ShownProgress {
  private pass = 0;
  /** What the last line of this pass said to be done; as the total, where there is no pass to finish. */
  private said = 0;
  private name = '';
  private readonly write: (text: string) => void;

  constructor(write: (text: string) => void, now: () => number) {
    super(now);
    this.write = write;
  }

  image(name: string): void {
    this.finishPass();
    this.name = oneLine(name);
    this.pass = 0;
    this.said = this.total;
  }

  begin(phase: string, total: number, unit: string): void {
    this.finishPass();
    this.enter(phase, total, unit);
    this.pass++;
    this.say();
  }

  advance(units: number): void {
    this.done += units;
    if (this.isDue()) this.say();
  }

  clear(): void {
    this.finishPass();
  }

  end(): void {
    this.finishPass();
  }

  /** A reader sees each pass reach its end. */
  private finishPass(): void {
    if (this.said === this.total) return;
    this.done = this.total;
    this.say();
  }

  private say(): void {
    this.said = Math.min(this.done, this.total);
    this.write(`${this.pass} ${this.said} ${this.total} ${this.name}\n`);
  }
}

/** Whether a descriptor was handed over open for writing, and is none that Node made for itself. */
function isHandedOver(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
  } catch {
    return false;
  }
  if (descriptor <= STDERR) return true;
  try {
    const target = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (!isWritable(descriptor) || target.startsWith('anon_inode:')) return false;
    // A pipe of Node's own has its reading end here, too.
    return readdirSync('/proc/self/fd').every((other) => {
      const same = Number(other) > STDERR && linkOf(other) === target;
      return !(same && target.startsWith('pipe:')) || isWritable(Number(other));
    });
  } catch {
    return false; // no /proc: it cannot be told, and writing into a pipe of Node's would end it
  }
}

function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined; // that of the listing itself
  }
}

function isWritable(descriptor: number): boolean {
  const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  return (Number.parseInt(/^flags:\s*(\d+)/m.exec(text)?.[1] ?? '0', 8) & 3) !== 0;
}

/** Lines on a descriptor that was handed over open. Throws UsageError when it is not. */
export function descriptorProgress(descriptor: number): ShownProgress {
  if (!isHandedOver(descriptor))
    throw new UsageError(`-C ${descriptor}: no file was handed over open for writing with this descriptor`);
  const write = (text: string): void => {
    try {
      writeSync(descriptor, text);
    } catch {
      // Whoever looked at it has gone, or does not keep up; the check goes on.
    }
  };
  return new ProgressLines(write, () => performance.now());
}
