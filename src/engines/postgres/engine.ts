import type { Engine } from '../engine.ts';
import { createDatabase } from './connect/createDatabase.ts';
import { createScratch } from './connect/scratchDatabase.ts';
import { describe, parseUrl } from './connect/address.ts';
import { features } from './connect/features.ts';
import { form } from './connect/form.ts';
import { passwordDestination } from './connect/passwordDestination.ts';
import { manifestRules } from './payload/manifestRules.ts';
import { PostgresPayloadRows } from './payload/payloadRows.ts';
import { salvage } from './payload/salvage.ts';
import { rowText } from './rows/rowText.ts';
import { extrasRules } from './restore/extrasRules.ts';
import { statementRules } from './restore/statementRules.ts';
import { compareSides } from './snapshot/compare.ts';
import { PostgresSession } from './session.ts';

/** PostgreSQL 14 and later. */
export const postgresEngine: Engine = {
  id: 'postgres',
  label: 'PostgreSQL',
  features,
  form,
  manifestRules,
  extras: extrasRules,
  statements: statementRules,
  rowText,
  describe,
  parseUrl,
  passwordDestination,
  connect: (address, options) => PostgresSession.open(address, options),
  createDatabase,
  createScratch,
  openPayload: (source, manifest) => Promise.resolve(new PostgresPayloadRows(source, manifest)),
  compare: (first, second, tables, options) => compareSides(first, second, tables, options),
  salvage,
};
