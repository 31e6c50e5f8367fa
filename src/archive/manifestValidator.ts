import { Ajv, type ValidateFunction } from 'ajv';
import type { Manifest } from '../core/manifest.ts';
import { manifestSchema } from './manifestSchema.ts';

let validator: ValidateFunction<Manifest> | undefined;

/**
 * Checks whether a value is a manifest as FORMAT.md describes it. The bundles hold the code that this makes (esbuild.mjs):
 * it takes longer than most of what a command does.
 */
export function manifestValidator(): ValidateFunction<Manifest> {
  return (validator ??= new Ajv({ strict: true }).compile<Manifest>(manifestSchema));
}
