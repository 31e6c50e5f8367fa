import type { Manifest } from '../core/manifest.ts';
import { inconsistency } from './consistency.ts';
import { excessOf } from './manifestLimits.ts';
import { manifestValidator } from './manifestValidator.ts';

/** The manifest, or a sentence that says what is wrong with it and where. */
export function parseManifest(json: Buffer): Manifest | string {
  const excess = excessOf(json);
  if (excess !== undefined) return `its manifest is none: ${excess}`;
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return 'its manifest is no JSON';
  }
  const version = versionOf(value);
  if (version !== undefined && version !== 1) {
    return `it is of format version ${version}, and this version of Restore Point reads version 1`;
  }
  const validate = manifestValidator();
  if (validate(value)) return inconsistency(value) ?? value;
  const [first] = validate.errors ?? [];
  return `its manifest is not as the format has it (${first?.instancePath || '/'} ${first?.message ?? ''})`;
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('formatVersion' in value)) return undefined;
  return typeof value.formatVersion === 'number' ? value.formatVersion : undefined;
}
