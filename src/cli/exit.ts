/**
 * Exit codes, as the bits of fsck(8): 0 clean, 1 fixed, 4 left unfixed, 8 operational error, 16 usage,
 * 32 cancelled. An error that ends a command maps to exactly one of them.
 */
import { DeviceError } from '../device/device.ts';
import { CorruptionError, UsageError, XfskitError } from '../format/errors.ts';

export const exitBits = {
  clean: 0,
  fixed: 1,
  /** Of a comparison, as diff(1): not the same. */
  different: 1,
  unfixed: 4,
  operational: 8,
  usage: 16,
  cancelled: 32,
} as const;

/** Exit code of an error that reached the top; `known` is false for our own bugs. */
export function exitOf(error: unknown): { readonly code: number; readonly known: boolean } {
  if (error instanceof UsageError) return { code: exitBits.usage, known: true };
  if (error instanceof CorruptionError) return { code: exitBits.unfixed, known: true };
  if (error instanceof DeviceError || error instanceof XfskitError) {
    return { code: exitBits.operational, known: true };
  }
  return { code: exitBits.operational, known: false };
}
