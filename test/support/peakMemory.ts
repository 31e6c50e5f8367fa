import { writeFileSync } from 'node:fs';

// Loaded into a process that is measured: it leaves its largest resident size, in bytes, where it was told to.
process.on('exit', () => {
  const file = process.env['PEAK_MEMORY_FILE'];
  if (file) writeFileSync(file, String(process.resourceUsage().maxRSS * 1024));
});
