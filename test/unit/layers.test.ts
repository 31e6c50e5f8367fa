import assert from 'node:assert/strict';
import * as path from 'node:path';
import { ESLint } from 'eslint';

const root = path.join(import.meta.dirname, '../..');

/** The arrows of the architecture, each tried: what lint must refuse, and what it must let pass. */
const refused: readonly [file: string, line: string][] = [
  ['src/engines/sqlite/rows/counts.ts', `import '../payload/payloadRows.ts';`],
  ['src/engines/sqlite/files/isThere.ts', `import '../connect/errors.ts';`],
  ['src/engines/postgres/schema/statements/makers.ts', `import '../../rows/counts.ts';`],
  ['src/engines/postgres/connect/locks.ts', `import '../session.ts';`],
  ['src/core/names.ts', `import '../archive/zip.ts';`],
  ['src/core/names.ts', `import 'knex';`],
  ['src/core/names.ts', `import 'vscode';`],
  ['src/archive/zip.ts', `import '../engines/engine.ts';`],
  ['src/archive/zip.ts', `import 'pg';`],
  ['src/engines/engine.ts', `import '../archive/zip.ts';`],
  ['src/engines/sqlite/engine.ts', `import '../postgres/engine.ts';`],
  ['src/engines/sqlite/engine.ts', `import '../../archive/zip.ts';`],
  ['src/engines/sqlite/engine.ts', `import '../../backup/takeBackup.ts';`],
  ['src/engines/sqlite/engine.ts', `import 'vscode';`],
  ['src/backup/takeBackup.ts', `import '../engines/sqlite/engine.ts';`],
  ['src/backup/takeBackup.ts', `import '../engines/registry.ts';`],
  ['src/backup/takeBackup.ts', `import '../restore/planRestore.ts';`],
  ['src/backup/takeBackup.ts', `import 'knex';`],
  ['src/export/csv.ts', `import '../restore/planRestore.ts';`],
  ['src/export/csv.ts', `import '../engines/registry.ts';`],
  ['src/compare/compareSides.ts', `import '../export/csv.ts';`],
  ['src/backup/takeBackup.ts', `import '../export/csv.ts';`],
  ['src/restore/planRestore.ts', `import '../ui/log.ts';`],
  ['src/backup/takeBackup.ts', `import '../compare/compareSides.ts';`],
  ['src/compare/compareSides.ts', `import '../restore/planRestore.ts';`],
  ['src/compare/compareSides.ts', `import '../engines/registry.ts';`],
  ['src/restore/planRestore.ts', `import '../engines/postgres/engine.ts';`],
  ['src/cli.ts', `import './ui/log.ts';`],
  ['src/cli.ts', `import 'vscode';`],
  ['src/cli/output.ts', `import '../ui/log.ts';`],
  ['src/found/resolve.ts', `import '../engines/registry.ts';`],
  ['src/found/resolve.ts', `import '../ui/log.ts';`],
  ['src/found/resolve.ts', `import 'vscode';`],
  ['src/cli.ts', `import './found/resolve.ts';`],
  ['src/ui/log.ts', `import '../engines/registry.ts';`],
  ['src/ui/log.ts', `import '../engines/sqlite/engine.ts';`],
  ['src/ui/log.ts', `import '../cli.ts';`],
  ['src/ui/log.ts', `import '../worker/serve.ts';`],
  ['src/worker/serve.ts', `import '../ui/log.ts';`],
  ['src/worker/serve.ts', `import 'vscode';`],
  ['src/extension.ts', `import './worker/serve.ts';`],
  ['src/ui/log.ts', `import 'objection';`],
];

const allowed: readonly [file: string, line: string][] = [
  ['src/core/names.ts', `import './errors.ts';`],
  ['src/archive/zip.ts', `import '../core/errors.ts';`],
  ['src/engines/sqlite/engine.ts', `import '../tableModel.ts';`],
  ['src/engines/sqlite/restore/verify.ts', `import '../payload/payloadRows.ts';`],
  ['src/engines/postgres/rows/counts.ts', `import '../../engine.ts';`],
  ['src/engines/postgres/schema/statements/makers.ts', `import '../../connect/identifiers.ts';`],
  ['src/engines/sqlite/engine.ts', `import '../../core/errors.ts';`],
  ['src/engines/sqlite/engine.ts', `import 'knex';`],
  ['src/backup/takeBackup.ts', `import '../engines/engine.ts';`],
  ['src/restore/planRestore.ts', `import '../backup/takeBackup.ts';`],
  ['src/export/csv.ts', `import 'csv-stringify/sync';`],
  ['src/export/csv.ts', `import '../backup/selectTables.ts';`],
  ['src/export/csv.ts', `import '../compare/compareSides.ts';`],
  ['src/cli.ts', `import './export/csv.ts';`],
  ['src/restore/planRestore.ts', `import '../compare/compareSides.ts';`],
  ['src/compare/compareSides.ts', `import '../archive/archiveReader.ts';`],
  ['src/found/sources/compose.ts', `import 'yaml';`],
  ['src/ui/log.ts', `import '../found/findDatabases.ts';`],
  ['src/ui/log.ts', `import 'vscode';`],
  ['src/ui/log.ts', `import '../restore/planRestore.ts';`],
  ['src/ui/log.ts', `import '../worker/workers.ts';`],
  ['src/worker/serve.ts', `import '../engines/registry.ts';`],
  ['src/cli.ts', `import './engines/registry.ts';`],
];

describe('the layers', () => {
  // Only the rule for imports: it needs no types, so made-up files can be looked at.
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: path.join(root, 'test/eslint.config.mjs'),
    overrideConfig: { languageOptions: { parserOptions: { project: false } } },
    ruleFilter: ({ ruleId }) => ruleId === '@typescript-eslint/no-restricted-imports',
  });
  const complaints = async (file: string, line: string): Promise<string[]> => {
    const [result] = await eslint.lintText(`${line}\n`, { filePath: path.join(root, file) });
    assert.ok(result);
    assert.deepEqual(
      result.messages.filter((message) => message.fatal).map((message) => message.message),
      [],
    );
    return result.messages.map((message) => message.ruleId ?? '');
  };

  for (const [file, line] of refused) {
    it(`keeps ${file} from ${line}`, async () => assert.equal((await complaints(file, line)).length, 1));
  }
  for (const [file, line] of allowed) {
    it(`lets ${file} have ${line}`, async () => assert.deepEqual(await complaints(file, line), []));
  }
});
