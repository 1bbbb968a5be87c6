/**
 * Extended attributes of copied files. Node cannot set any, so they are collected and handed to setfattr in batches,
 * as the text that its --restore takes: names with octal escapes, values in hex. Where there is no setfattr they are
 * counted and left out.
 *
 * XFS keeps POSIX ACLs as trusted.SGI_ACL_FILE and SGI_ACL_DEFAULT, in a form of its own; they are set as what every
 * filesystem takes for ACLs.
 */
import { spawnSync } from 'node:child_process';
import { viewOf } from '../../format/struct.ts';
import type { Attribute } from '../../fs/read/attr.ts';

const BATCH_CHARACTERS = 2 ** 20;
const ACL_NAMES: Readonly<Record<string, string>> = {
  'trusted.SGI_ACL_FILE': 'system.posix_acl_access',
  'trusted.SGI_ACL_DEFAULT': 'system.posix_acl_default',
};
const ACL_VERSION = 2;
const ACL_ENTRY_BYTES = 12;

export class AttributeBatch {
  /** Attributes that could not be set, and why, once each. */
  lost = 0;
  readonly reasons = new Set<string>();
  private readonly top: string;
  private text = '';
  private count = 0;
  private missing = false;

  /** `top` is the folder that paths count from. */
  constructor(top: string) {
    this.top = top;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Takes the attributes of a file; parent pointers are no attributes of the user's. */
  add(path: Buffer, attributes: Iterable<Attribute>): void {
    let lines = '';
    for (const attribute of attributes) {
      if (attribute.namespace === 'parent') continue;
      const value = attribute.value();
      if (!value) {
        this.lose(1, 'a value cannot be read');
        continue;
      }
      lines += lineOf(attribute, value);
      this.count++;
    }
    if (lines === '') return;
    this.text += `# file: ./${escaped(path)}\n${lines}\n`;
    if (this.text.length > BATCH_CHARACTERS) this.flush();
  }

  /** Sets what was collected. */
  flush(): void {
    const { text, count } = this;
    this.text = '';
    this.count = 0;
    if (count === 0) return;
    if (this.missing) {
      this.lose(count, 'setfattr is not installed');
      return;
    }
    const result = spawnSync('setfattr', ['-h', '--restore=-'], {
      cwd: this.top,
      input: text,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (result.error) {
      this.missing = true;
      this.lose(count, 'setfattr is not installed');
      return;
    }
    const lines = result.stderr.split('\n').filter((line) => line.startsWith('setfattr: '));
    for (const line of lines) this.lose(1, line.slice(line.lastIndexOf(': ') + 2));
    if (lines.length === 0 && result.status !== 0) this.lose(count, `setfattr ended with ${result.status}`);
  }

  private lose(count: number, reason: string): void {
    this.lost += count;
    this.reasons.add(reason);
  }
}

function lineOf({ namespace, name }: Attribute, value: Uint8Array): string {
  const full = `${namespace}.${Buffer.from(name).toString('latin1')}`;
  const acl = ACL_NAMES[full];
  const translated = acl === undefined ? undefined : posixAcl(value);
  const shown = translated ? acl! : full;
  const bytes = translated ?? value;
  const hex = Buffer.from(bytes).toString('hex');
  return `${escaped(Buffer.from(shown, 'latin1'))}=${hex === '' ? '""' : `0x${hex}`}\n`;
}

/** Bytes outside of plain ASCII, and those that mean something in the text, as octal numbers. */
function escaped(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x3d && byte !== 0x22;
    text += isPlain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return text;
}

/** An ACL as XFS stores it, in the form of the system calls; undefined for what is none. */
export function posixAcl(value: Uint8Array): Uint8Array | undefined {
  if (value.length < 4) return undefined;
  const from = viewOf(value);
  const count = from.getUint32(0);
  if (value.length !== 4 + count * ACL_ENTRY_BYTES) return undefined;
  const acl = new Uint8Array(4 + count * 8);
  const to = viewOf(acl);
  to.setUint32(0, ACL_VERSION, true);
  for (let i = 0; i < count; i++) {
    const at = 4 + i * ACL_ENTRY_BYTES;
    const into = 4 + i * 8;
    to.setUint16(into, from.getUint32(at), true);
    to.setUint16(into + 2, from.getUint16(at + 8), true);
    // Entries for owner, group, mask and others have no id.
    const hasId = (from.getUint32(at) & 0x0a) !== 0;
    to.setUint32(into + 4, hasId ? from.getUint32(at + 4) : 0xffffffff, true);
  }
  return acl;
}
