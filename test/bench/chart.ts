import { type BenchReport, type ContestResult, medianSeconds } from './results.ts';

const width = 760;
const barHeight = 18;
const labelWidth = 250;
const barWidth = 380;

/** Bars of seconds, a group for each contest; ours are filled. Readable on light and on dark ground. */
export function drawContests({ contests, machine, scale }: BenchReport): string {
  let top = 8;
  const groups = contests.map((contest) => {
    const group = drawContest(contest, top);
    top += 34 + contest.sides.length * (barHeight + 6);
    return group;
  });
  const note = text(8, top + 14, `${(3.32 * scale).toFixed(2)} million rows, ${machine}`, 'class="note"');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top + 28}" viewBox="0 0 ${width} ${top + 28}">`,
    '<style>text{font:12px sans-serif;fill:#6a737d}.title{font-weight:600}.ours{fill:#2188ff}.peer{fill:#8c959f}</style>',
    ...groups,
    note,
    '</svg>',
    '',
  ].join('\n');
}

function drawContest({ title, sides }: ContestResult, top: number): string {
  const most = Math.max(...sides.map(medianSeconds));
  const bars = sides.map((side, index) => {
    const y = top + 24 + index * (barHeight + 6);
    const length = Math.max(2, (medianSeconds(side) / most) * barWidth);
    const kind = index === 0 ? 'ours' : 'peer';
    return [
      text(8, y + 13, side.name),
      `<rect class="${kind}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3"/>`,
      text(labelWidth + length + 6, y + 13, `${medianSeconds(side).toFixed(1)} s`),
    ].join('\n');
  });
  return [text(8, top + 14, title, 'class="title"'), ...bars].join('\n');
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${more}>${safe}</text>`;
}
