/**
 * What is said about a spot of the picture, in lines: uses, owners, reverse mappings. Names come from an image and are
 * only ever set as text. Runs in the page; see dom.ts.
 */
import type { MapData, PageExtents } from './data.ts';
import type { Spot } from './view.ts';

export interface Line {
  /** Kind whose colour stands before the line; -1: none. */
  readonly kind: number;
  readonly text: string;
  /** `head`, `note` or empty. */
  readonly style: string;
}

export class MapTeller {
  private readonly data: MapData;
  private readonly mostUses = 5;
  private readonly mostOwners = 6;
  private lines: Line[] = [];
  /** Row of the inode that owns the spot, when one does. */
  owner = -1;

  constructor(data: MapData) {
    this.data = data;
  }

  private say(text: string, style = '', kind = -1): void {
    this.lines.push({ kind, text, style });
  }

  number(value: number): string {
    return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
  }

  bytes(blocks: number): string {
    let value = blocks * this.data.facts.blocksize;
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let unit = 0;
    for (; value >= 1024 && unit < 5; unit++) value /= 1024;
    return `${Number(value.toFixed(1))} ${units[unit]}`;
  }

  private range(start: number, end: number): string {
    return end - start === 1 ? this.number(start) : `${this.number(start)}–${this.number(end - 1)}`;
  }

  tell({ ag, lastAg, start, end }: Spot): readonly Line[] {
    this.lines = [];
    this.owner = -1;
    const { data } = this;
    const blocks = end - start === 1 ? 'block' : 'blocks';
    if (lastAg > ag) {
      this.say(
        `AG ${data.agno[ag]}–${data.agno[lastAg]}, ${blocks} ${this.range(start, end)} of each`,
        'head',
      );
      this.composition(ag, lastAg, start, end);
      this.say('zoom in for single AGs', 'note');
      return this.lines;
    }
    const bytes = end - start === 1 ? '' : ` (${this.bytes(end - start)})`;
    this.say(`AG ${data.agno[ag]}, ${blocks} ${this.range(start, end)}${bytes}`, 'head');
    if (end - start === 1) this.say(`fsblock ${data.agno[ag]! * 2 ** data.facts.agblklog + start}`, 'note');
    const first = data.runAt(ag, start);
    if (data.endOf(ag, first) >= end) this.run(ag, first, start, end);
    else this.composition(ag, ag, start, end);
    this.owners(ag, start, end);
    return this.lines;
  }

  /** What several runs together are. */
  private composition(ag: number, lastAg: number, start: number, end: number): void {
    const { data } = this;
    const sums = data.facts.kinds.map((_, kind) => ({ kind, blocks: 0 }));
    for (let i = ag; i <= lastAg; i++) {
      const stop = Math.min(end, data.length[i]!);
      if (start >= stop) continue;
      for (let run = data.runAt(i, start), at = start; at < stop; run++) {
        const next = Math.min(stop, data.endOf(i, run));
        sums[data.kind[run]!]!.blocks += next - at;
        at = next;
      }
    }
    const found = sums.filter(({ blocks }) => blocks > 0).sort((a, b) => b.blocks - a.blocks);
    for (const { kind, blocks } of found.slice(0, this.mostUses))
      this.say(`${data.facts.kinds[kind]!.name}: ${this.number(blocks)}`, '', kind);
    if (found.length > this.mostUses) this.say(`and ${found.length - this.mostUses} more uses`, 'note');
  }

  private run(ag: number, run: number, start: number, end: number): void {
    const { data } = this;
    const { facts } = data;
    const kind = data.kind[run]!;
    const detail = data.detail[run]! & 127;
    const from = data.start[run]!;
    const to = data.endOf(ag, run);
    const use = facts.useNames[data.use[run]!]!;
    let name = facts.kinds[kind]!.name;
    if (use === 'btree') name = `${facts.treeNames[detail & 7]} block, level ${detail >> 3}`;
    else if (use === 'freelist') name = 'free list of the AG';
    else if (use === 'bmbt') name = 'btree of a fork (bmbt)';
    this.say(`${name}${facts.grain > 1 ? ', mostly' : ''}`, '', kind);
    if (data.use[run] === facts.conflictUse) {
      facts.conflicts.forEach((text, bit) => {
        if (detail & (1 << bit)) this.say(text, 'note');
      });
    }
    if (data.depth[run]! > 1) this.say(`refcount ${this.number(data.depth[run]!)}`, '');
    if (use === 'inode') {
      const ino = (block: number) => data.agno[ag]! * 2 ** facts.aginolog + block * facts.inopblock;
      this.say(`inodes ${ino(start)}–${ino(end) - 1}`, '');
    }
    if (to - from > end - start)
      this.say(`in ${this.range(from, to)}, ${this.bytes(to - from)} of it`, 'note');
  }

  private owners(ag: number, start: number, end: number): void {
    const { data } = this;
    const found = data.over(data.extents, ag, start, end, this.mostOwners);
    for (const row of found.rows) this.extent(data.extents, row);
    if (found.rows.length > 0) this.owner = data.extents.owner[found.rows[0]!]!;
    if (found.more) this.say('and more', 'note');
    const mapped = data.over(data.rmaps, ag, start, end, this.mostOwners);
    if (mapped.rows.length > 0) {
      this.say('by reverse mappings:', 'note');
      for (const row of mapped.rows) this.extent(data.rmaps, row);
      if (mapped.more) this.say('and more', 'note');
    } else if (data.facts.rmapbt && found.rows.length > 0) this.say('rmapbt: the same owners', 'note');
    const isOwned = (run: number) => ['data', 'fork', 'bmbt'].includes(data.facts.useNames[data.use[run]!]!);
    if (found.rows.length === 0 && isOwned(data.runAt(ag, start)) && data.facts.extentsLeft > 0)
      this.say('its owner found no room in this page', 'note');
  }

  private extent(extents: PageExtents, row: number): void {
    const { data } = this;
    const owner = extents.owner[row]!;
    const start = extents.start[row]!;
    const count = extents.count[row]!;
    const where = `${this.range(start, start + count)}`;
    if (owner < 0) {
      this.say(`${data.facts.ownerNames[-1 - owner] ?? 'unknown owner'} · ${where}`);
      return;
    }
    const flags = extents.flags[row]!;
    const fork = flags & 1 ? 'attribute fork' : 'data fork';
    const offset = extents.offset[row]!;
    const part = flags & 2 ? `bmbt of the ${fork}` : `${fork}, from file block ${this.number(offset)}`;
    this.say(`inode ${data.ino[owner]}${data.paths[owner] ? `  ${data.paths[owner]}` : ''}`, 'owner');
    this.say(`${part}${flags & 4 ? ', unwritten' : ''} · ${where}`, 'note');
  }
}
