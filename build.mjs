/**
 * Builds dist/xfskit.js: one CommonJS bundle, its commands evaluated only when they are called for (esbuild keeps a
 * dynamic import inside the bundle as a deferred initializer), and V8's compiled form of it (bin/cache.cjs).
 * CommonJS, because Node's loader of ES modules takes longer to start. `--docs` writes the generated documents
 * instead, `--demo` builds and runs the demonstration.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const common = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' };

/** Node's modules that are there at start-up anyway; any other is loaded when something of it is first used. */
const AT_HAND = new Set(['node:buffer', 'node:events', 'node:fs', 'node:path', 'node:process']);

const deferBuiltins = {
  name: 'defer-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, pluginData }) =>
      AT_HAND.has(path) || pluginData === 'deferred'
        ? { path, external: true }
        : { path, namespace: 'builtin' },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const getters = Object.keys(require(path)).map((key) => `get ${key}(){return load().${key}}`);
      const contents = `const load=()=>require(${JSON.stringify(path)});module.exports={${getters.join()}}`;
      return { contents, pluginData: 'deferred' };
    });
  },
};

/** Replaces a file at one stroke: somebody may be starting it. */
function writeWhole(path, text) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}

/** The bundle is one function: called by Node's loader, but only the value of the script for bin/load.cjs. */
const PARAMETERS = 'exports,require,module,__filename,__dirname';
const OPEN = `(f=>this===globalThis?f:f(${PARAMETERS}))((function(${PARAMETERS}){`;

async function bundle() {
  const { outputFiles } = await build({
    ...common,
    format: 'cjs',
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/xfskit.js',
    write: false,
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    banner: { js: OPEN },
    footer: { js: '}))' },
    plugins: [deferBuiltins],
    define: { XFSKIT_VERSION: JSON.stringify(version) },
  });
  const [map, code] = ['.map', '.js'].map((end) => outputFiles.find(({ path }) => path.endsWith(end)).text);
  // bin/load.cjs reads it as Latin-1, and knows by the last line which compiled form belongs to it.
  if (!/^[\0-\x7f]*$/.test(code)) throw new Error('dist/xfskit.js: not ASCII');
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 16);
  mkdirSync(`${root}dist`, { recursive: true });
  writeWhole(`${root}dist/package.json`, '{ "type": "commonjs" }\n');
  writeWhole(`${root}dist/xfskit.js.map`, map);
  writeWhole(`${root}dist/xfskit.js`, `${code}// ${hash}\n`);
  spawnSync(process.execPath, [`${root}bin/cache.cjs`], { stdio: 'inherit' });
}

async function writeDocuments() {
  const { outputFiles } = await build({
    ...common,
    entryPoints: ['src/cli/documents.ts'],
    format: 'cjs',
    write: false,
    outdir: 'dist',
  });
  const module = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(module, module.exports, require);
  const documents = await module.exports.documents();
  mkdirSync(`${root}docs/man`, { recursive: true });
  for (const [path, text] of documents) writeFileSync(`${root}${path}`, text);
  const man = [...documents.keys()].filter((path) => path.startsWith('docs/man/'));
  const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  writeWhole(`${root}package.json`, `${JSON.stringify({ ...manifest, man }, null, 2)}\n`);
}

const mode = process.argv[2];
if (mode === '--docs') {
  await writeDocuments();
} else {
  await bundle();
  if (mode === '--demo') {
    const demo = spawnSync(process.execPath, [`${root}demo/demo.mjs`], { stdio: 'inherit' });
    process.exitCode = demo.status ?? 1;
  }
}
