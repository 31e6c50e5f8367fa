import { hole } from './holes.ts';

export interface IniOption {
  readonly section: string;
  readonly name: string;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

/** The options of an ini file, as Python's ConfigParser and libpq read it. `broken` gets lines that are none. */
export function parseIni(text: string, broken: (line: number) => void = () => undefined): IniOption[] {
  const found: IniOption[] = [];
  let section = '';
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || /^[#;]/.test(trimmed)) continue;
    const header = /^\[([^\]]+)\]$/.exec(trimmed)?.[1];
    const option = /^([^\s=:[]+)\s*[=:](.*)$/s.exec(trimmed);
    const last = found.at(-1);
    if (header !== undefined) section = header.trim();
    else if (/^\s/.test(line) && last?.section === section && !option) {
      found[found.length - 1] = { ...last, value: `${last.value}${trimmed}` };
    } else if (option) {
      found.push({ section, name: option[1]!, value: option[2]!.trim(), line: index + 1 });
    } else broken(index + 1);
  }
  return found;
}

/** Replaces `%(name)s` by the option of the section or of DEFAULT, and `%%` by a percent sign. */
export function interpolated(
  { value, section }: IniOption,
  options: readonly IniOption[],
  known: Readonly<Record<string, string>>,
): string {
  return value.replace(/%(?:%|\(([^)]+)\)s)/g, (_, name?: string) => {
    if (name === undefined) return '%';
    const own = options.findLast((one) => one.name === name && one.section === section);
    const shared = options.findLast((one) => one.name === name && one.section === 'DEFAULT');
    return (own ?? shared)?.value ?? known[name] ?? hole(name);
  });
}
