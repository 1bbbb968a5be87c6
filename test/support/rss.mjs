// Loaded into a command under test with --import: leaves its peak resident memory (KiB) and its
// processor time (microseconds, user and system) in a file when it ends.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.XFSKIT_RSS_FILE;
if (file) {
  process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeFileSync(file, `${peakKib() ?? maxRSS} ${userCPUTime + systemCPUTime}`);
  });
}

/** On Linux the peak since exec; maxRSS there holds that of the process that forked this one as well. */
function peakKib() {
  if (process.platform !== 'linux') return undefined;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}
