/**
 * ATTRI: an attribute, or a parent pointer, was being set or removed. Regions: the head; the name; the new name of a
 * parent pointer that was being replaced; the value; its new value.
 */
import { ATTR_INCOMPLETE, ATTR_PARENT } from '../../../format/attr.ts';
import { LOG_ATTRI } from '../../../format/logitem.ts';
import { type AttrEntry, attrEntry, LONGEST_NAME, LONGEST_VALUE, PARENT_BYTES } from '../../attr/entry.ts';
import { NAMESPACES } from '../../attr/leaf.ts';
import { removeLogged, setLogged } from '../../attr/logged.ts';
import { readInode } from '../../inode/inode.ts';
import type { Transaction } from '../../transaction.ts';
import { LogError } from '../record.ts';
import type { OpenIntent } from '../replay/replay.ts';

const OP = { SET: 1, REMOVE: 2, REPLACE: 3, PARENT_SET: 4, PARENT_REMOVE: 5, PARENT_REPLACE: 6 } as const;

export function changeAttribute(tr: Transaction, intent: OpenIntent, files: Set<number>): void {
  const head = intent.regions[0]!;
  if (head.length < LOG_ATTRI.size) throw fault(`a head of ${head.length} bytes`);
  const { ino, igen, op_flags, attr_filter } = LOG_ATTRI.over(head);
  if ((attr_filter & ~(NAMESPACES | ATTR_INCOMPLETE)) !== 0)
    throw fault(`namespace 0x${attr_filter.toString(16)}`);
  const ofParent = op_flags >= OP.PARENT_SET;
  if (ofParent !== ((attr_filter & ATTR_PARENT) !== 0))
    throw fault(`operation ${op_flags} in namespace ${attr_filter}`);
  if (ofParent && !tr.fs.geometry.features.parent) throw fault('a parent pointer where there are none');
  const [old, fresh] = entriesOf(intent, op_flags, attr_filter & NAMESPACES);
  const inode = readInode(tr, Number(ino));
  if (ofParent && inode.core.gen !== igen)
    throw fault(`generation ${igen} of inode ${ino}, which has ${inode.core.gen}`);
  files.add(inode.ino);
  switch (op_flags) {
    case OP.SET:
    case OP.REPLACE:
    case OP.PARENT_SET:
      setLogged(inode, old);
      break;
    case OP.REMOVE:
    case OP.PARENT_REMOVE:
      removeLogged(inode, old);
      break;
    case OP.PARENT_REPLACE:
      removeLogged(inode, old);
      setLogged(inode, fresh!);
      break;
    default:
      throw fault(`operation ${op_flags}`);
  }
  tr.finish();
}

/** The entry, and what it is to be replaced by. */
function entriesOf({ regions }: OpenIntent, op: number, flags: number): [AttrEntry, AttrEntry | undefined] {
  const { name_len, value_len } = LOG_ATTRI.over(regions[0]!);
  if (value_len > LONGEST_VALUE) throw fault(`a value of ${value_len} bytes`);
  if ((flags & ATTR_PARENT) !== 0 && value_len !== PARENT_BYTES)
    throw fault(`a parent of ${value_len} bytes`);
  const rest = regions.slice(1);
  const take = (what: string, length: number): Uint8Array => {
    if (length === 0) return new Uint8Array(0);
    const region = rest.shift();
    // Regions are padded to four bytes.
    if (!region || region.length < length || region.length > length + 3) {
      throw fault(`a ${what} of ${length} bytes in a region of ${region?.length ?? 0}`);
    }
    return region.subarray(0, length);
  };
  const name = (length: number): Uint8Array => {
    if (length < 1 || length > LONGEST_NAME) throw fault(`a name of ${length} bytes`);
    return take('name', length);
  };
  if (op !== OP.PARENT_REPLACE)
    return [attrEntry(name(name_len), flags, take('value', value_len)), undefined];
  const names = [name(name_len & 0xffff), name(name_len >>> 16)] as const;
  const values = [take('value', value_len), take('value', value_len)] as const;
  return [attrEntry(names[0], flags, values[0]), attrEntry(names[1], flags, values[1])];
}

function fault(why: string): LogError {
  return new LogError('LOG_CORRUPT', `attribute intent: ${why}`);
}
