/**
 * The picture on the canvas. AGs are rows; in a row blocks run down a column of cells and on in the next column, so
 * that a row is as high as there is room and still read from left to right. Blocks of a cell and cells of a column are
 * powers of two: zooming does not make the picture swim. Where rows would be thinner than a few pixels, several AGs
 * are laid on one another in a band. Runs in the page; see dom.ts.
 */
import type { MapData } from './data.ts';
import type { Context2d, Node } from './dom.ts';

/** Where the pointer is: AGs (places in the page, last one inclusive) and blocks, the end exclusive. */
export interface Spot {
  readonly ag: number;
  readonly lastAg: number;
  readonly start: number;
  readonly end: number;
}

interface Band {
  readonly ag: number;
  readonly lastAg: number;
  /** CSS pixels. */
  readonly y: number;
  readonly height: number;
}

interface Grid {
  /** Blocks of a cell, cells of a column. */
  readonly blocks: number;
  readonly cells: number;
  /** Width of a column, CSS pixels. */
  readonly width: number;
}

export class MapView {
  readonly data: MapData;
  readonly gutter = 58;
  width = 1;
  height = 1;
  ratio = 1;
  zoom = 1;
  /** Block at the left edge, and AG (with a fraction) at the top. */
  left = 0;
  top = 0;
  /** Kinds that are not shown. */
  readonly hidden: Uint8Array;
  /** Row of the inode whose extents are lit; -1: none. */
  lit = -1;
  colours: readonly (readonly [number, number, number])[] = [];
  ground: readonly [number, number, number] = [0, 0, 0];
  ink = '#fff';
  private readonly longest: number;
  private readonly canvas: Node;
  private readonly context: Context2d;
  private pixels: Uint32Array = new Uint32Array(0);
  private image: { readonly data: Uint8ClampedArray } | undefined;

  constructor(data: MapData, canvas: Node) {
    this.data = data;
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.hidden = new Uint8Array(data.facts.kinds.length);
    this.longest = data.length.reduce((most, length) => Math.max(most, length), 1);
  }

  get ags(): number {
    return this.data.agno.length;
  }
  private get plotWidth(): number {
    return Math.max(16, this.width - this.gutter - 8);
  }
  /** Height of the row of one AG, gap included. */
  get rowHeight(): number {
    const whole = this.height / this.ags;
    return Math.max(Math.min(whole, 420), Math.min(whole * this.zoom, this.height * 0.72));
  }
  get blocksPerPixel(): number {
    return this.longest / this.plotWidth / this.zoom;
  }
  /** No closer than one block of 64 by 64 pixels. */
  private get mostZoom(): number {
    return Math.max(1, (4096 * this.longest) / this.plotWidth / Math.min(this.height * 0.72, 420));
  }

  resize(width: number, height: number, ratio: number): void {
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.image = undefined;
    this.clamp();
  }

  private clamp(): void {
    this.zoom = Math.min(Math.max(this.zoom, 1), this.mostZoom);
    this.left = Math.min(Math.max(this.left, 0), this.longest - this.plotWidth * this.blocksPerPixel);
    this.left = Math.max(0, this.left);
    this.top = Math.max(0, Math.min(this.top, this.ags - this.height / this.rowHeight));
  }

  reset(): void {
    this.zoom = 1;
    this.left = 0;
    this.top = 0;
    this.clamp();
  }

  /** Zooms and keeps what is at a place (CSS pixels) there. */
  zoomAt(x: number, y: number, factor: number): void {
    const across = x - this.gutter;
    const block = this.left + across * this.blocksPerPixel;
    const ag = this.top + y / this.rowHeight;
    this.zoom *= factor;
    this.zoom = Math.min(Math.max(this.zoom, 1), this.mostZoom);
    this.left = block - across * this.blocksPerPixel;
    this.top = ag - y / this.rowHeight;
    this.clamp();
  }

  panBy(x: number, y: number): void {
    this.left += x * this.blocksPerPixel;
    this.top += y / this.rowHeight;
    this.clamp();
  }

  /** Brings blocks of an AG into the middle, near enough to be told from one another. */
  goTo(ag: number, start: number, count: number): void {
    this.zoom = Math.min(this.mostZoom, Math.max(this.zoom, this.longest / Math.max(count * 8, 1)));
    this.left = start + count / 2 - (this.plotWidth / 2) * this.blocksPerPixel;
    this.top = ag + 0.5 - this.height / 2 / this.rowHeight;
    this.clamp();
  }

  /** AGs that are laid on one another. */
  get agsPerBand(): number {
    return 2 ** Math.max(0, Math.round(Math.log2(6 / this.rowHeight)));
  }

  private get gap(): number {
    const height = this.rowHeight * this.agsPerBand;
    return height >= 40 ? 8 : height >= 14 ? 3 : 1;
  }

  private *bands(): Generator<Band> {
    const { rowHeight, agsPerBand, gap } = this;
    for (let ag = Math.floor(this.top / agsPerBand) * agsPerBand; ag < this.ags; ag += agsPerBand) {
      const y = (ag - this.top) * rowHeight;
      if (y > this.height) return;
      yield { ag, lastAg: Math.min(ag + agsPerBand, this.ags) - 1, y, height: rowHeight * agsPerBand - gap };
    }
  }

  private grid(height: number): Grid {
    const perPixel = this.blocksPerPixel;
    const power = (value: number) => 2 ** Math.round(Math.log2(Math.max(1, value)));
    const side = height < 24 ? Math.min(6, height) : 8;
    const blocks = power((side * side * perPixel) / height);
    const cellSide = Math.max(side, Math.sqrt((blocks * height) / perPixel));
    const cells = power(height / cellSide);
    return { blocks, cells, width: (blocks * cells) / perPixel };
  }

  /** What is under a place (CSS pixels). */
  hit(x: number, y: number): Spot | undefined {
    if (x < this.gutter) return undefined;
    for (const band of this.bands()) {
      if (y < band.y || y >= band.y + band.height) continue;
      const { blocks, cells } = this.grid(band.height);
      const column = Math.floor((this.left + (x - this.gutter) * this.blocksPerPixel) / (blocks * cells));
      const cell = Math.min(cells - 1, Math.floor(((y - band.y) * cells) / band.height));
      const start = (column * cells + cell) * blocks;
      let length = 0;
      for (let ag = band.ag; ag <= band.lastAg; ag++) length = Math.max(length, this.data.length[ag]!);
      if (start < 0 || start >= length) return undefined;
      return { ag: band.ag, lastAg: band.lastAg, start, end: Math.min(start + blocks, length) };
    }
    return undefined;
  }

  /** Where the middle of a block's cell is (CSS pixels). */
  locate(ag: number, block: number): { readonly x: number; readonly y: number } {
    const { agsPerBand, gap, rowHeight } = this;
    const first = Math.floor(ag / agsPerBand) * agsPerBand;
    const height = rowHeight * agsPerBand - gap;
    const { blocks, cells, width } = this.grid(height);
    const cell = Math.floor(block / blocks);
    const column = Math.floor(cell / cells);
    return {
      x: this.gutter + (column * blocks * cells - this.left) / this.blocksPerPixel + width / 2,
      y: (first - this.top) * rowHeight + (((cell % cells) + 0.5) * height) / cells,
    };
  }

  paint(hover?: Spot): void {
    const { context, canvas, ground } = this;
    this.image ??= context.createImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.pixels.fill(this.pack(ground[0], ground[1], ground[2]));
    for (const band of this.bands()) this.paintBand(band);
    context.putImageData(this.image, 0, 0);
    this.paintLabels();
    if (hover) this.outline(hover);
  }

  /** A pixel as the memory of an image has it. */
  private pack(red: number, green: number, blue: number): number {
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }

  private paintBand(band: Band): void {
    const { blocks, cells } = this.grid(band.height);
    const perColumn = blocks * cells;
    const firstColumn = Math.max(0, Math.floor(this.left / perColumn));
    const lastBlock = this.left + this.plotWidth * this.blocksPerPixel;
    const columns =
      Math.min(Math.ceil(lastBlock / perColumn), Math.ceil(this.longest / perColumn)) - firstColumn;
    if (columns <= 0) return;
    const kinds = this.data.facts.kinds.length;
    const stride = kinds + 1;
    const weights = new Float64Array(columns * cells * stride);
    for (let ag = band.ag; ag <= band.lastAg; ag++)
      this.weigh(ag, firstColumn * perColumn, blocks, weights, stride, columns * cells);
    this.paintCells(band, firstColumn, columns, cells, blocks, weights, stride);
  }

  /** Adds the blocks of each kind to cells of `blocks` from block `from` on; behind the kinds, those that are lit. */
  private weigh(
    ag: number,
    from: number,
    blocks: number,
    weights: Float64Array,
    stride: number,
    count: number,
  ): void {
    const { data } = this;
    const stop = Math.min(data.length[ag]!, from + count * blocks);
    if (from >= stop) return;
    for (let run = data.runAt(ag, from), at = from; at < stop; run++) {
      const end = Math.min(stop, data.endOf(ag, run));
      this.spread(at, end, from, blocks, weights, stride, data.kind[run]!);
      at = end;
    }
    if (this.lit < 0) return;
    const { extents } = data;
    for (let row = extents.first[ag]!; row < extents.first[ag + 1]!; row++) {
      if (extents.owner[row] !== this.lit) continue;
      const start = Math.max(from, extents.start[row]!);
      const end = Math.min(stop, extents.start[row]! + extents.count[row]!);
      if (start < end) this.spread(start, end, from, blocks, weights, stride, stride - 1);
    }
  }

  private spread(
    start: number,
    end: number,
    from: number,
    blocks: number,
    weights: Float64Array,
    stride: number,
    slot: number,
  ): void {
    for (let at = start, cell = Math.floor((start - from) / blocks); at < end; cell++) {
      const next = Math.min(end, from + (cell + 1) * blocks);
      weights[cell * stride + slot]! += next - at;
      at = next;
    }
  }

  private paintCells(
    band: Band,
    firstColumn: number,
    columns: number,
    cells: number,
    blocks: number,
    weights: Float64Array,
    stride: number,
  ): void {
    const { ratio, blocksPerPixel, gutter } = this;
    const xOf = (column: number) =>
      Math.round((gutter + (column * blocks * cells - this.left) / blocksPerPixel) * ratio);
    const yOf = (cell: number) => Math.round((band.y + (cell * band.height) / cells) * ratio);
    const edge = Math.round(gutter * ratio);
    const right = Math.round((gutter + this.plotWidth) * ratio);
    for (let column = 0; column < columns; column++) {
      const x = xOf(firstColumn + column);
      const next = xOf(firstColumn + column + 1);
      const gapX = next - x >= 5 * ratio ? Math.max(1, Math.floor(ratio)) : 0;
      for (let cell = 0; cell < cells; cell++) {
        const colour = this.mix(weights, (column * cells + cell) * stride, stride - 1);
        if (colour < 0) continue;
        const y = yOf(cell);
        const below = yOf(cell + 1);
        const gapY = below - y >= 5 * ratio ? Math.max(1, Math.floor(ratio)) : 0;
        this.fill(Math.max(edge, x), y, Math.min(right, next - gapX), below - gapY, colour);
      }
    }
  }

  private fill(x: number, y: number, right: number, bottom: number, colour: number): void {
    const { pixels, canvas } = this;
    const width = canvas.width;
    const stop = Math.min(bottom, canvas.height);
    for (let row = Math.max(0, y); row < stop; row++)
      if (x < right) pixels.fill(colour, row * width + x, row * width + right);
  }

  /** Colour of a cell: rare uses are strengthened, free space is not, so that little things can be seen; -1: nothing. */
  private mix(weights: Float64Array, at: number, kinds: number): number {
    let total = 0;
    for (let kind = 0; kind < kinds; kind++) total += weights[at + kind]!;
    if (total === 0) return -1;
    let red = 0;
    let green = 0;
    let blue = 0;
    let sum = 0;
    for (let kind = 0; kind < kinds; kind++) {
      const weight = weights[at + kind]!;
      if (weight === 0) continue;
      const part = weight / total;
      const strength = kind === 0 ? part * 0.5 : Math.sqrt(part);
      const [r, g, b] = this.hidden[kind] ? this.colours[0]! : this.colours[kind]!;
      red += r * strength;
      green += g * strength;
      blue += b * strength;
      sum += strength;
    }
    const isLit = weights[at + kinds]! > 0;
    const fade = this.lit >= 0 && !isLit ? 0.22 : 1;
    const shade = (value: number, under: number) => Math.round((value / sum) * fade + under * (1 - fade));
    return this.pack(shade(red, this.ground[0]), shade(green, this.ground[1]), shade(blue, this.ground[2]));
  }

  private paintLabels(): void {
    const { context, ratio } = this;
    context.fillStyle = this.ink;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    context.font = `${12 * ratio}px ui-monospace, monospace`;
    let free = 0;
    for (const { ag, lastAg, y, height } of this.bands()) {
      const middle = Math.max(8, y + height / 2, Math.min(y + height - 8, 10));
      if ((middle - 7 < free && free > 0) || middle > this.height - 6) continue;
      free = middle + 9;
      const name = lastAg > ag ? `${this.data.agno[ag]}+` : `AG ${this.data.agno[ag]}`;
      context.fillText(name, (this.gutter - 8) * ratio, middle * ratio);
      if (lastAg === ag) this.paintNumbers(ag, y, height);
    }
  }

  /** Numbers of blocks, where a cell is one block and has room for it. */
  private paintNumbers(ag: number, y: number, height: number): void {
    const { context, ratio, data } = this;
    const { blocks, cells, width } = this.grid(height);
    if (blocks > 1 || width < 34 || height / cells < 18) return;
    context.font = `${10 * ratio}px ui-monospace, monospace`;
    context.textAlign = 'left';
    const last = Math.min(data.length[ag]!, this.left + this.plotWidth * this.blocksPerPixel);
    for (let block = Math.floor(this.left / cells) * cells; block < last; block++) {
      const x = this.gutter + (Math.floor(block / cells) * cells - this.left) / this.blocksPerPixel;
      if (x < this.gutter) continue;
      const [r, g, b] = this.colours[data.kind[data.runAt(ag, block)]!]!;
      context.fillStyle = r * 0.3 + g * 0.59 + b * 0.11 > 110 ? 'rgba(0,0,0,.66)' : 'rgba(255,255,255,.72)';
      context.fillText(String(block), (x + 4) * ratio, (y + ((block % cells) * height) / cells + 10) * ratio);
    }
    context.textAlign = 'right';
    context.font = `${12 * ratio}px ui-monospace, monospace`;
    context.fillStyle = this.ink;
  }

  /** Frames the cell of a spot. */
  private outline({ ag, start }: Spot): void {
    const { context, ratio } = this;
    const height = this.rowHeight * this.agsPerBand - this.gap;
    const { cells, width } = this.grid(height);
    const { x, y } = this.locate(ag, start);
    context.strokeStyle = this.ink;
    context.lineWidth = 2 * ratio;
    const w = Math.max(width, 4);
    const h = Math.max(height / cells, 4);
    context.strokeRect((x - w / 2 - 1) * ratio, (y - h / 2 - 1) * ratio, (w + 1) * ratio, (h + 1) * ratio);
  }
}
