/**
 * What a verifier has to say about an object, as plain data. Verifiers never throw: bytes from disk are data, not
 * errors. An empty list is a sound object. The text names the field and both numbers; the caller knows the place.
 */

export interface Problem {
  /** xfs_db's name of the field. */
  readonly field: string;
  readonly found: number | string;
  /** What it should be, or the rule in words. */
  readonly expected: number | string;
  readonly message: string;
  /** The object cannot be used at all: its other fields mean nothing or lead astray. */
  readonly stops: boolean;
}

const NOTHING: readonly Problem[] = Object.freeze([]);

/** Collects problems; costs nothing until there is one. */
export class Problems {
  private list: Problem[] | undefined;

  /** `field` holds `found` though it should be `expected`; the object is still usable. */
  add(field: string, found: number | bigint | string, expected: number | bigint | string): void {
    this.push(field, found, expected, false);
  }

  /** As `add`, but nothing else in the object can be relied on. */
  stop(field: string, found: number | bigint | string, expected: number | bigint | string): void {
    this.push(field, found, expected, true);
  }

  get stopped(): boolean {
    return this.list?.some((p) => p.stops) ?? false;
  }

  /** The problems so far; the collector is empty afterwards. */
  take(): readonly Problem[] {
    const list = this.list ?? NOTHING;
    this.list = undefined;
    return list;
  }

  private push(
    field: string,
    found: number | bigint | string,
    expected: number | bigint | string,
    stops: boolean,
  ): void {
    const plain = (v: number | bigint | string) => (typeof v === 'bigint' ? v.toString() : v);
    const message = `${field} ${found}, expected ${expected}`;
    this.list ??= [];
    this.list.push({ field, found: plain(found), expected: plain(expected), message, stops });
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
