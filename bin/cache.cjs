'use strict';
/**
 * Keeps V8's compiled form of dist/xfskit.js for load.cjs. What V8 has compiled by the time it is asked is what it
 * keeps, so the common commands are run first, on an image in a temporary folder. npm runs this after an install,
 * the build after each bundle; where it cannot be done (nothing built yet, a folder of somebody else's) nothing is.
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { bundle, Bundle } = require('./load.cjs');

const folder = path.dirname(bundle);

/** Lines of db that are common, and the heads of those that run long. */
const LINES = [
  'sb 0',
  'print',
  'addr rootino',
  'p',
  'agf 0',
  'addr bnoroot',
  'p',
  'ls',
  'info',
  'freesp',
  'frag',
  'fsmap',
];

async function warmUp(load, image) {
  const { stdout, stderr } = process;
  const { writeSync } = fs;
  const streams = [stdout, stderr].map((stream) => ({ stream, write: stream.write }));
  for (const { stream } of streams) stream.write = () => true;
  fs.writeSync = (descriptor, bytes, ...rest) =>
    descriptor === 1 ? bytes.length : writeSync(descriptor, bytes, ...rest);
  try {
    const { main } = load();
    await main(['mkfs', '--unsupported', image, '64m']); // not every system makes sparse files
    await main(['mkfs', '--unsupported', '-f', '-q', image]);
    await main(['db', ...LINES.flatMap((line) => ['-c', line]), image]);
    await main(['check', image]);
  } finally {
    for (const { stream, write } of streams) stream.write = write;
    fs.writeSync = writeSync;
  }
}

/** A file that is whole when it appears. */
function writeWhole(file, bytes) {
  const fresh = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(fresh, bytes);
    const descriptor = fs.openSync(fresh, 'r+');
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
    fs.renameSync(fresh, file);
  } finally {
    fs.rmSync(fresh, { force: true });
  }
}

/** The file that load.cjs reads: where each form is and how long, then the forms; everything twice. */
function layOut(forms) {
  const table = Buffer.alloc(forms.length * 8);
  let at = 2 * table.length;
  forms.forEach((form, i) => {
    table.writeUInt32LE(at, 8 * i);
    table.writeUInt32LE(form.length, 8 * i + 4);
    at += 2 * form.length;
  });
  return Buffer.concat([table, table, ...forms.flatMap((form) => [form, form])]);
}

const isWhole = (whole) => whole.places.every((_, i) => whole.script(i).cachedDataRejected === false);

async function makeCache() {
  if (!fs.existsSync(bundle)) return;
  if (isWhole(new Bundle())) return;
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'xfskit-cache-'));
  const whole = new Bundle();
  try {
    await warmUp(() => whole.chunk(whole.entry), path.join(scratch, 'image'));
    const forms = whole.places.map((_, i) => whole.script(i).createCachedData());
    writeWhole(whole.cacheFile, layOut(forms)); // see load.cjs
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  // Another build may have put a new bundle there meanwhile.
  const { hash } = new Bundle();
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.cache') && !name.startsWith(hash))
      fs.rmSync(path.join(folder, name), { force: true });
}

// Called like this, load.cjs makes the settings of check: their forms are made by a process that has them.
if (process.argv[2] === undefined) spawnSync(process.execPath, [__filename, 'check'], { stdio: 'inherit' });

process.on('exit', () => {
  process.exitCode = 0;
});
makeCache().catch((error) => process.stderr.write(`xfskit: starts slower than it could: ${error.message}\n`));
