import * as path from 'node:path';
import { interpolated, parseIni } from '../text/ini.ts';
import { urlScheme } from '../urls.ts';
import type { Source } from '../source.ts';

/** `alembic.ini` and other ini files with `sqlalchemy.url`. */
export const sqlAlchemy: Source = {
  globs: ['**/*.ini'],
  matches: (file) => file.endsWith('.ini'),
  *read({ path: file, text }) {
    if (!text.includes('sqlalchemy.')) return;
    const options = parseIni(text);
    const here = path.dirname(file);
    for (const option of options) {
      if (!/^sqlalchemy\.(?:[\w-]+\.)?url$/.test(option.name)) continue;
      const url = interpolated(option, options, { here });
      // Alembic writes `driver://user:pass@localhost/dbname` as an example.
      if (urlScheme(url) === 'driver') continue;
      yield { line: option.line, target: { kind: 'url', url } };
    }
  },
};
