/**
 * A map as one page for a browser: no address in it but its own, nothing to fetch, and a policy that forbids it. The
 * code is the text of the classes in browser/; the data are packed streams (pack.ts). Names from the image are escaped
 * here, and set as text there.
 */
import { AG_BTREES } from '../../format/btree.ts';
import type { SpaceMap } from '../../fs/scan/spacemap.ts';
import { CONFLICTS, USE, USES } from '../../fs/scan/use.ts';
import { MapData } from './browser/data.ts';
import type { PageFacts, PageKind } from './browser/dom.ts';
import { MapPage } from './browser/page.ts';
import { MapTeller } from './browser/tell.ts';
import { MapView } from './browser/view.ts';
import { KINDS, kindOf, kindOfRun } from './kind.ts';
import { formatBytes, formatCount, formatNumber } from './number.ts';
import { BUDGET, type Budget, FILE_KINDS, type PackedMap, packMap } from './pack.ts';
import { pageStyle } from './style.ts';

const OWNER_NAMES: PageFacts['ownerNames'] = {
  1: 'nobody',
  2: 'unknown',
  3: 'AG headers',
  4: 'log',
  5: 'free space and rmap btrees, free list',
  6: 'inode btrees',
  7: 'inodes',
  8: 'refcount btree',
  9: 'CoW staging',
};

/** The page of a map; `budget` bounds what it holds. */
export function printPage(map: SpaceMap, budget: Budget = BUDGET): string {
  const kinds = pageKinds(map);
  const packed = packMap(map, budget);
  const facts = factsOf(map, packed, kinds);
  const { name } = map;
  const notes = [...map.notes, ...leftOut(packed)];
  const stream = (id: keyof PackedMap) => `<script type="text/plain" id="${id}">${packed[id]}</script>`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeText(name)} - map of an XFS filesystem</title>
<style>${pageStyle()}</style>
</head>
<body>
<header>
<h1>${escapeText(name.slice(name.lastIndexOf('/') + 1))}</h1>
<p id="summary">${escapeText(summary(map, kinds))}</p>
<input id="search" type="search" placeholder="path, inode or AG/block" aria-label="Go to a path, an inode or AG/block" autocomplete="off" spellcheck="false">
<button id="theme" type="button" aria-label="Change between light and dark" title="light or dark">&#9681;</button>
</header>
<main>
<div id="plot">
<canvas id="map" tabindex="0" role="img" aria-label="Map of all blocks: a row for each AG, from block 0 on" aria-describedby="summary keys"></canvas>
<div id="tip" role="tooltip" hidden></div>
</div>
<aside aria-label="Legend">
<h2>Uses</h2>
${legend(kinds)}
${notes.map((note) => `<p class="warning">${escapeText(note)}</p>`).join('\n')}
<p id="keys">Wheel or + and - zoom, drag or arrows pan, 0 shows all. Click lights all blocks of a file, / searches,
Enter tells the middle.</p>
</aside>
</main>
<footer><span id="status"></span><span id="said" role="status" aria-live="polite"></span></footer>
<noscript>This picture needs JavaScript; the numbers beside it do not.</noscript>
<script type="application/json" id="facts">${escapeJson(facts)}</script>
<script type="application/json" id="paths">${escapeJson(packed.paths)}</script>
${(['runs', 'inodes', 'extents', 'rmaps'] as const).map(stream).join('\n')}
<script>
${program()}
</script>
</body>
</html>
`;
}

/** The classes as expressions of their own: what they are called in a bundle does not matter. */
function program(): string {
  return `"use strict";
(() => {
const text = (id) => document.getElementById(id).textContent;
const streams = { runs: text('runs'), inodes: text('inodes'), extents: text('extents'), rmaps: text('rmaps') };
const data = new (${MapData})(JSON.parse(text('facts')), streams, JSON.parse(text('paths')));
const view = new (${MapView})(data, document.getElementById('map'));
const teller = new (${MapTeller})(data);
globalThis.xfsMap = new (${MapPage})(data, view, teller);
})();`;
}

function pageKinds({ ags }: SpaceMap): readonly PageKind[] {
  const blocks = new Float64Array(KINDS.length);
  for (const { runs } of ags) {
    for (let i = 0; i < runs.length; i++) blocks[kindOfRun(runs, i)]! += runs.endOf(i) - runs.start[i]!;
  }
  return KINDS.map(({ name, pure, about, light, dark }, kind) => {
    return { name, letter: pure, about, light, dark, blocks: blocks[kind]! };
  });
}

function factsOf({ name, geometry }: SpaceMap, packed: PackedMap, kinds: readonly PageKind[]): PageFacts {
  const { blocksize, agblocks, dblocks, inopblock, aginolog, agblklog, features } = geometry;
  return {
    name,
    ...{ blocksize, agblocks, dblocks, inopblock, aginolog, agblklog, kinds },
    rmapbt: features.rmapbt,
    grain: packed.grain,
    extentsLeft: packed.extentsLeft,
    kindOfUse: USES.map((_, use) => kindOf(use, 1)),
    sharedKinds: [2, 3, 5].map((depth) => kindOf(USE.data, depth)),
    useNames: USES,
    dataUse: USE.data,
    conflictUse: USE.conflict,
    treeNames: ['', ...AG_BTREES],
    conflicts: CONFLICTS,
    fileKinds: FILE_KINDS,
    ownerNames: OWNER_NAMES,
  };
}

function summary({ geometry, ags }: SpaceMap, kinds: readonly PageKind[]): string {
  const { blocksize, agcount } = geometry;
  const total = kinds.reduce((sum, { blocks }) => sum + blocks, 0);
  const used = total - kinds[0]!.blocks;
  const part = total === 0 ? 0 : (used * 100) / total;
  const shown =
    ags.length < agcount ? `${ags.length} of ${formatCount(agcount, 'AG')}` : formatCount(agcount, 'AG');
  return (
    `${formatBytes(total * blocksize)} in ${shown}, blocks of ${formatBytes(blocksize)}; ` +
    `${part.toFixed(1)}% in use (${formatBytes(used * blocksize)})`
  );
}

/** A button a use; those without a block are left out. */
function legend(kinds: readonly PageKind[]): string {
  const total = kinds.reduce((sum, { blocks }) => sum + blocks, 0);
  const most = kinds.reduce((largest, { blocks }) => Math.max(largest, blocks), 1);
  const items = kinds.map(({ name, about, blocks }, kind) => {
    if (blocks === 0) return '';
    const share = `${((blocks * 100) / total).toFixed(2)}%`;
    // Lengths by the root: a use of a thousandth is still to be seen.
    const bar = (Math.sqrt(blocks / most) * 100).toFixed(1);
    return `<li><button type="button" id="kind${kind}" aria-pressed="true" title="${escapeText(about)}">
<i style="background:var(--kind${kind})"></i><b>${escapeText(name)}</b><span>${share}</span>
<small>${formatCount(blocks, 'block')}</small><u style="width:${bar}%;background:var(--kind${kind})"></u></button></li>`;
  });
  return `<ul>${items.join('\n')}</ul>`;
}

function leftOut({ grain, extentsLeft, pathsLeft }: PackedMap): string[] {
  const notes: string[] = [];
  if (grain > 1)
    notes.push(
      `More runs than a page holds: drawn in cells of ${formatCount(grain, 'block')}, each what most of it is.`,
    );
  if (extentsLeft > 0)
    notes.push(
      `Owners of the ${formatNumber(extentsLeft)} shortest extents found no room; xfskit db has "owner".`,
    );
  if (pathsLeft > 0) notes.push(`${formatCount(pathsLeft, 'path')} found no room.`);
  return notes;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"'\p{Cc}]/gu, (c) => `&#${c.charCodeAt(0) < 32 ? 0xfffd : c.charCodeAt(0)};`);
}

/** JSON that cannot end the script it stands in. */
function escapeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
