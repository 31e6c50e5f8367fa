import type { ConnectionForm } from '../../../core/connectionForm.ts';
import { localizable } from '../../../core/localizable.ts';

export const form: ConnectionForm = {
  properties: ['file'],
  required: ['file'],
  summary: localizable('a database file'),
  questions: [
    {
      kind: 'file',
      prompt: localizable('Choose the database file'),
      type: localizable('SQLite databases'),
      extensions: ['db', 'sqlite', 'sqlite3', 'db3'],
      signature: 'SQLite format 3\0',
    },
  ],
  exampleUrl: 'sqlite:path/to.db',
  elsewhere: { names: ['sqlite', 'sqlite3', 'better-sqlite3', 'node-sqlite', 'spatialite', 'pysqlite'] },
};
