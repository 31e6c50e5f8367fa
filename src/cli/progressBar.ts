import type { Terminal } from './terminal.ts';
import type { ReportProgress } from '../core/progress.ts';
import { visible } from '../core/visible.ts';
import { ProgressMeter, type ProgressState } from '../core/progressMeter.ts';

const millisecondsBetweenDraws = 100;
const barWidth = 20;

/** A progress bar on one line of a terminal; without a terminal nothing is written. */
export function createProgressBar(stream: Terminal['stderr']): { report: ReportProgress; end(): void } {
  const meter = new ProgressMeter();
  let drawn = false;
  let last = -Infinity;
  let title = '';
  return {
    report(event) {
      const state = meter.update(event);
      const now = performance.now();
      if (!stream.isTTY || (state.title === title && now - last < millisecondsBetweenDraws)) return;
      title = state.title;
      last = now;
      drawn = true;
      stream.write(`\r\x1b[2K${fit(draw(state), stream.columns ?? 0)}`);
    },
    end() {
      if (drawn) stream.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

function draw({ title, detail, fraction }: ProgressState): string {
  if (fraction === undefined) return `${title} ${detail}`;
  const full = Math.floor(fraction * barWidth);
  const bar = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
  return `${bar} ${String(Math.floor(fraction * 100)).padStart(3)} %  ${title}  ${detail}`;
}

/** A table's name may hold anything: control characters must not reach the terminal. */
function fit(line: string, columns: number): string {
  return [...visible(line)].slice(0, Math.max(20, columns - 1)).join('');
}
