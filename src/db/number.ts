/** Numbers as C's printf writes them, where JavaScript differs. */

/** `%.Nf`. A quotient of two zeros is `-nan`, as glibc on x86 has it. */
export function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return '-nan';
  return Number.isFinite(value) ? roundEven(value, digits) : value < 0 ? '-inf' : 'inf';
}

/** More digits than a fraction of 1 or more can have. */
const ALL_DIGITS = 60;

/** What lies in the very middle goes to the even digit; JavaScript's `toFixed` takes the greater one. */
function roundEven(value: number, digits: number): string {
  const exact = value.toFixed(digits + ALL_DIGITS);
  const end = exact.indexOf('.') + 1 + digits;
  const kept = exact.slice(0, digits === 0 ? end - 1 : end);
  const isMiddle = /^50*$/.test(exact.slice(end));
  return isMiddle && Number(kept.at(-1)) % 2 === 0 ? kept : value.toFixed(digits);
}

/** `%g`: six significant digits, no trailing zeros, an exponent from 10^6 on and below 10^-4. */
export function general(value: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0);
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential(5).split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return trimZeros(roundEven(value, 5 - power));
  const rounded =
    power > 0 && power < 20 ? roundEven(value / 10 ** (power - 5), 0) : mantissa.replace('.', '');
  const sign = rounded.startsWith('-') ? 2 : 1;
  return `${trimZeros(`${rounded.slice(0, sign)}.${rounded.slice(sign)}`)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
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
