import { RestorePointError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { FindManifestRules } from '../core/manifestRules.ts';
import { inconsistency } from './consistency.ts';
import { fromJson } from './manifestJson.ts';
import { excessOf } from '../core/jsonLimits.ts';
import { manifestValidator } from './manifestValidator.ts';

/**
 * The manifest, or a sentence that says what is wrong with it and where. Throws `damaged-backup` for a format or an engine
 * that this version does not have.
 */
export function parseManifest(json: Buffer, engines: FindManifestRules, file: string): Manifest | string {
  const excess = excessOf(json);
  if (excess !== undefined) return `its manifest is invalid: ${excess}`;
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return 'its manifest is not valid JSON';
  }
  const version = propertyOf(value, 'formatVersion');
  if (typeof version === 'number' && version !== 1)
    throw newer(
      file,
      `has format version ${version}, but this version of Restore Point reads only version 1`,
    );
  const engine = propertyOf(propertyOf(value, 'source'), 'engine');
  if (typeof engine !== 'string') return 'its manifest does not say which kind of database it was taken from';
  const { manifestRules } = rulesOf(engine, engines, file);
  const validate = manifestValidator();
  if (validate(value)) {
    const manifest = fromJson(value);
    return inconsistency(manifest, manifestRules) ?? manifest;
  }
  const [first] = validate.errors ?? [];
  return `its manifest does not follow the format (${first?.instancePath || '/'} ${first?.message ?? ''})`;
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function rulesOf(engine: string, engines: FindManifestRules, file: string): ReturnType<FindManifestRules> {
  try {
    return engines(engine);
  } catch (error) {
    const kind = /^[\w-]{1,30}$/.test(engine) ? `kind "${engine}"` : 'unknown kind';
    const what = `was taken from a database of the ${kind}, which this version of Restore Point does not support`;
    throw newer(file, what, error);
  }
}

function newer(file: string, what: string, cause?: unknown): RestorePointError {
  return new RestorePointError('damaged-backup', `The backup ${what}`, {
    place: { file },
    next: 'Update Restore Point, and try again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
