// Loaded into a command under test with --import: leaves its peak resident memory (KiB) and its
// processor time (microseconds, user and system) in a file when it ends.
import { writeFileSync } from 'node:fs';

const file = process.env.XFSKIT_RSS_FILE;
if (file) {
  process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeFileSync(file, `${maxRSS} ${userCPUTime + systemCPUTime}`);
  });
}
