import { readFileSync, writeFileSync } from 'node:fs';

// Loaded into a process that is measured: it leaves its largest resident size, in bytes, where it was told to.
process.on('exit', () => {
  const file = process.env['PEAK_MEMORY_FILE'];
  if (file) writeFileSync(file, String(peakMemory()));
});

/** On Linux `maxRSS` begins with what the parent had when it forked, which may be more than this process ever takes. */
function peakMemory(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
