/**
 * Builds dist/xfskit.js: one ESM bundle, its commands evaluated only when they are called for (esbuild keeps a
 * dynamic import inside the bundle as a deferred initializer). `--docs` writes the generated documents instead,
 * `--demo` builds and runs the demonstration.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  // cli-table3 and its kind are CommonJS and call require() for Node's own modules.
  banner: {
    js: "import { createRequire as xfskitRequire } from 'node:module';const require = xfskitRequire(import.meta.url);",
  },
};

/**
 * Static imports of Node's modules would be hoisted to the top of the bundle and loaded at every start (crypto
 * alone takes some 5 ms). As CommonJS they are loaded when the module that wants them is evaluated.
 */
const deferBuiltins = {
  name: 'defer-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : { path, external: true },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

async function bundle() {
  await build({
    ...common,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/xfskit.js',
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    plugins: [deferBuiltins],
    define: { XFSKIT_VERSION: JSON.stringify(version) },
  });
}

async function writeDocuments() {
  const { outputFiles } = await build({
    ...common,
    stdin: {
      contents: `export { formatMarkdown } from './src/format/documentation.ts';
        export { findingsMarkdown } from './src/report/markdown.ts';`,
      resolveDir: root,
    },
    banner: {},
    write: false,
  });
  const url = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`;
  const { formatMarkdown, findingsMarkdown } = await import(url);
  writeFileSync(`${root}docs/FORMAT.md`, formatMarkdown());
  writeFileSync(`${root}docs/FINDINGS.md`, findingsMarkdown());
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
