import type { Engine } from '../engine.ts';
import { createScratch } from './connect/scratchFile.ts';
import { describe, parseUrl } from './connect/address.ts';
import { createDatabase } from './connect/createDatabase.ts';
import { features } from './connect/features.ts';
import { form } from './connect/form.ts';
import { manifestRules } from './payload/manifestRules.ts';
import { SqlitePayloadRows } from './payload/payloadRows.ts';
import { rowText } from './rows/rowText.ts';
import { compare } from './snapshot/compare.ts';
import { salvage } from './snapshot/salvage.ts';
import { SqliteSession } from './session.ts';

/** SQLite database files. */
export const sqliteEngine: Engine = {
  id: 'sqlite',
  label: 'SQLite',
  features,
  form,
  manifestRules,
  rowText,
  describe,
  parseUrl,
  passwordDestination: (address) => Promise.resolve(JSON.stringify(['sqlite', address.file])),
  connect: (address, options) => SqliteSession.open(address, options),
  createDatabase,
  createScratch,
  openPayload: (source, manifest, options) =>
    Promise.resolve(new SqlitePayloadRows(source, manifest, options)),
  compare,
  salvage,
};
