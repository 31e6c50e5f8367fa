import { parseIni } from '../text/ini.ts';
import { BrokenSource, givenParts, type NamedDatabase, type Source } from '../source.ts';

/** Service files of libpq: `[name]` and its parameters. */
export const serviceFile: Source = {
  globs: ['**/{.pg_service,pg_service}.conf'],
  matches: (file) => /(?:^|[\\/])\.?pg_service\.conf$/.test(file),
  read: readServices,
};

function* readServices({ text }: { readonly text: string }): Iterable<NamedDatabase> {
  let broken: number | undefined;
  const options = parseIni(text, (line) => (broken ??= line));
  const services = Map.groupBy(options, ({ section }) => section);
  for (const [name, own] of services) {
    if (name === '') continue;
    const { dbname, ...parts } = Object.fromEntries(own.map((option) => [option.name, option.value]));
    const target = {
      kind: 'server',
      driver: 'postgres',
      parts: givenParts({ ...parts, database: dbname }),
    } as const;
    yield { line: Math.max(1, own[0]!.line - 1), name, target };
  }
  if (broken !== undefined)
    throw new BrokenSource(broken, 'it has a line that is neither a [service] nor name=value');
}
