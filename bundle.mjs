/**
 * dist/xfskit.js for `bin/load.cjs`: all of src in one file, in pieces that are read, compiled and evaluated when they
 * are first wanted.
 *
 * esbuild splits the modules into chunks: those of one chunk are wanted by the same commands. Here the chunks that the
 * most common commands load anyway are put together into packs; of the rest each is a pack of its own. The file is one
 * expression, an array of packs, for Node's own loader (XFSKIT_DEBUG=1, with a source map); and each pack is an
 * expression by itself, an object of functions named as their chunks, whose place in the file its first line tells.
 * One file, because then no process can come to see the parts of two builds.
 *
 * Between chunks names are handed over by value: nothing exported may change afterwards, as test/tidy.test.ts makes
 * sure. Live bindings, as esbuild's own CommonJS has them, would put a getter into every call that crosses chunks.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

/** Modules of Node that are there at start-up anyway; any other is loaded when something of it is first used. */
const AT_HAND = new Set(['node:buffer', 'node:events', 'node:fs', 'node:path', 'node:process']);

/** Bytes of the first line: load.cjs reads as many at once. */
const INDEX_BYTES = 8192;

/** The commands whose start is to be short; what several of them share is a pack, too. */
const COMMON = ['src/cli/main.ts', 'src/cli/db.ts', 'src/cli/mkfs.ts', 'src/cli/check.ts'];

/** Modules of Node are no imports of a chunk: they come by `require`, most of them late. */
const builtins = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind, pluginData }) => {
      const isPlain = pluginData === 'asked' || (kind === 'require-call' && AT_HAND.has(path));
      return isPlain ? { path, external: true } : { path, namespace: 'builtin' };
    });
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const found = require(path);
      const names = Object.keys(found);
      const contents = AT_HAND.has(path)
        ? `const found=require(${JSON.stringify(path)});export default found;${names
            .map((name) => `export const ${name}=/*@__PURE__*/(()=>found.${name})();`)
            .join('')}`
        : `const load=()=>require(${JSON.stringify(path)});module.exports={${names.map((name) => `get ${name}(){return load().${name}}`)}}`;
      return { contents, pluginData: 'asked' };
    });
  },
};

const nameOf = (path) => /([^/]+)\.js$/.exec(path)[1];

/** `a as b,c` as the inside of an object that gives or takes the names. */
const names = (list, pair) => list.split(',').map((each) => pair(...each.split(' as ')));

/**
 * The body of a function (load, onward, require) for a chunk, and how many characters of its first line stand before
 * what is as it was.
 */
function bodyOf({ text, imports, exports }, path) {
  const heads = /import(?:\{([^}]*)\}from)?"\.\/(\w+)\.js";/y;
  let head = '"use strict";';
  let start = 0;
  let count = 0;
  for (let match = heads.exec(text); match; match = heads.exec(text), count++) {
    const [, list, name] = match;
    if (list) head += `const{${names(list, (theirs, ours) => (ours ? `${theirs}:${ours}` : theirs))}}=`;
    head += `load("${name}");`;
    start = heads.lastIndex;
  }
  const [tail = '', list] = /export\{([^}]*)\};\s*$/.exec(text) ?? [];
  const given = list ? names(list, (ours, theirs) => (theirs ? `${theirs}:${ours}` : ours)) : [];
  let onward = 0;
  // Of the same length, so that every place on the line stays where the source map has it.
  const rest = text.slice(start, text.length - tail.length).replace(/\bimport\("\.\/\w+\.js"\)/g, (call) => {
    onward++;
    return call.replace('import', 'onward');
  });
  // Initialized late: what one module imports and another requires.
  if (text.includes('__esm(')) throw new Error(`${path}: exports that change`);
  const kinds = (kind) => new Set(imports.filter((each) => each.kind === kind).map((each) => each.path)).size;
  if (
    count !== kinds('import-statement') ||
    onward < kinds('dynamic-import') ||
    given.length !== exports.length
  )
    throw new Error(`${path}: imports or exports of a form that bundle.mjs does not know`);
  return { head, rest, tail: `return{${given}}`, skipped: start };
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Mappings whose first segment stands so many columns further left; the others are told from there. */
function shifted(mappings, columns) {
  if (mappings === '' || mappings.startsWith(';')) return mappings;
  let value = 0;
  let at = 0;
  for (let shift = 0, digit = 32; digit & 32; shift += 5) {
    digit = DIGITS.indexOf(mappings[at++]);
    value += (digit & 31) << shift;
  }
  let left = (value >> 1) - columns;
  if (value & 1 || left < 0) throw new Error('a source map that bundle.mjs does not understand');
  let text = '';
  left <<= 1;
  do {
    text += DIGITS[(left & 31) | (left > 31 ? 32 : 0)];
    left >>= 5;
  } while (left > 0);
  return text + mappings.slice(at);
}

/** Chunks by the pack that they belong to. */
function packsOf(outputs) {
  const chunks = Object.keys(outputs).filter((path) => path.endsWith('.js'));
  const wanted = new Map(chunks.map((path) => [path, []]));
  for (const entry of COMMON) {
    const seen = new Set();
    const visit = (path) => {
      if (seen.has(path)) return;
      seen.add(path);
      wanted.get(path).push(entry);
      for (const each of outputs[path].imports) if (each.kind === 'import-statement') visit(each.path);
    };
    visit(chunks.find((path) => outputs[path].entryPoint === entry));
  }
  const packs = new Map();
  for (const path of chunks) {
    const key = wanted.get(path).join() || path;
    if (packs.has(key)) packs.get(key).push(path);
    else packs.set(key, [path]);
  }
  return [...packs.values()];
}

/** The text of dist/xfskit.js and its source map. */
export async function bundle(options) {
  const { outputFiles, metafile } = await build({
    ...options,
    format: 'esm',
    splitting: true,
    outdir: 'dist',
    chunkNames: '[hash]',
    write: false,
    metafile: true,
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'ascii',
    // Where they stand: behind the exports bodyOf would not find those.
    legalComments: 'inline',
    sourcemap: 'external',
    sourcesContent: false,
    plugins: [builtins],
  });
  const { outputs } = metafile;
  const textOf = (path) => outputFiles.find((file) => file.path.endsWith(`/${path}`)).text;
  let text = '';
  const places = [];
  const chunks = {};
  const sections = [];
  const write = (piece) => {
    // load.cjs reads it as Latin-1, and by places in bytes.
    if (!/^[\0-\x7f]*$/.test(piece)) throw new Error('dist/xfskit.js: not ASCII');
    text += piece;
  };
  write('module.exports=[\n');
  let line = 2;
  for (const pack of packsOf(outputs)) {
    const start = INDEX_BYTES + text.length;
    write('({\n');
    line++;
    for (const path of pack) {
      const { head, rest, tail, skipped } = bodyOf({ ...outputs[path], text: textOf(path) }, path);
      chunks[nameOf(path)] = places.length;
      const map = JSON.parse(textOf(`${path}.map`));
      sections.push({
        offset: { line: line + 1, column: 0 },
        map: {
          ...map,
          sources: map.sources.map((source) => source.replace(/^(\.\.\/)+/, '')),
          mappings: shifted(map.mappings, skipped),
        },
      });
      write(`"${nameOf(path)}"(load,onward,require){${head}\n${rest}\n${tail}},\n`);
      line += 3 + rest.split('\n').length - 1;
    }
    write('})');
    places.push([start, INDEX_BYTES + text.length - start]);
    write(',\n');
    line++;
  }
  write('];\n//# sourceMappingURL=xfskit.js.map\n');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const index = `//${JSON.stringify({ hash, entry: 'main', chunks, places })}`;
  if (index.length >= INDEX_BYTES) throw new Error('dist/xfskit.js: more chunks than its index has room for');
  return {
    code: `${index.padEnd(INDEX_BYTES - 1)}\n${text}`,
    map: JSON.stringify({ version: 3, sources: [], sections }), // Node wants `sources`
  };
}
