/** The page of `map --html` in a real browser: it loads without a complaint, tells owners, zooms, finds and lights. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BrowserPage, describeBrowser } from '../support/mapbrowser.ts';
import { temporaryDirectory, xfskit } from '../support/oracle.ts';
import { smallImage } from '../support/smallimage.ts';

interface Place {
  readonly x: number;
  readonly y: number;
}

describeBrowser('the page of map in a browser', () => {
  let page: BrowserPage;

  beforeAll(async () => {
    const image = join(temporaryDirectory(), 'a <b>"name"<b> & more.img');
    writeFileSync(image, smallImage().device.bytes);
    const file = join(temporaryDirectory(), 'map.html');
    // As built, for the code of the page is the text of classes in the bundle.
    const drawn = xfskit(['map', '--html', file, image]);
    expect([drawn.stdout, drawn.stderr, drawn.status]).toEqual(['', '', 0]);
    page = await BrowserPage.open(`file://${file}`);
  }, 60_000);

  afterAll(() => page?.close());

  /** Where a block is, in pixels of the window, with so much room that its cell is one block. */
  async function goTo(agno: number, agbno: number): Promise<Place> {
    return page.evaluate(`(() => {
      xfsMap.view.zoom = 1e9;
      xfsMap.view.goTo(${agno}, ${agbno}, 1);
      xfsMap.draw();
      const { x, y } = xfsMap.view.locate(${agno}, ${agbno});
      const box = document.getElementById('map').getBoundingClientRect();
      return { x: x + box.left, y: y + box.top };
    })()`);
  }

  async function tip(): Promise<string> {
    return page.evaluate(`(() => {
      const tip = document.getElementById('tip');
      return tip.hidden ? '' : [...tip.children].map((line) => line.textContent).join('\\n');
    })()`);
  }

  /** How many different colours the canvas has. */
  async function colours(): Promise<number> {
    return page.evaluate('new Set(xfsMap.view.pixels).size');
  }

  test('shows itself without a complaint and without a network', async () => {
    await page.settle();
    expect(page.complaints).toEqual([]);
    expect(await page.evaluate('document.title')).toContain('a <b>"name"<b> & more.img');
    expect(await page.evaluate('document.querySelector("h1 b")')).toBeNull();
    expect(await colours()).toBeGreaterThan(4);
    const png = await page.screenshot();
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.length).toBeGreaterThan(10_000);
  });

  test('tells the owner of a block under the pointer', async () => {
    const spots: readonly (readonly [number, number, readonly string[]])[] = [
      [0, 703, ['AG 0, block 703', 'data', '/alone', 'data fork']],
      [2, 801, ['AG 2, block 801', 'data', '/shared']],
      [2, 806, ['AG 2, block 806', 'shared by 2', 'refcount 2', '/shared', '/clone']],
      [1, 0, ['AG headers']],
      [1, 900, ['log', 'in 7–3,081']],
      [1, 3500, ['free']],
    ];
    for (const [agno, agbno, texts] of spots) {
      const { x, y } = await goTo(agno, agbno);
      await page.settle();
      await page.mouse('mouseMoved', x, y);
      const said = await tip();
      for (const text of texts) expect(said).toContain(text);
    }
    expect(page.complaints).toEqual([]);
  });

  test('zooms by wheel and keys about the pointer, pans by drag, and comes back', async () => {
    const state = () =>
      page.evaluate<{ zoom: number; left: number }>('({ zoom: xfsMap.view.zoom, left: xfsMap.view.left })');
    await page.evaluate('xfsMap.view.reset(); xfsMap.draw(); document.getElementById("map").focus()');
    const blockAt = () => page.evaluate<number>('xfsMap.view.hit(500, 100).start');
    const before = await blockAt();
    const box = await page.evaluate<Place>(
      '(() => { const { left: x, top: y } = document.getElementById("map").getBoundingClientRect(); return { x, y }; })()',
    );
    for (let i = 0; i < 4; i++) await page.wheel(box.x + 500, box.y + 100, -240);
    const near = await state();
    expect(near.zoom).toBeGreaterThan(4);
    expect(Math.abs((await blockAt()) - before)).toBeLessThan(200);
    await page.mouse('mousePressed', box.x + 500, box.y + 100);
    await page.mouse('mouseMoved', box.x + 420, box.y + 100);
    await page.mouse('mouseReleased', box.x + 420, box.y + 100);
    expect((await state()).left).toBeGreaterThan(near.left);
    await page.key('+');
    expect((await state()).zoom).toBeGreaterThan(near.zoom);
    await page.key('ArrowLeft');
    await page.key('0');
    expect(await state()).toEqual({ zoom: 1, left: 0 });
  });

  test('finds a file by its path, lights it, and switches uses and theme', async () => {
    await page.evaluate('document.getElementById("search").focus()');
    for (const letter of 'clone') await page.key(letter);
    await page.key('Enter');
    expect(await page.evaluate('document.getElementById("said").textContent')).toContain('/clone');
    expect(await page.evaluate('xfsMap.view.lit')).toBeGreaterThanOrEqual(0);
    await page.evaluate('document.getElementById("map").focus()');
    await page.key('Escape');
    expect(await page.evaluate('xfsMap.view.lit')).toBe(-1);
    await page.key('0');
    const all = await colours();
    await page.evaluate('document.querySelectorAll("aside li button").forEach((button) => button.click())');
    await page.settle();
    expect(
      await page.evaluate('document.querySelector("aside li button").getAttribute("aria-pressed")'),
    ).toBe('false');
    expect(await colours()).toBeLessThan(all);
    await page.evaluate('document.querySelectorAll("aside li button").forEach((button) => button.click())');
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.evaluate('document.getElementById("theme").click()');
    await page.settle();
    expect(await ground()).not.toBe(light);
    expect(page.complaints).toEqual([]);
  });
});
