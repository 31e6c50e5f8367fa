import * as path from 'node:path';
import { getNodeValue, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { LineNumbers } from '../text/lines.ts';
import { BrokenSource, type NamedDatabase, type Source } from '../source.ts';
import { databaseClientDatabase } from './databaseClient.ts';
import type { Profile, ProfileReader } from './profiles.ts';
import { postgresExtensionDatabase } from './postgresExtension.ts';
import { sqlToolsDatabase } from './sqlTools.ts';

/** Settings of other extensions that hold connections, by their names. */
export const settingsOfOthers: Readonly<Record<string, ProfileReader>> = {
  'sqltools.connections': sqlToolsDatabase,
  'pgsql.connections': postgresExtensionDatabase,
};

/** In place of a path: settings that VS Code knows from outside of the workspace folders. */
export const userSettings = 'vscode:user-settings';
export const workspaceSettings = 'vscode:workspace-settings';

/** Settings of a workspace, a workspace file or a dev container. */
export const settings: Source = {
  globs: ['**/.vscode/settings.json', '**/*.code-workspace', '**/{.devcontainer,devcontainer}.json'],
  matches: (file) =>
    [userSettings, workspaceSettings].includes(file) ||
    /[\\/]\.vscode[\\/]settings\.json$|\.code-workspace$|(?:^|[\\/])\.?devcontainer\.json$/.test(file),
  *read(file) {
    const { root, lines } = parsed(file.text);
    const folder =
      path.basename(path.dirname(file.path)) === '.vscode'
        ? path.dirname(path.dirname(file.path))
        : file.folder;
    const places = [[], ['settings'], ['customizations', 'vscode', 'settings']];
    for (const place of places) {
      const object = place.reduce<Node | undefined>(memberOf, root);
      for (const [name, read] of Object.entries(settingsOfOthers)) {
        yield* profiles(memberOf(object, name)?.children ?? [], read, folder, lines);
      }
    }
  },
};

/** The file in which Database Client keeps the connections of a workspace. */
export const databaseClient: Source = {
  globs: ['**/database-client-config.json'],
  matches: (file) => path.basename(file) === 'database-client-config.json',
  *read(file) {
    const { root, lines } = parsed(file.text);
    const members = memberOf(root, 'database')?.children ?? [];
    const values = members.flatMap(({ children }) => children?.[1] ?? []);
    yield* profiles(values, databaseClientDatabase, file.folder, lines);
  },
};

function* profiles(
  nodes: readonly Node[],
  read: ProfileReader,
  folder: string | undefined,
  lines: LineNumbers,
): Iterable<NamedDatabase> {
  for (const node of nodes) {
    if (node.type !== 'object') continue;
    const found = read(getNodeValue(node) as Profile, folder);
    if (found) yield { ...found, line: lines.at(node.offset) };
  }
}

function parsed(text: string): { root: Node | undefined; lines: LineNumbers } {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const lines = new LineNumbers(text);
  const [error] = errors;
  if (error && !root) throw new BrokenSource(lines.at(error.offset), 'it is not valid JSON');
  // What is before the error can be read.
  return { root, lines };
}

function memberOf(node: Node | undefined, name: string): Node | undefined {
  if (node?.type !== 'object') return undefined;
  return node.children?.findLast(({ children }) => children?.[0]?.value === name)?.children?.[1];
}
