import type { Manifest } from '../core/manifest.ts';
import { objectKey, type DatabaseSchema, type SchemaObject } from '../core/schema.ts';

/** Kinds that share their names in a schema: none of them can be made where another one has the name. */
const relations = [
  'table',
  'view',
  'materialized view',
  'foreign table',
  'sequence',
  'index',
  'composite type',
];
const types = [
  ...['table', 'view', 'materialized view', 'foreign table', 'composite type'],
  ...['type', 'domain', 'range type', 'base type'],
];

/** The objects of a database by their kinds and names, for a backup that is to be restored into it. */
export class LiveObjects {
  readonly #sql = new Map<string, string>();
  readonly #kinds: ReadonlyMap<string, readonly string[]>;
  readonly #fold: (text: string) => string;
  readonly #sameServer: boolean;

  constructor(schema: DatabaseSchema, manifest: Manifest, fold: (text: string) => string) {
    this.#fold = fold;
    const own = schema.objects.filter(({ of }) => of === undefined);
    for (const object of own) this.#sql.set(fold(objectKey(object)), object.sql);
    // Their row types can be used as types that a backup made of them.
    const foreign = schema.leftOut
      .filter(({ kind }) => kind === 'foreign table')
      .flatMap(({ names }) => names);
    const named = [...own, ...foreign.map((name) => ({ kind: 'foreign table', name }))];
    this.#kinds = new Map(
      [...Map.groupBy(named, ({ name }) => fold(name))].map(([name, all]) => [
        name,
        all.map(({ kind }) => kind),
      ]),
    );
    const major = /\d+/.exec(manifest.source.serverVersion)?.[0];
    this.#sameServer = schema.server === undefined || String(schema.server.version) === major;
  }

  /** The row type of a foreign table is as good as the type that a backup has made of it. */
  isRowType({ kind, name }: SchemaObject): boolean {
    return kind === 'composite type' && this.#kindsOf(name).includes('foreign table');
  }

  /** The kind of the object that has the name of one that is not there. */
  inTheWay({ kind, name }: SchemaObject): string | undefined {
    const others = this.#kindsOf(name).filter((other) => other !== kind);
    for (const group of [relations, types]) {
      const found = group.includes(kind) ? others.find((other) => group.includes(other)) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether the existing object with its kind and name has another definition. Tables are compared by their columns. */
  differs(object: SchemaObject): boolean {
    const { kind, of, repeat, opaque, sql } = object;
    if (kind === 'table' || of !== undefined || repeat || opaque) return false;
    // Another version of the server writes most statements in other words.
    if (!this.#sameServer && !verbatim.includes(kind)) return false;
    const live = this.#sql.get(this.#fold(objectKey(object)));
    return live !== undefined && live !== sql;
  }

  #kindsOf(name: string): readonly string[] {
    return this.#kinds.get(this.#fold(name)) ?? [];
  }
}

/** Kinds whose text every server returns as its author wrote it. */
const verbatim = ['function', 'procedure', 'type', 'extension'];
