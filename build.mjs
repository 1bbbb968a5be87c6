/**
 * Builds dist/xfskit.js (bundle.mjs) and V8's compiled form of it (bin/cache.cjs). `--docs` writes the generated
 * documents instead, `--demo` builds and runs the demonstration.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const common = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' };

/** Replaces a file at one stroke: somebody may be starting it. */
function writeWhole(path, text) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}

async function writeBundle() {
  const { code, map } = await bundle({
    ...common,
    entryPoints: ['src/cli/main.ts'],
    define: { XFSKIT_VERSION: JSON.stringify(version) },
  });
  mkdirSync(`${root}dist`, { recursive: true });
  writeWhole(`${root}dist/package.json`, '{ "type": "commonjs" }\n');
  writeWhole(`${root}dist/xfskit.js.map`, map);
  writeWhole(`${root}dist/xfskit.js`, code);
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
  await writeBundle();
  if (mode === '--demo') {
    const demo = spawnSync(process.execPath, [`${root}demo/demo.mjs`], { stdio: 'inherit' });
    process.exitCode = demo.status ?? 1;
  }
}
