/**
 * Lines of ASCII put together in bytes: for lists of millions of lines, where a template string for each would cost
 * more than reading what it tells.
 */
const CHUNK = 1 << 20;
/** No single piece of text or number is longer. */
const SPARE = 256;

export class AsciiWriter {
  private readonly bytes = Buffer.allocUnsafe(CHUNK);
  private at = 0;
  private readonly done: string[] = [];

  /** Appends short constant text. */
  text(text: string): void {
    if (this.at > CHUNK - SPARE) this.flush();
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[this.at++] = text.charCodeAt(i);
  }

  /** Appends a whole number in decimal. */
  number(value: number): void {
    if (value > 0xffffffff || value < 0) {
      this.text(String(value));
      return;
    }
    if (this.at > CHUNK - SPARE) this.flush();
    let end = this.at + digits(value);
    this.at = end;
    let rest = value;
    do {
      const tenth = Math.floor(rest / 10);
      this.bytes[--end] = 48 + rest - tenth * 10;
      rest = tenth;
    } while (rest > 0);
  }

  /** What was appended since it was taken last; nothing before there is much of it. */
  *take(): Generator<string> {
    yield* this.done.splice(0);
  }

  /** All that was appended and not taken. */
  toString(): string {
    this.flush();
    return this.done.join('');
  }

  private flush(): void {
    this.done.push(this.bytes.toString('latin1', 0, this.at));
    this.at = 0;
  }
}

function digits(value: number): number {
  if (value < 100000) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 1000) return 3;
    return value < 10000 ? 4 : 5;
  }
  if (value < 10000000) return value < 1000000 ? 6 : 7;
  if (value < 100000000) return 8;
  return value < 1000000000 ? 9 : 10;
}
