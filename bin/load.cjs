'use strict';
/**
 * Loads dist/xfskit.js, for the commands beside this file. Parsing it takes longer than most commands run, so V8's
 * compiled form of it is kept in a file of dist/ (made by cache.cjs when it is built or installed), for one V8, one
 * architecture and one bundle. V8 refuses a form made by another version or with other flags, but takes one of
 * another source of the same length; hence the bundle's own hash, its last line, is part of the name. Nor does V8
 * check more than a header: bytes gone bad would crash it. So the file holds everything twice, and is used only when
 * both halves are equal: comparing takes a tenth of a millisecond, any checksum some. Without such a file everything
 * works, only later.
 */
const { readFileSync } = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const folder = path.join(__dirname, '..', 'dist');
const bundle = path.join(folder, 'xfskit.js');

function readCache(file) {
  try {
    const bytes = readFileSync(file);
    const half = bytes.subarray(0, bytes.length / 2);
    return half.equals(bytes.subarray(half.length)) ? half : undefined;
  } catch {
    return undefined;
  }
}

/** The bundle compiled, and the name of the file for its compiled form. */
function compile() {
  const source = readFileSync(bundle, 'latin1'); // it is ASCII: the build sees to that
  const hash = source.slice(-17, -1);
  const cacheFile = path.join(folder, `${hash}-${process.versions.v8}-${process.arch}.cache`);
  const script = new vm.Script(source, { filename: bundle, cachedData: readCache(cacheFile) });
  return { script, cacheFile };
}

function evaluate(script) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, bundle, folder);
  return module.exports;
}

/** The exports of src/cli/main.ts. Throws what keeps the bundle from being loaded. */
function load() {
  if (process.env.XFSKIT_DEBUG === '1') {
    // Stack traces in terms of src/; only Node's own loader looks for source maps.
    process.setSourceMapsEnabled(true);
    return require(bundle);
  }
  try {
    return evaluate(compile().script);
  } catch (error) {
    if (error.code !== 'ENOENT' || error.path !== bundle) throw error;
    throw new Error(`${bundle} is missing: run "npm ci" (or "npm run build") first`);
  }
}

module.exports = { bundle, compile, evaluate, load };
