/** Text for a terminal or a line of a log: what comes from an image can hold anything. */

/** Control characters, and those that turn the direction of what follows, must not reach a terminal. */
const HOSTILE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/** The text with such characters as escapes, on one line. */
export function printable(text: string): string {
  return text.replace(HOSTILE, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
