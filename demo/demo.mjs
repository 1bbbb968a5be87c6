/**
 * The demonstration (`npm run demo`): makes a filesystem, looks at it, plants leaked copy-on-write preallocations,
 * finds them, frees them, and finds nothing more. Each step is a command as a user would type it; a step whose exit
 * status is not the expected one ends the demonstration with status 1. Needs no root, kernel or network.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const xfskit = fileURLToPath(new URL('../bin/xfskit', import.meta.url));
const isTerminal = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const bold = (text) => (isTerminal ? `\u001b[1m${text}\u001b[0m` : text);

const steps = [
  [
    'A 512 MiB image, sparse, with every space index.',
    ['mkfs', '-L', 'demo', '-d', 'size=512m', 'disk.img'],
    0,
  ],
  [
    'Its superblock.',
    ['db', '-c', 'sb 0', '-c', 'print fname blocksize dblocks agcount fdblocks icount', 'disk.img'],
    0,
  ],
  [
    'The reverse-mapping btree of AG 0: who owns which blocks.',
    ['db', '-c', 'agf 0', '-c', 'addr rmaproot', '-c', 'print', 'disk.img'],
    0,
  ],
  ['All is well.', ['check', 'disk.img'], 0],
  [
    'Preallocations of a copy-on-write that never finished: no file owns them, no mount frees them.',
    ['inject', 'leaked-cow', '--seed', '3', 'disk.img'],
    0,
  ],
  ['They are found, with AG, block and length.', ['check', 'disk.img'], 4],
  ['What a repair would do.', ['repair', '-n', 'disk.img'], 4],
  ['The repair, keeping the old bytes.', ['repair', '--undo', 'disk.undo', 'disk.img'], 1],
  ['Nothing is left of it.', ['check', 'disk.img'], 0],
];

/** As a shell would need it typed. */
const quoted = (argument) => (/^[\w./=,-]+$/.test(argument) ? argument : `'${argument}'`);

function show([title, args, expected], cwd) {
  process.stdout.write(`\n${bold(`# ${title}`)}\n${bold(`$ xfskit ${args.map(quoted).join(' ')}`)}\n`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [xfskit, ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...(isTerminal ? { FORCE_COLOR: '1' } : {}) },
  });
  process.stdout.write(stdout);
  process.stdout.write(stderr);
  if (status === expected) return true;
  process.stdout.write(`demo: exit status ${status}, expected ${expected}\n`);
  return false;
}

const folder = mkdtempSync(join(tmpdir(), 'xfskit-demo-'));
const started = Date.now();
try {
  if (steps.every((step) => show(step, folder))) {
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`\n${bold('# Done')} in ${seconds} s; try "bin/xfskit inject --list" next.\n`);
  } else {
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
