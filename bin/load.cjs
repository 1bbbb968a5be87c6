'use strict';
/**
 * Loads dist/xfskit.js, for the commands beside this file: not as a whole, but the packs (see bundle.mjs) that a
 * command wants, when it wants them. Parsing takes longer than most commands run, so V8's compiled form of each pack
 * is kept in a file of dist/ (made by cache.cjs when it is built or installed), for one V8, one architecture and one
 * bundle. V8 refuses a form made by another version or with other flags, but takes one of another source of the same
 * length; hence the bundle's own hash, in its first line, is part of the name. Nor does V8 check more than a header:
 * bytes gone bad would crash it. So the file holds everything twice, and what is used must be the same both times:
 * comparing takes a tenth of a millisecond, any checksum some. Without such a file everything works, only later.
 *
 * A check is long and full of data, so it has settings of V8 of its own (docs/DESIGN.md, "Time and memory of check").
 * They are made before anything is loaded, and with them goes a file of forms of its own.
 */
const { openSync, readSync } = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const folder = path.join(__dirname, '..', 'dist');
const bundle = path.join(folder, 'xfskit.js');
const INDEX_BYTES = 8192;
const CHECK_SETTINGS = ['--semi-space-growth-factor=1', '--max-inlined-bytecode-size-cumulative=300'];
const isCheck = process.argv[2] === 'check';
// This module of Node brings streams with it, some milliseconds that no other command should pay.
if (isCheck) for (const setting of CHECK_SETTINGS) require('node:v8').setFlagsFromString(setting);

/** Of the file of compiled forms: two numbers for each pack, twice. */
const PLACE_BYTES = 8;

function read(descriptor, start, length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const count = readSync(descriptor, bytes, at, length - at, start + at);
    if (count === 0) throw new Error(`${bundle} or what belongs to it is cut off: build or install it again`);
    at += count;
  }
  return bytes;
}

/** What stands there twice in a row; undefined unless it is the same both times. */
function readTwice(descriptor, start, length) {
  const bytes = read(descriptor, start, 2 * length);
  const half = bytes.subarray(0, length);
  return half.equals(bytes.subarray(length)) ? half : undefined;
}

class Bundle {
  /** Both files stay open: a new build or install does not change what a running process loads. */
  constructor() {
    this.descriptor = openSync(bundle, 'r');
    Object.assign(this, JSON.parse(read(this.descriptor, 0, INDEX_BYTES).latin1Slice(2)));
    this.cacheFile = path.join(
      folder,
      `${this.hash}-${process.versions.v8}-${process.arch}${isCheck ? '-check' : ''}.cache`,
    );
    this.scripts = [];
    this.packs = [];
    this.loaded = new Map();
    this.load = (name) => this.chunk(name);
    this.onward = (file) => Promise.resolve().then(() => this.chunk(file.slice(2, -3)));
    try {
      this.cache = openSync(this.cacheFile, 'r');
      this.forms = readTwice(this.cache, 0, this.places.length * PLACE_BYTES);
    } catch {} // there is none
  }

  compiledForm(number) {
    if (this.forms === undefined) return undefined;
    const at = number * PLACE_BYTES;
    try {
      return readTwice(this.cache, this.forms.readUInt32LE(at), this.forms.readUInt32LE(at + 4));
    } catch {
      return undefined;
    }
  }

  script(number) {
    if (this.scripts[number]) return this.scripts[number];
    const [start, length] = this.places[number];
    const source = read(this.descriptor, start, length).latin1Slice(); // it is ASCII: the build sees to that
    this.scripts[number] = new vm.Script(source, {
      filename: bundle,
      cachedData: this.compiledForm(number),
    });
    return this.scripts[number];
  }

  /** What a chunk exports, which is evaluated when it is first wanted. */
  chunk(name) {
    let exports = this.loaded.get(name);
    if (exports === undefined) {
      const number = this.chunks[name];
      this.packs[number] ??= this.script(number).runInThisContext();
      exports = this.packs[number][name](this.load, this.onward, require);
      this.loaded.set(name, exports);
    }
    return exports;
  }
}

/** The exports of src/cli/main.ts. Throws what keeps the bundle from being loaded. */
function load() {
  try {
    const whole = new Bundle();
    if (process.env.XFSKIT_DEBUG === '1') {
      // Stack traces in terms of src/; only Node's own loader looks for source maps.
      process.setSourceMapsEnabled(true);
      whole.packs = require(bundle);
    }
    return whole.chunk(whole.entry);
  } catch (error) {
    if (error.code !== 'ENOENT' || error.path !== bundle) throw error;
    throw new Error(`${bundle} is missing: run "npm ci" (or "npm run build") first`);
  }
}

module.exports = { bundle, Bundle, load };
