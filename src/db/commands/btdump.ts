/** `btdump`: the records of a whole btree, from the current block or the current inode's root down. */

import { ATTR_LEAF_MAGIC } from '../../format/attr.ts';
import { LONG_HEADER, SHORT_HEADER } from '../../format/btree.ts';
import { DA_NODE_MAGIC, DIR_LEAF1_MAGIC, DIR_LEAFN_MAGIC, DIR_NODE_HEADER } from '../../format/dir.ts';
import { attrExtents, DINODE, dataExtents, FORK } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import type { Cursor } from '../cursor.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

/** What to print in blocks of a tree, and how to get on. */
interface TreeForm {
  level(view: DataView): number;
  hasRight(view: DataView, level: number): boolean;
  readonly node: readonly string[];
  readonly leaf: readonly string[];
  readonly down: string;
  right(level: number): string;
}

const btree = (rightsib: (view: DataView) => boolean): TreeForm => ({
  level: (view) => view.getUint16(SHORT_HEADER.offset.level),
  hasRight: rightsib,
  node: ['keys', 'ptrs'],
  leaf: ['recs'],
  down: 'ptrs[1]',
  right: () => 'rightsib',
});

const SHORT = btree((view) => view.getUint32(SHORT_HEADER.offset.rightsib) !== 0xffffffff);
const LONG = btree((view) => view.getBigUint64(LONG_HEADER.offset.rightsib) !== 0xffffffffffffffffn);

/** Level of a block under da nodes: -1 for what is no such block. */
const daLevel =
  (...leaves: number[]) =>
  (view: DataView): number => {
    const magic = view.byteLength >= 10 ? view.getUint16(8) : 0;
    if (leaves.includes(magic)) return 0;
    return magic === DA_NODE_MAGIC ? view.getUint16(DIR_NODE_HEADER.offset.level) : -1;
  };

const DIRECTORY: TreeForm = {
  level: daLevel(DIR_LEAF1_MAGIC, DIR_LEAFN_MAGIC),
  hasRight: (view) => view.getUint32(0) !== 0,
  node: ['nbtree'],
  leaf: ['lents'],
  down: 'nbtree[0].before',
  right: (level) => (level > 0 ? 'nhdr.info.forw' : 'lhdr.info.forw'),
};

const ATTRIBUTES: TreeForm = {
  level: daLevel(ATTR_LEAF_MAGIC),
  hasRight: (view) => view.getUint32(0) !== 0,
  node: ['btree'],
  leaf: ['entries nvlist'],
  down: 'btree[0].before',
  right: () => 'hdr.info.hdr.forw',
};

const FORMS: Readonly<Record<string, TreeForm>> = {
  ...{ bnobt: SHORT, cntbt: SHORT, inobt: SHORT, finobt: SHORT, rmapbt: SHORT, refcntbt: SHORT },
  ...{ bmapbta: LONG, bmapbtd: LONG, attr3: ATTRIBUTES, dir3: DIRECTORY },
};

/** Far more blocks than a level has, unless its siblings run in a circle. */
const MOST_BLOCKS = 1 << 22;

class Dump {
  readonly text: string[] = [];
  readonly blocks: Json[] = [];
  private readonly session: Session;
  private readonly nodes: boolean;
  private readonly cursor: Cursor;

  constructor(session: Session, nodes: boolean) {
    this.session = session;
    this.cursor = session.cursor;
    this.nodes = nodes;
  }

  /** Runs a command of the session as if it had been typed. */
  command(...words: string[]): Json {
    const { notes } = this.cursor;
    const before = notes.length;
    const output = this.session.runArgs(words);
    for (const note of notes.splice(before)) this.text.push(`${note}\n`);
    if (output) this.text.push(output.text);
    return output?.json ?? null;
  }

  /** From the current block down along the first pointers, printing level after level. */
  tree(form: TreeForm): void {
    const { cursor } = this;
    cursor.push();
    try {
      const first = cursor.top.daddr;
      let level = form.level(viewOf(cursor.top.data));
      if (level < 0) throw new DbError('Current location is not part of a dir/attr btree.');
      let last: number;
      do {
        last = cursor.top.daddr;
        if (level === 0 || this.nodes) this.level(form, level);
        if (level > 0) this.command('addr', form.down);
        level--;
      } while (level >= 0 && cursor.top.daddr !== first && cursor.top.daddr !== last);
    } finally {
      cursor.pop();
    }
  }

  private level(form: TreeForm, level: number): void {
    const { cursor } = this;
    cursor.push();
    try {
      const first = cursor.top.daddr;
      const seen = new Set<number>();
      let last: number;
      let number = 1;
      do {
        const { daddr, type } = cursor.top;
        last = daddr;
        // Siblings in a finobt are blocks of the inobt to xfs_db.
        const name = type!.name === 'finobt' && number > 1 ? 'inobt' : type!.name;
        this.text.push(`${name} level ${level} block ${number} daddr ${daddr}\n`);
        const what = level > 0 ? form.node : form.leaf;
        const fields = what.map((words) => this.command('print', ...words.split(' ')));
        this.blocks.push({ type: type!.name, level, daddr, fields });
        seen.add(daddr);
        if (form.hasRight(viewOf(cursor.top.data), level)) this.command('addr', form.right(level));
        number++;
        // xfs_db would follow siblings in a circle for ever.
      } while (
        cursor.top.daddr !== first &&
        cursor.top.daddr !== last &&
        !seen.has(cursor.top.daddr) &&
        number < MOST_BLOCKS
      );
    } finally {
      cursor.pop();
    }
  }

  /** A fork of the current inode. */
  inode(attributes: boolean): void {
    const { cursor } = this;
    const view = viewOf(cursor.top.data);
    const extents = attributes ? attrExtents(view, 0) : dataExtents(view, 0);
    const format = view.getUint8(attributes ? DINODE.offset.aformat : DINODE.offset.format);
    if (extents === 0 || format !== FORK.BTREE)
      throw new DbError(`${attributes ? 'attr' : 'data'} fork not in btree format`);
    const root = attributes ? 'a.bmbt' : 'u3.bmbt';
    cursor.push();
    try {
      if (this.nodes) for (const part of ['keys', 'ptrs']) this.command('print', `${root}.${part}`);
      this.command('addr', `${root}.ptrs[1]`);
      this.tree(LONG);
    } finally {
      cursor.pop();
    }
  }
}

function btdump(session: Session, args: readonly string[]): Output {
  const { type } = session.cursor.top;
  if (!type) throw new DbError('no current type');
  const { options, rest } = parseOptions(args, 'ai', () => new DbError('bad option for btdump command'));
  if (rest.length > 0) throw new DbError('bad options for btdump command');
  const attributes = options.some(([letter]) => letter === 'a');
  if (attributes && type.name !== 'inode') throw new DbError("attrfork flag doesn't apply here");
  const dump = new Dump(
    session,
    options.some(([letter]) => letter === 'i'),
  );
  const form = FORMS[type.name];
  if (!form && type.name !== 'inode') throw new DbError(`type "${type.name}" is not a btree type or inode`);
  let fault: string | undefined;
  try {
    if (form) dump.tree(form);
    else dump.inode(attributes);
  } catch (error) {
    // What was printed so far stays printed.
    if (!(error instanceof DbError) || dump.text.length === 0) throw error;
    fault = error.message;
  }
  const text = dump.text.join('') + (fault === undefined ? '' : `${fault}\n`);
  return { text, rows: () => dump.blocks, ...(fault === undefined ? {} : { failed: true }) };
}

export const BTDUMP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'btdump',
    args: '[-a] [-i]',
    least: 0,
    most: 2,
    summary: 'dump btree',
    run: btdump,
  },
];
