/** Numbers as C's printf writes them, where JavaScript differs. */

/** `%.Nf`. A quotient of two zeros is `-nan`, as glibc on x86 has it. */
export function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return '-nan';
  return Number.isFinite(value) ? value.toFixed(digits) : value < 0 ? '-inf' : 'inf';
}

/** `%g`: six significant digits, no trailing zeros, an exponent from 10^6 on and below 10^-4. */
export function general(value: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0);
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential(5).split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return trimZeros(value.toFixed(5 - power));
  return `${trimZeros(mantissa)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function trimZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}

/** `%#x`. */
export function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

/** `%#o`. */
export function octal(value: number): string {
  return value === 0 ? '0' : `0${value.toString(8)}`;
}
