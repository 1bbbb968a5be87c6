'use strict';
/**
 * Keeps V8's compiled form of dist/xfskit.js for load.cjs. What V8 has compiled by the time it is asked is what it
 * keeps, so the common commands are run first, on an image in a temporary folder. npm runs this after an install,
 * the build after each bundle; where it cannot be done (nothing built yet, a folder of somebody else's) nothing is.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { bundle, compile, evaluate } = require('./load.cjs');

const folder = path.dirname(bundle);

async function warmUp(main, image) {
  const { stdout, stderr } = process;
  const streams = [stdout, stderr].map((stream) => ({ stream, write: stream.write }));
  for (const { stream } of streams) stream.write = () => true;
  try {
    await main(['mkfs', '--unsupported', image, '64m']); // not every system makes sparse files
    await main(['mkfs', '--unsupported', '-f', '-q', image]);
    await main(['db', '-c', 'sb 0', '-c', 'print', '-c', 'inode root', '-c', 'p', image]);
  } finally {
    for (const { stream, write } of streams) stream.write = write;
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

async function makeCache() {
  if (!fs.existsSync(bundle)) return;
  const { script, cacheFile } = compile();
  if (script.cachedDataRejected === false) return;
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'xfskit-cache-'));
  try {
    await warmUp(evaluate(script).main, path.join(scratch, 'image'));
    const bytes = script.createCachedData();
    writeWhole(cacheFile, Buffer.concat([bytes, bytes])); // see load.cjs
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  // Another build may have put a new bundle there meanwhile.
  const hash = path.basename(compile().cacheFile).split('-')[0];
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.cache') && !name.startsWith(hash))
      fs.rmSync(path.join(folder, name), { force: true });
}

process.on('exit', () => {
  process.exitCode = 0;
});
makeCache().catch((error) => process.stderr.write(`xfskit: starts slower than it could: ${error.message}\n`));
