/**
 * House rules that a machine can check: import directions, sizes, names, forbidden words, generated documents.
 * Each rule is also tried on a made-up offence, so that a rule which no longer sees anything fails.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { expect, test } from '@jest/globals';
import { documents } from '../src/cli/documents.ts';
import { repository } from './support/oracle.ts';

const SKIP = new Set(['node_modules', '.git', 'dist', 'coverage']);

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(join(repository, folder), { withFileTypes: true })) {
    if (SKIP.has(entry.name)) continue;
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

function textOf(path: string): string {
  return readFileSync(join(repository, path), 'utf8');
}

const files = [...walk('.')].sort();
const sources = files.filter((path) => /^src\/.*\.ts$/.test(path));

// --- import directions ------------------------------------------------------------------------------------

const BASE = ['format', 'device', 'fs'];
/** What each folder of src may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  format: [],
  device: [],
  fs: ['format', 'device'],
  mkfs: BASE,
  repair: BASE,
  db: BASE,
  io: BASE,
  report: BASE,
  cli: [...BASE, 'mkfs', 'repair', 'db', 'io', 'report'],
};

/** Packages and modules of Node that a folder may use; `true`: any. */
const MAY_USE: Readonly<Record<string, readonly string[] | true>> = {
  format: [],
  device: ['node:fs', 'node:path', 'node:crypto', 'node:child_process'],
  fs: [],
  report: ['chalk', 'cli-table3'],
  mkfs: ['node:fs', 'node:path', 'node:crypto'],
  repair: [],
  db: true,
  io: true,
  cli: true,
};

/** Import specifiers of a source text, static and dynamic. */
function importsOf(text: string): string[] {
  const found = text.matchAll(
    /(?:^|[\s;}])(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => match[1] ?? match[2]!);
}

/** Imports of a file that go the wrong way. */
function wrongImports(path: string, text: string): string[] {
  const folder = path.split('/')[1]!;
  return importsOf(text)
    .filter((specifier) => {
      if (!specifier.startsWith('.')) {
        const use = MAY_USE[folder];
        return use !== true && !use?.includes(specifier);
      }
      const target = posix.join(dirname(path), specifier).split('/');
      if (target[0] !== 'src') return true;
      return target[1] !== folder && !MAY_IMPORT[folder]?.includes(target[1]!);
    })
    .map((specifier) => `${path}: ${specifier}`);
}

test('imports point one way', () => {
  expect(sources.length).toBeGreaterThan(30);
  expect(sources.filter((path) => !(path.split('/')[1]! in MAY_IMPORT))).toEqual([]);
  expect(sources.flatMap((path) => wrongImports(path, textOf(path)))).toEqual([]);
});

test('the import rule sees every way to import', () => {
  const text = `import { a } from '../device/device.ts';
    import type { B } from "../fs/b.ts";
    import '../cli/main.ts';
    export * from '../mkfs/plan.ts';
    export {
      c,
      d,
    } from '../repair/plan.ts';
    const later = await import('../db/print.ts');
    import { readFileSync } from 'node:fs';
    import { fine } from './fine.ts';`;
  expect(wrongImports('src/format/x.ts', text).length).toBe(7);
  expect(wrongImports('src/mkfs/x.ts', text).length).toBe(3); // cli, repair, db
});

/** Import circles: each found once, as the chain of files that closes it. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const chain: string[] = [];
  const visit = (path: string): void => {
    const at = chain.indexOf(path);
    if (at !== -1) found.push([...chain.slice(at), path].join(' -> '));
    if (at !== -1 || done.has(path)) return;
    chain.push(path);
    for (const next of imports.get(path) ?? []) visit(next);
    chain.pop();
    done.add(path);
  };
  for (const path of imports.keys()) visit(path);
  return found;
}

test('no file imports itself by a detour, not even for a type', () => {
  const tried = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['d', 'b']],
    ['d', []],
  ]);
  expect(circles(tried)).toEqual(['b -> c -> b']);
  const imports = new Map(
    sources.map((path) => [
      path,
      importsOf(textOf(path))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(dirname(path), specifier)),
    ]),
  );
  const targets = [...imports.values()].flat();
  expect(targets.filter((path) => !imports.has(path))).toEqual([]);
  expect(targets.length).toBeGreaterThan(200);
  expect(circles(imports)).toEqual([]);
});

test('format is pure: no clock, no randomness, no process', () => {
  const impure = /\b(Date\.now|new Date\(\)|Math\.random|process\.|performance\.|crypto\.)/;
  expect(impure.test('const now = Date.now();')).toBe(true);
  const offences = sources.filter((path) => path.startsWith('src/format/') && impure.test(textOf(path)));
  expect(offences).toEqual([]);
});

test('nothing exported is a variable: chunks of the bundle hand names over by value', () => {
  const variable = /^export\s+(let|var)\b|^export\s*\{[^}]*\};/m;
  expect(variable.test('export let count = 0;')).toBe(true);
  expect(variable.test('let count = 0;\nexport { count };')).toBe(true);
  expect(sources.filter((path) => variable.test(textOf(path)))).toEqual([]);
});

// --- sizes ------------------------------------------------------------------------------------------------

test('files have at most 500 lines', () => {
  const code = files.filter(
    (path) => /^(src|test|demo|bin)\/.*\.(ts|mjs)$/.test(path) || /^(build|bundle)\.mjs$/.test(path),
  );
  const long = code.filter((path) => textOf(path).trimEnd().split('\n').length > 500);
  expect(long).toEqual([]);
});

test('functions of src have at most 70 lines', () => {
  const lint = (paths: readonly string[]): { status: number | null; text: string } => {
    const biome = join(repository, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
    const only = ['lint', '--only=complexity/noExcessiveLinesPerFunction', '--colors=off'];
    const config = `--config-path=${join(repository, 'biome.json')}`;
    const result = spawnSync(process.execPath, [biome, ...only, config, ...paths], {
      encoding: 'utf8',
      cwd: repository,
    });
    return { status: result.status, text: result.stdout + result.stderr };
  };
  const scratch = mkdtempSync(join(tmpdir(), 'xfskit-tidy-'));
  try {
    const offence = join(scratch, 'long.ts');
    writeFileSync(
      offence,
      `export function long(): number[] {\n  return [\n${'    1,\n'.repeat(80)}  ];\n}\n`,
    );
    const caught = lint([offence]);
    expect(caught.text).toContain('noExcessiveLinesPerFunction');
    expect(caught.status).not.toBe(0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const { status, text } = lint(['src']);
  expect({ status, offences: text.split('\n').filter((line) => line.includes('noExcessive')) }).toEqual({
    status: 0,
    offences: [],
  });
});

// --- names and words --------------------------------------------------------------------------------------

test('no folder or file has a name that says nothing', () => {
  const empty = /(^|\/)(utils?|helpers?|managers?|common|misc|stuff)(\.|\/|$)/i;
  expect(empty.test('src/fs/utils/a.ts') && empty.test('src/helper.ts')).toBe(true);
  expect(files.filter((path) => /^(src|test|bin|demo|docs)\//.test(path) && empty.test(path))).toEqual([]);
});

/** Split so that this file does not contain them. */
const WORDS = [
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['X', 'XX'],
  ['HA', 'CK'],
].map((parts) => new RegExp(`\\b${parts.join('')}\\b`));

/** Places and papers on the machine of whoever wrote a line: they mean nothing to anybody else. */
const PLACES = [
  ['/tmp/', 'ref'],
  ['/tmp/', 'brief'],
  ['/tmp/', 'w-'],
  ['/work', '/'],
  ['.lib', 'rary'],
  ['/root', '/'],
  ['format-', 'facts'],
  ['xfsprogs-', 'facts'],
].map((parts) => parts.join(''));

test('nothing is left to be done later, and no private path is named', () => {
  const offences = (text: string): number =>
    WORDS.filter((word) => word.test(text)).length + PLACES.filter((place) => text.includes(place)).length;
  expect(offences(['// TO', 'DO later, see /tmp/', 'ref'].join(''))).toBe(2);
  const texts = files.filter(
    (path) => /\.(ts|mjs|json|md|sh)$|^(bin|\.ci)\//.test(path) && path !== 'package-lock.json',
  );
  expect(texts.filter((path) => offences(textOf(path)) > 0)).toEqual([]);
});

test('every source file says at its head what it is', () => {
  const documented = files.filter((path) => /^(src|test|demo|bench)\/.*\.ts$/.test(path));
  const silent = documented.filter((path) => !/^\/\*\*[\s\S]*?\*\//.test(textOf(path)));
  expect(silent).toEqual([]);
});

// --- generated documents and the lock file ----------------------------------------------------------------

test('generated documents are what rows and commands say (npm run docs), and all of them are there', async () => {
  const fresh = await documents();
  const stale = [...fresh].filter(([path, text]) => !files.includes(path) || textOf(path) !== text);
  expect(stale.map(([path]) => path)).toEqual([]);
  const { man } = JSON.parse(textOf('package.json')) as { man: string[] };
  const pages = [...fresh.keys()].filter((path) => path.startsWith('docs/man/')).sort();
  expect(pages.length).toBeGreaterThan(7);
  expect([files.filter((path) => path.startsWith('docs/man/')), [...man].sort()]).toEqual([pages, pages]);
});

test('package-lock.json names no registry, and is complete for every platform', () => {
  expect(textOf('package-lock.json')).not.toContain('"resolved"');
  interface Locked {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, Locked> };
  const locked = Object.keys(packages);
  // npm ci refuses a lock file that leaves out what a registry did not offer when it was written.
  const missing = Object.values(packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => !locked.some((path) => path.endsWith(`node_modules/${name}`)));
  expect(locked.length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});
