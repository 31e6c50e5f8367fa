import { Ajv, type ValidateFunction } from 'ajv';
import type { ManifestJson } from './manifestJson.ts';
import { manifestSchema } from './manifestSchema.ts';

let validator: ValidateFunction<ManifestJson> | undefined;

/**
 * Checks whether a value is a manifest as FORMAT.md describes it. The bundles hold the code that this makes (esbuild.mjs):
 * it takes longer than most of what a command does.
 */
export function manifestValidator(): ValidateFunction<ManifestJson> {
  return (validator ??= new Ajv({ strict: true }).compile<ManifestJson>(manifestSchema));
}
