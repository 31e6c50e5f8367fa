import type { Manifest } from '../core/manifest.ts';
import { extraProperties } from './manifestSchema.ts';

/** A manifest as the file has it, where an engine's extras are properties like others. */
export type ManifestJson = Omit<Manifest, 'extras'> & Readonly<Record<string, unknown>>;

export function toJson({ extras, payloads, ...rest }: Manifest): ManifestJson {
  return { ...rest, ...extras, payloads };
}

export function fromJson(json: ManifestJson): Manifest {
  const isExtra = ([name]: [string, unknown]): boolean => extraProperties.includes(name);
  const entries = Object.entries(json);
  const own = entries.filter(isExtra);
  if (own.length === 0) return json;
  const rest = Object.fromEntries(entries.filter((entry) => !isExtra(entry))) as unknown as Manifest;
  return { ...rest, extras: Object.fromEntries(own) };
}
