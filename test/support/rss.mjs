// Loaded into a command under test with --import: leaves its peak resident memory (KiB) in a file when it ends.
import { writeFileSync } from 'node:fs';

const file = process.env.XFSKIT_RSS_FILE;
if (file) process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)));
