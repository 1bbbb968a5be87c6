/**
 * What the page's code uses of a browser, and what it is given. The code of this folder runs in the page, put there as
 * the text of its classes (page.ts): it may use nothing of other modules but types.
 */

export interface Context2d {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  font: string;
  textAlign: string;
  textBaseline: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number, most?: number): void;
  createImageData(width: number, height: number): { readonly data: Uint8ClampedArray };
  putImageData(image: unknown, x: number, y: number): void;
}

export interface PointerLike {
  readonly offsetX: number;
  readonly offsetY: number;
  readonly clientX: number;
  readonly clientY: number;
  readonly deltaX: number;
  readonly deltaY: number;
  readonly deltaMode: number;
  readonly pointerId: number;
  readonly button: number;
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  preventDefault(): void;
}

export interface Node {
  textContent: string | null;
  className: string;
  title: string;
  value: string;
  hidden: boolean;
  width: number;
  height: number;
  readonly clientWidth: number;
  readonly clientHeight: number;
  readonly offsetWidth: number;
  readonly offsetHeight: number;
  readonly style: Record<string, string> & { setProperty(name: string, value: string): void };
  readonly dataset: Record<string, string>;
  append(...nodes: (Node | string)[]): void;
  replaceChildren(...nodes: (Node | string)[]): void;
  setAttribute(name: string, value: string): void;
  getContext(kind: '2d', options?: object): Context2d;
  getBoundingClientRect(): { readonly left: number; readonly top: number };
  addEventListener(type: string, listener: (event: PointerLike) => void, options?: object): void;
  setPointerCapture(id: number): void;
  focus(): void;
}

export interface Page {
  readonly documentElement: Node;
  getElementById(id: string): Node | null;
  createElement(tag: string): Node;
}

/** A kind of use, as the page draws it. */
export interface PageKind {
  readonly name: string;
  readonly letter: string;
  readonly about: string;
  readonly light: string;
  readonly dark: string;
  readonly blocks: number;
}

/** What the page knows beside the packed streams. */
export interface PageFacts {
  readonly name: string;
  readonly blocksize: number;
  readonly agblocks: number;
  readonly dblocks: number;
  readonly inopblock: number;
  readonly aginolog: number;
  readonly agblklog: number;
  readonly rmapbt: boolean;
  readonly grain: number;
  readonly extentsLeft: number;
  readonly kinds: readonly PageKind[];
  /** Kind of each use; kinds of data shared by 2, 3 to 4, 5 and more. */
  readonly kindOfUse: readonly number[];
  readonly sharedKinds: readonly number[];
  readonly useNames: readonly string[];
  readonly dataUse: number;
  readonly conflictUse: number;
  readonly treeNames: readonly string[];
  readonly conflicts: readonly string[];
  readonly fileKinds: readonly string[];
  /** Metadata owners by their negated number. */
  readonly ownerNames: Readonly<Record<number, string>>;
}

export interface PackedStreams {
  readonly runs: string;
  readonly inodes: string;
  readonly extents: string;
  readonly rmaps: string;
}
