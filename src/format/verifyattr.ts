/**
 * Rules of one attribute by itself, wherever it is kept: its flags, its name, and the values of names that the
 * system gives a meaning to. Each gives what should be there instead, in words, or undefined.
 */
import { ATTR_INCOMPLETE, ATTR_LOCAL, ATTR_PARENT, ATTR_ROOT, ATTR_SECURE } from './attr.ts';
import { hex } from './problem.ts';

/** Flags that tell two attributes of one name apart. */
export const ATTR_NAMESPACES = ATTR_ROOT | ATTR_SECURE | ATTR_PARENT;
/** Bytes of a parent pointer's value: inode number and generation. */
export const PARENT_VALUE_BYTES = 12;

/** `inLeaf`: an entry of a leaf tells where its value is; a shortform entry does not. */
export function attrFlagsFault(flags: number, inLeaf: boolean, parent: boolean): string | undefined {
  const known =
    (parent ? ATTR_NAMESPACES : ATTR_ROOT | ATTR_SECURE) | (inLeaf ? ATTR_LOCAL | ATTR_INCOMPLETE : 0);
  if ((flags & ~known) !== 0) return `no bits beyond ${hex(known)}`;
  const namespace = flags & ATTR_NAMESPACES;
  return (namespace & (namespace - 1)) === 0 ? undefined : 'one namespace at most';
}

const SLASH = 0x2f;

export function attrNameFault(
  bytes: Uint8Array,
  from: number,
  length: number,
  flags: number,
): string | undefined {
  if (length === 0) return 'at least one byte';
  const parent = (flags & ATTR_PARENT) !== 0;
  for (let i = from; i < from + length; i++) {
    if (bytes[i] === 0) return 'a name without NUL';
    if (parent && bytes[i] === SLASH) return 'the name of a directory entry, without "/"';
  }
  return undefined;
}

/** What a name means in the trusted namespace. */
export const ATTR_MEANING = { NONE: 0, ACL: 1, MAC: 2, CAPABILITY: 3 } as const;

const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const PREFIX = ascii('SGI_');
const ACL_FILE = ascii('SGI_ACL_FILE');
const ACL_DEFAULT = ascii('SGI_ACL_DEFAULT');
const MAC_FILE = ascii('SGI_MAC_FILE');
const CAP_FILE = ascii('SGI_CAP_FILE');

function startsWith(bytes: Uint8Array, from: number, length: number, text: Uint8Array): boolean {
  if (length < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** By its flags and name, what an attribute's value is about; one of ATTR_MEANING. */
export function attrMeaning(bytes: Uint8Array, from: number, length: number, flags: number): number {
  if ((flags & ATTR_ROOT) === 0 || !startsWith(bytes, from, length, PREFIX)) return ATTR_MEANING.NONE;
  const is = (text: Uint8Array) => length === text.length && startsWith(bytes, from, length, text);
  if (is(ACL_FILE) || is(ACL_DEFAULT)) return ATTR_MEANING.ACL;
  if (startsWith(bytes, from, length, MAC_FILE)) return ATTR_MEANING.MAC;
  return startsWith(bytes, from, length, CAP_FILE) ? ATTR_MEANING.CAPABILITY : ATTR_MEANING.NONE;
}

const CAPABILITY_BYTES = 24;

/** `value`: the whole of it. */
export function attrValueFault(meaning: number, value: Uint8Array): string | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  switch (meaning) {
    case ATTR_MEANING.ACL:
      return aclFault(view);
    case ATTR_MEANING.MAC:
      return macFault(view);
    case ATTR_MEANING.CAPABILITY:
      return value.length === CAPABILITY_BYTES ? undefined : `capabilities of ${CAPABILITY_BYTES} bytes`;
    default:
      return undefined;
  }
}

const ACL_HEADER_BYTES = 4;
const ACL_ENTRY_BYTES = 12;
/** As many entries as the longest value holds. */
const MOST_ACL_ENTRIES = Math.floor((65536 - ACL_HEADER_BYTES) / ACL_ENTRY_BYTES);
const TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 16, OTHER: 32 } as const;
const TAGS: ReadonlySet<number> = new Set(Object.values(TAG));

/** A POSIX ACL: owner, group and others once each; a mask at most once, and where there are users or groups besides. */
function aclFault(view: DataView): string | undefined {
  if (view.byteLength < ACL_HEADER_BYTES) return 'an ACL with its count';
  const count = view.getUint32(0);
  if (count > MOST_ACL_ENTRIES) return `an ACL of at most ${MOST_ACL_ENTRIES} entries, not ${count}`;
  const bytes = ACL_HEADER_BYTES + count * ACL_ENTRY_BYTES;
  if (view.byteLength !== bytes) return `${bytes} bytes for its ${count} entries`;
  let single = 0;
  const named = new Set<number>();
  for (let i = 0; i < count; i++) {
    const at = ACL_HEADER_BYTES + i * ACL_ENTRY_BYTES;
    const tag = view.getUint32(at);
    if (!TAGS.has(tag)) return `no ACL entry with tag ${tag}`;
    if (view.getUint16(at + 8) > 7) return `no ACL permissions ${view.getUint16(at + 8)}`;
    if (tag === TAG.USER || tag === TAG.GROUP) {
      const key = tag * 2 ** 32 + view.getUint32(at + 4);
      if (named.has(key))
        return `one ACL entry for each user and group, id ${view.getUint32(at + 4)} has two`;
      named.add(key);
    } else if ((single & tag) !== 0) return `one ACL entry with tag ${tag}`;
    else single |= tag;
  }
  const needed = TAG.USER_OBJ | TAG.GROUP_OBJ | TAG.OTHER | (named.size > 0 ? TAG.MASK : 0);
  return (single & needed) === needed ? undefined : 'an ACL with entries for owner, group, others and mask';
}

const MAC_HEADER_BYTES = 8;
const MOST_MAC_SETS = 250;

/** A mandatory access label: two types by letter, and categories and divisions that ascend. */
function macFault(view: DataView): string | undefined {
  const byte = (i: number) => (i < view.byteLength ? view.getUint8(i) : 0);
  const word = (i: number) => (i + 2 <= view.byteLength ? view.getUint16(i, true) : 0);
  const categories = word(4);
  const divisions = word(6);
  if (categories + divisions > MOST_MAC_SETS) return `a MAC label of at most ${MOST_MAC_SETS} sets`;
  const ascends = (from: number, count: number) => {
    for (let i = from + 1; i < from + count; i++) {
      if (word(MAC_HEADER_BYTES + 2 * i) <= word(MAC_HEADER_BYTES + 2 * i - 2)) return false;
    }
    return true;
  };
  const sensitivity = String.fromCharCode(byte(0));
  const integrity = String.fromCharCode(byte(1));
  const plain = 'AEHILN'.includes(sensitivity);
  if (!plain && !'TM'.includes(sensitivity)) return 'a MAC label of a known type';
  if (plain ? byte(2) !== 0 || categories > 0 : !ascends(0, categories)) return 'a MAC label in order';
  const flat = 'ehl'.includes(integrity);
  if (!flat && integrity !== 'b') return 'a MAC label of a known type';
  if (flat ? byte(3) !== 0 || divisions > 0 : !ascends(categories, divisions)) return 'a MAC label in order';
  return undefined;
}

const SHOWN_BYTES = 32;

/** A name for a message: short, and with nothing in it that a terminal would obey. */
export function shownName(bytes: Uint8Array, from: number, length: number): string {
  let text = '"';
  for (let i = from; i < from + Math.min(length, SHOWN_BYTES) && i < bytes.length; i++) {
    const b = bytes[i]!;
    const plain = b >= 0x20 && b < 0x7f && b !== 0x22 && b !== 0x5c;
    text += plain ? String.fromCharCode(b) : `\\x${b.toString(16).padStart(2, '0')}`;
  }
  return `${text}${length > SHOWN_BYTES ? '...' : ''}"`;
}
