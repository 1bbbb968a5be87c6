/**
 * The page around the canvas: pointer, keys, legend, search, themes. Runs in the page; see dom.ts.
 */
import type { MapData } from './data.ts';
import type { Node, Page, PointerLike } from './dom.ts';
import type { MapTeller } from './tell.ts';
import type { MapView, Spot } from './view.ts';

declare const document: Page;
declare const window: {
  readonly devicePixelRatio: number;
  addEventListener(type: string, listener: (event: PointerLike) => void): void;
  matchMedia(query: string): {
    readonly matches: boolean;
    addEventListener(type: string, listener: () => void): void;
  };
  requestAnimationFrame(run: () => void): void;
};

export class MapPage {
  readonly data: MapData;
  readonly view: MapView;
  private readonly teller: MapTeller;
  private readonly canvas = this.need('map');
  private readonly tip = this.need('tip');
  private readonly status = this.need('status');
  /** Pixels that an arrow key moves. */
  private readonly step = 80;
  private spot: Spot | undefined;
  private drag: { x: number; y: number; moved: boolean } | undefined;
  private isDrawing = false;
  private isDark = true;
  /** Where the pointer is, CSS pixels. */
  private pointer = { x: 0, y: 0 };

  constructor(data: MapData, view: MapView, teller: MapTeller) {
    this.data = data;
    this.view = view;
    this.teller = teller;
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    this.useTheme(dark.matches);
    dark.addEventListener('change', () => this.useTheme(dark.matches));
    this.need('theme').addEventListener('click', () => this.useTheme(!this.isDark));
    this.fillLegend();
    this.listen();
    this.resize();
  }

  private need(id: string): Node {
    const node = document.getElementById(id);
    if (!node) throw new Error(`no element ${id}`);
    return node;
  }

  private useTheme(dark: boolean): void {
    this.isDark = dark;
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    const rgb = (colour: string) =>
      [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
    const { kinds } = this.data.facts;
    kinds.forEach((kind, i) => {
      document.documentElement.style.setProperty(`--kind${i}`, dark ? kind.dark : kind.light);
    });
    this.view.colours = kinds.map((kind) => rgb(dark ? kind.dark : kind.light));
    this.view.ground = rgb(dark ? '#0e131d' : '#ffffff');
    this.view.ink = dark ? '#dbe4f3' : '#1b2433';
    this.draw();
  }

  private resize(): void {
    const box = this.need('plot');
    this.view.resize(box.clientWidth, box.clientHeight, Math.min(window.devicePixelRatio || 1, 2));
    this.draw();
  }

  /** Draws before the next frame, once. */
  draw(): void {
    if (this.isDrawing) return;
    this.isDrawing = true;
    window.requestAnimationFrame(() => {
      this.isDrawing = false;
      this.view.paint(this.spot);
      this.tellWhere();
    });
  }

  private tellWhere(): void {
    const { view, teller } = this;
    const seen = Math.min(view.zoom, 9999);
    const across = (view.width - view.gutter) * view.blocksPerPixel;
    const bands = view.agsPerBand > 1 ? ` · ${view.agsPerBand} AGs a row` : '';
    const from = teller.number(Math.floor(view.left));
    this.status.textContent =
      `${seen < 10 ? seen.toFixed(1) : Math.round(seen)}× · from block ${from} · ` +
      `${teller.number(Math.ceil(across))} blocks across${bands}`;
  }

  private listen(): void {
    const { canvas } = this;
    window.addEventListener('resize', () => this.resize());
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.drag = { x: event.clientX, y: event.clientY, moved: false };
    });
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', () => {
      if (this.drag && !this.drag.moved) this.pin();
      this.drag = undefined;
    });
    canvas.addEventListener('pointerleave', () => this.point(undefined));
    canvas.addEventListener('dblclick', (event) => {
      this.view.zoomAt(event.offsetX, event.offsetY, event.shiftKey ? 1 / 4 : 4);
      this.draw();
    });
    canvas.addEventListener('keydown', (event) => this.key(event));
    this.need('search').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.search();
      if (event.key === 'Escape') this.canvas.focus();
    });
    window.addEventListener('keydown', (event) => {
      if (event.key === '/' && !event.ctrlKey && !event.metaKey && !this.isTyping()) {
        event.preventDefault();
        this.need('search').focus();
      }
    });
  }

  private isTyping(): boolean {
    return (document as unknown as { activeElement: unknown }).activeElement === this.need('search');
  }

  private wheel(event: PointerLike): void {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (event.shiftKey) this.view.panBy((event.deltaX + event.deltaY) * unit, 0);
    else if (event.altKey) this.view.panBy(0, event.deltaY * unit);
    else {
      this.view.panBy(event.deltaX * unit, 0);
      this.view.zoomAt(event.offsetX, event.offsetY, 2 ** (-event.deltaY * unit * 0.003));
    }
    this.point(event);
    this.draw();
  }

  private move(event: PointerLike): void {
    if (this.drag) {
      const x = this.drag.x - event.clientX;
      const y = this.drag.y - event.clientY;
      if (this.drag.moved || Math.abs(x) + Math.abs(y) > 3) {
        this.view.panBy(x, y);
        this.drag = { x: event.clientX, y: event.clientY, moved: true };
        this.point(undefined);
        this.draw();
        return;
      }
    }
    this.point(event);
  }

  /** Follows the pointer; away from cells there is nothing to tell. */
  private point(event: PointerLike | undefined): void {
    const spot = event && this.view.hit(event.offsetX, event.offsetY);
    if (event) this.pointer = { x: event.offsetX, y: event.offsetY };
    const same =
      spot?.ag === this.spot?.ag && spot?.start === this.spot?.start && spot?.end === this.spot?.end;
    this.spot = spot;
    this.showTip();
    if (!same) this.draw();
  }

  private showTip(): void {
    const { tip, spot } = this;
    tip.hidden = spot === undefined;
    if (!spot) return;
    const lines = this.teller.tell(spot).map(({ kind, text, style }) => {
      const line = document.createElement('div');
      line.className = style;
      if (kind >= 0) line.append(this.swatch(kind));
      line.append(text);
      return line;
    });
    tip.replaceChildren(...lines);
    const { x, y } = this.pointer;
    const left = x + 18 + tip.offsetWidth > this.view.width ? x - 18 - tip.offsetWidth : x + 18;
    const top = Math.min(y + 14, this.view.height - tip.offsetHeight - 8);
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  private swatch(kind: number): Node {
    const swatch = document.createElement('i');
    swatch.style.setProperty('background', `var(--kind${kind})`);
    return swatch;
  }

  /** Lights all extents of the inode under the pointer, or none. */
  private pin(): void {
    const owner = this.spot === undefined ? -1 : this.teller.owner;
    this.light(owner === this.view.lit ? -1 : owner);
  }

  private light(inode: number): void {
    const { data, view } = this;
    view.lit = inode;
    const path = inode < 0 ? '' : data.paths[inode] || 'no path';
    this.say(inode < 0 ? '' : `Lit: inode ${data.ino[inode]} (${path}). Escape ends it.`);
    this.draw();
  }

  private say(text: string): void {
    this.need('said').textContent = text;
  }

  private key(event: PointerLike): void {
    const { view } = this;
    const step = event.shiftKey ? this.step * 5 : this.step;
    const middle = [view.width / 2, view.height / 2] as const;
    const act: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => view.panBy(-step, 0),
      ArrowRight: () => view.panBy(step, 0),
      ArrowUp: () => view.panBy(0, -step),
      ArrowDown: () => view.panBy(0, step),
      PageUp: () => view.panBy(0, -view.height),
      PageDown: () => view.panBy(0, view.height),
      '+': () => view.zoomAt(...middle, 1.5),
      '=': () => view.zoomAt(...middle, 1.5),
      '-': () => view.zoomAt(...middle, 1 / 1.5),
      Home: () => view.reset(),
      '0': () => view.reset(),
      Enter: () => this.tellMiddle(),
      Escape: () => this.light(-1),
    };
    if (event.ctrlKey || event.metaKey || !act[event.key]) return;
    event.preventDefault();
    act[event.key]!();
    this.point(undefined);
    this.draw();
  }

  /** Says what is in the middle of the picture: without a pointer, and to screen readers. */
  private tellMiddle(): void {
    const { view } = this;
    const spot = view.hit(view.width / 2, view.height / 2);
    this.say(
      spot === undefined
        ? 'Nothing there.'
        : this.teller
            .tell(spot)
            .map(({ text }) => text)
            .join('; '),
    );
  }

  /** Goes to `agno/agbno`, to an inode by number, or to the first path that holds the text. */
  search(): void {
    const { data, view } = this;
    const text = this.need('search').value.trim();
    const place = /^(\d+)\/(\d+)$/.exec(text);
    if (place) {
      const ag = data.agno.indexOf(Number(place[1]));
      const block = Number(place[2]);
      if (ag < 0 || block >= data.length[ag]!) this.say('No such block.');
      else {
        view.goTo(ag, block, 1);
        this.say('');
      }
      this.draw();
      return;
    }
    const inode = /^\d+$/.test(text)
      ? data.inodeRow(Number(text))
      : data.paths.findIndex((path) => path.includes(text));
    if (text === '' || inode < 0) {
      this.say(text === '' ? '' : 'Not found: no inode with blocks in this page.');
      return;
    }
    this.goToInode(inode);
  }

  private goToInode(inode: number): void {
    const { extents } = this.data;
    const row = extents.owner.indexOf(inode);
    let ag = 0;
    while (ag + 1 < this.view.ags && extents.first[ag + 1]! <= row) ag++;
    if (row >= 0 && row < extents.first[this.view.ags]!) {
      const lengths = this.data.length[ag]!;
      this.view.goTo(ag, extents.start[row]!, Math.min(lengths, extents.count[row]! * 16));
    }
    this.light(inode);
  }

  private fillLegend(): void {
    const { kinds } = this.data.facts;
    for (let kind = 0; kind < kinds.length; kind++) {
      const button = document.getElementById(`kind${kind}`);
      button?.addEventListener('click', () => {
        const hide = this.view.hidden[kind] === 0;
        this.view.hidden[kind] = hide ? 1 : 0;
        button.setAttribute('aria-pressed', hide ? 'false' : 'true');
        this.draw();
      });
    }
  }
}
