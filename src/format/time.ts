/**
 * Timestamps on disk, 64 bits. Without BIGTIME: signed 32-bit seconds, then 32-bit nanoseconds. With it: one count
 * of nanoseconds that begins 2^31 seconds before 1970. Whole quota timers with bigtime are a quarter of the seconds,
 * rounded up.
 */

const NANOSECONDS = 1_000_000_000n;
/** Seconds from the beginning of bigtime to 1970. */
const BIGTIME_EPOCH = 2 ** 31;
/** Last second that bigtime can hold. */
export const BIGTIME_MAX_SECONDS = 16299260424;
const LEGACY_MIN = -(2 ** 31);
const LEGACY_MAX = 2 ** 31 - 1;

export interface Timestamp {
  /** Since 1970, negative before. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Reads the 64 bits of a timestamp. Nanoseconds of a legacy one are untrusted and may be above 10^9. */
export function decodeTimestamp(raw: bigint, bigtime: boolean): Timestamp {
  if (bigtime) {
    return {
      seconds: Number(raw / NANOSECONDS) - BIGTIME_EPOCH,
      nanoseconds: Number(raw % NANOSECONDS),
    };
  }
  return {
    seconds: Number(BigInt.asIntN(32, raw >> 32n)),
    nanoseconds: Number(raw & 0xffffffffn),
  };
}

/** The 64 bits of a timestamp; a time out of range becomes the nearest one that can be stored. */
export function encodeTimestamp(time: Timestamp, bigtime: boolean): bigint {
  const least = bigtime ? -BIGTIME_EPOCH : LEGACY_MIN;
  const most = bigtime ? BIGTIME_MAX_SECONDS : LEGACY_MAX;
  const seconds = Math.min(Math.max(time.seconds, least), most);
  if (bigtime) return BigInt(seconds + BIGTIME_EPOCH) * NANOSECONDS + BigInt(time.nanoseconds);
  return (BigInt.asUintN(32, BigInt(seconds)) << 32n) | BigInt(time.nanoseconds);
}

/** Seconds since 1970 of a quota timer; 0 is none. */
export function decodeQuotaTimer(raw: number, bigtime: boolean): number {
  return bigtime ? raw * 4 : raw;
}
