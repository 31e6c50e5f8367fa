import * as path from 'node:path';
import type { EngineNames, SourceContext, SourceFile } from './source.ts';
import { dotenv } from './sources/dotenv.ts';
import { parseVariables, type Variable } from './text/variables.ts';

/** The files of a folder; the first one that sets a variable decides. */
const order = ['.env.local', '.env', '.env.development.local', '.env.development'];

/** The files of a workspace as its sources see them. */
export function contextOf(files: readonly SourceFile[], engines: EngineNames): SourceContext {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const environments = Map.groupBy(
    files.filter((file) => dotenv.matches(file.path) && path.basename(file.path).startsWith('.env')),
    (file) => path.dirname(file.path),
  );
  const parsed = new Map<SourceFile, Map<string, Variable>>();
  const variablesOf = (file: SourceFile): Map<string, Variable> => {
    const known = parsed.get(file) ?? parseVariables(file.text);
    parsed.set(file, known);
    return known;
  };
  return {
    engines,
    file: (name) => byPath.get(path.normalize(name)),
    variable(name, from) {
      if (from.folder === undefined) return undefined;
      for (const folder of foldersUp(path.dirname(from.path), from.folder)) {
        const here = [...(environments.get(folder) ?? [])].sort((a, b) => rank(a) - rank(b));
        for (const file of here) {
          const value = variablesOf(file).get(name)?.value;
          if (value !== undefined) return value;
        }
      }
      return undefined;
    },
  };
}

function rank({ path: file }: SourceFile): number {
  const at = order.indexOf(path.basename(file));
  return at < 0 ? order.length : at;
}

function foldersUp(from: string, to: string): string[] {
  const found: string[] = [];
  for (let folder = from; ; folder = path.dirname(folder)) {
    found.push(folder);
    if (folder === to || folder === path.dirname(folder)) return found;
  }
}
