import type { EngineId, Manifest } from './manifest.ts';
import type { TableName } from './names.ts';

/** Rules for the manifests of one engine, in addition to the format. Reasons are clauses: "a name cannot be empty". */
export interface ManifestRules {
  /** Names that this makes equal are one name. */
  foldName(name: string): string;
  /** Why no table or sequence has this name; undefined where one can. */
  wrongTableName(name: TableName): string | undefined;
  /** Why no column has this name; undefined where one can. */
  wrongColumnName(name: string): string | undefined;
  /** Each table has a payload of its own, and a digest of its rows; otherwise tables can share a payload. */
  readonly payloadPerTable: boolean;
  /** Anything else that is wrong for this engine, as a sentence; undefined if nothing is. */
  wrongManifest?(manifest: Manifest): string | undefined;
}

/** Finds an engine's rules. Throws `usage` for an engine that this version does not have. */
export type FindManifestRules = (engine: EngineId) => { readonly manifestRules: ManifestRules };
