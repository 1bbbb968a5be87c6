/** What the readers of the forms of a directory share: the state of one directory, and how names are printed. */

/** A parent that is no inode number at all. */
export const BAD_PARENT = -1;

/** What is known of a directory while it is read. */
export interface DirState {
  readonly ino: number;
  readonly inode: number;
  dots: number;
  dotdots: number;
}

/** A name as C prints it in a field of its own length: cut at a zero byte, then moved to the right. */
export function nameText(name: Uint8Array): string {
  const zero = name.indexOf(0);
  const text = Buffer.from(name.buffer, name.byteOffset, zero < 0 ? name.length : zero).toString('latin1');
  return text.padStart(name.length);
}
