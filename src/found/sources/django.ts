import * as path from 'node:path';
import { Evaluation } from '../text/evaluate.ts';
import { isMissingVariable } from '../text/holes.ts';
import { tokensOf, type Token } from '../text/tokens.ts';
import { entriesOf, textOf, textValue, type Entry, type Value } from '../text/values.ts';
import { urlScheme } from '../urls.ts';
import { givenParts, type NamedDatabase, type NamedTarget, type Source } from '../source.ts';

/** Django settings: `DATABASES = {'default': {'ENGINE': …}}`, and what is set in it later. */
export const django: Source = {
  globs: ['**/settings.py', '**/settings/*.py', '**/*_settings.py', '**/settings_*.py'],
  matches: (file) =>
    /(?:^|[\\/])(?:settings|\w+_settings|settings_\w+)\.py$|[\\/]settings[\\/]\w+\.py$/.test(file),
  *read(file, context) {
    if (!file.text.includes('DATABASES')) return;
    const tokens = tokensOf(file.text, 'python');
    const root = rootOf(file.path);
    const evaluation = new Evaluation(tokens, 'python', {
      file: file.path,
      variable: (name) => context.variable(name, file),
    });
    // Settings in parts have it from another file.
    const constant = (name: string): Value | undefined => {
      if (!/^(?:BASE_DIR|ROOT_DIR|PROJECT_DIR|PROJECT_ROOT|BASE_PATH)$/.test(name)) return undefined;
      return [...evaluation.assigned(name)].length > 0 ? undefined : textValue(root);
    };
    const settings = new Evaluation(tokens, 'python', {
      file: file.path,
      variable: (name) => context.variable(name, file),
      constant,
    });
    const bases = [root, path.dirname(file.path)];
    for (const entry of [...settings.assigned('DATABASES'), ...assignedLater(tokens, settings)]) {
      for (const { value, line } of entriesOf(entry.value)?.values() ?? []) {
        const target = targetOf(value);
        if (target) yield { line, target, bases } satisfies NamedDatabase;
      }
    }
  },
};

/** The folder of `manage.py`, as `startproject` makes it: above the package of the settings. */
function rootOf(file: string): string {
  const folder = path.dirname(file);
  return path.dirname(path.basename(folder) === 'settings' ? path.dirname(folder) : folder);
}

/** `DATABASES['default'] = …` */
function* assignedLater(tokens: readonly Token[], settings: Evaluation): Iterable<Entry> {
  const isSign = (at: number, text: string): boolean =>
    tokens[at]?.kind === 'sign' && tokens[at].text === text;
  for (const [at, { kind, text, line }] of tokens.entries()) {
    const isPlace = kind === 'name' && text === 'DATABASES' && isSign(at + 1, '[') && isSign(at + 3, ']');
    if (!isPlace || !isSign(at + 4, '=')) continue;
    const entry = { value: settings.at(at + 5), line };
    yield { line, value: { kind: 'object', entries: new Map([[tokens[at + 2]!.text, entry]]) } };
  }
}

function targetOf(value: Value): NamedTarget | undefined {
  if (value.kind === 'text') {
    const isUseful = urlScheme(value.text) !== undefined || isMissingVariable(value.text);
    return isUseful ? { kind: 'url', url: value.text } : undefined;
  }
  const entries = entriesOf(value);
  const read = (name: string): string | undefined => textOf(entries?.get(name)?.value);
  const driver = read('ENGINE');
  if (driver === undefined || driver === '') return undefined;
  const name = read('NAME');
  if (/sqlite|spatialite/i.test(driver))
    return name === undefined ? undefined : { kind: 'file', driver, file: name };
  const options = entriesOf(entries?.get('OPTIONS')?.value);
  const parts = givenParts({
    host: read('HOST'),
    port: read('PORT'),
    database: name,
    user: read('USER'),
    password: read('PASSWORD'),
    sslmode: textOf(options?.get('sslmode')?.value),
    sslrootcert: textOf(options?.get('sslrootcert')?.value),
    service: textOf(options?.get('service')?.value),
  });
  return Object.keys(parts).length === 0 ? undefined : { kind: 'server', driver, parts };
}
