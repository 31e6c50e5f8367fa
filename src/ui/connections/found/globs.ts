/** More of them in one pattern would be a list of thousands. */
const mostBraces = 8;

/** One glob pattern for all of these. Braces in braces, which older versions of ripgrep refuse, are multiplied out. */
export function anyOf(globs: readonly string[]): string {
  return `{${[...new Set(globs.flatMap(expanded))].join(',')}}`;
}

/** `*.{a,b}` is `*.a` and `*.b`. */
function expanded(glob: string): string[] {
  if (glob.split('{').length > mostBraces) return [glob];
  const start = glob.indexOf('{');
  const end = endOf(glob, start);
  if (start < 0 || end < 0) return [glob];
  const inner = glob.slice(start + 1, end);
  return alternatives(inner).flatMap((one) => expanded(glob.slice(0, start) + one + glob.slice(end + 1)));
}

function endOf(glob: string, start: number): number {
  let open = 0;
  for (let at = Math.max(start, 0); at < glob.length; at++) {
    if (glob[at] === '{') open++;
    if (glob[at] === '}' && --open === 0) return at;
  }
  return -1;
}

function alternatives(text: string): string[] {
  const found = [''];
  let open = 0;
  for (const sign of text) {
    if (sign === '{') open++;
    if (sign === '}') open--;
    if (sign === ',' && open === 0) found.push('');
    else found[found.length - 1] += sign;
  }
  return found;
}
