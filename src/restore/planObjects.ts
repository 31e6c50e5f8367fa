import type { BackupPart, Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, tableKey } from '../core/names.ts';
import type { PlannedObject, RestoreMode, TablePlan } from '../core/plan.ts';
import { objectKey, type DatabaseSchema, type SchemaObject, type ServerFeature } from '../core/schema.ts';
import type { StatementObstacle, StatementRules } from '../core/statementRules.ts';
import type { SessionFeatures } from '../engines/engine.ts';
import { LiveObjects } from './liveObjects.ts';
import { comesAgain, isRemade, obstacles } from './lostObjects.ts';
import type { Refusal } from './refusal.ts';

/** The statements that a restore runs, and why others do not run. */
export interface PlannedObjects {
  /** In the backup's order. */
  readonly create: readonly PlannedObject[];
  readonly warnings: readonly string[];
  /** Tables that are missing and cannot be made, with the reason. */
  readonly refusals: readonly Refusal[];
}

interface Target {
  readonly schema: DatabaseSchema;
  readonly features: SessionFeatures;
  readonly statements?: StatementRules | undefined;
}

/** How much of a backup is restored. */
export interface Extent {
  readonly everything: boolean;
  readonly only?: BackupPart | undefined;
}

/**
 * Chooses what is missing. A restore of all of a whole backup brings every object that is not there; else what belongs
 * to a table that is made comes, with what it needs. Of a table that is there and is replaced, keys, indexes, triggers
 * and their like come back. What is there stays.
 */
export function planObjects(
  manifest: Manifest,
  tables: readonly TablePlan[],
  target: Target,
  mode: RestoreMode,
  { everything, only }: Extent,
): PlannedObjects {
  const fold = (text: string): string => (target.features.caseInsensitiveNames ? foldCase(text) : text);
  const live = new Set(target.schema.objects.map((object) => fold(objectKey(object))));
  const liveByName = new LiveObjects(target.schema, manifest, fold);
  const identity = (object: SchemaObject): string =>
    fold(`${objectKey(object)} ${object.table ? tableKey(object.table) : ''}`);
  const liveObjects = new Set(target.schema.objects.map(identity));
  const liveTables = new Set(target.schema.tables.map(({ name }) => fold(tableKey(name))));
  const isThere = (object: SchemaObject): boolean =>
    liveObjects.has(identity(object)) ||
    liveByName.isRowType(object) ||
    (object.kind === 'table' && object.table !== undefined && liveTables.has(fold(tableKey(object.table))));
  const isLive = (key: string): boolean => live.has(fold(key));
  const stays = (object: SchemaObject): boolean =>
    object.table !== undefined &&
    liveTables.has(fold(tableKey(object.table))) &&
    !(mode === 'replace' && isRemade(object));
  const whole = everything && (manifest.complete || manifest.allObjects === true);
  const toExcluded = pointsAtExcluded(tables, only);
  const refill = refillsOf(target.schema, fold, whole && mode === 'replace' && only !== 'data');
  const wanted = (whole ? manifest.objects : objectsOfTables(manifest, tables, mode)).filter(
    (object) => object.of !== undefined || !stays(object),
  );
  const reasons = new Map<SchemaObject, StatementObstacle>();
  const obstacleTo = obstacles(manifest, target.schema);
  const missing = withoutProperties(
    wanted
      .filter((object) => object.repeat || object.of !== undefined || !isThere(object))
      .map((object): PlannedObject => (object.repeat ? refill(object) : object)),
  ).filter((object) => {
    const obstacle = obstacleOf(object, target) ?? because(obstacleTo(object) ?? toExcluded(object));
    if (obstacle) reasons.set(object, obstacle);
    return !obstacle;
  });
  const there = new Set(manifest.objects.filter((object) => liveByName.isRowType(object)).map(objectKey));
  const create = satisfied(missing, (key) => isLive(key) || there.has(key), reasons);
  const needed = whole ? manifest.objects : objectsOfTables(manifest, tables, 'replace');
  return {
    create,
    warnings: [
      ...describeReasons(reasons),
      ...describeDiffering(needed.filter((object) => liveByName.differs(object))),
    ],
    refusals: [
      ...create.flatMap((object): Refusal[] => {
        const other = liveByName.inTheWay(object);
        if (other === undefined) return [];
        const reason = `${objectKey(object)} cannot be created: ${other} ${object.name} exists`;
        return [{ ...(object.table ? { table: object.table } : {}), reason }];
      }),
      ...refuseTables(tables, create, reasons, manifest),
    ],
  };
}

/** Says why a foreign key cannot be made: the rows that it points at were excluded from the backup, and are not there. */
function pointsAtExcluded(
  tables: readonly TablePlan[],
  only: BackupPart | undefined,
): (object: SchemaObject) => string | undefined {
  const key = ({ backup }: TablePlan): string =>
    objectKey({ kind: 'table', name: formatTableName(backup.table.name) });
  const emptied = new Set(tables.filter(({ create, backup }) => create && backup.rowsExcluded).map(key));
  const filled = new Set(
    tables.filter(({ backup }) => backup.rows > 0).map(({ backup }) => tableKey(backup.table.name)),
  );
  return ({ kind, table, needs = [] }) => {
    if (kind !== 'foreign key' || only === 'schema' || !table || !filled.has(tableKey(table)))
      return undefined;
    const parent = needs.find((need) => emptied.has(need));
    return parent === undefined ? undefined : `the rows of the ${parent} were excluded from the backup`;
  };
}

/**
 * Existing views are refreshed with the database's own statement: the one in the file comes from its author. With `asBackedUp`, one
 * that the backup fills otherwise (or leaves empty) is filled by the file's.
 */
function refillsOf(
  { objects }: DatabaseSchema,
  fold: (text: string) => string,
  asBackedUp: boolean,
): (object: SchemaObject) => PlannedObject {
  const own = new Map(
    objects.filter(({ repeat }) => repeat).map((object) => [fold(objectKey(object)), object]),
  );
  return (object) => {
    const found = own.get(fold(objectKey(object)));
    return found && !(asBackedUp && found.sql !== object.sql)
      ? { ...object, sql: found.sql, live: true }
      : object;
  };
}

/** The objects of tables that are created, the lost objects of tables that are replaced, and everything that these need. */
function objectsOfTables(
  manifest: Manifest,
  tables: readonly TablePlan[],
  mode: RestoreMode,
): SchemaObject[] {
  const comes = comesAgain(mode === 'replace' ? tables : []);
  const made = new Set(
    tables.filter(({ create }) => create).map(({ backup }) => tableKey(backup.table.name)),
  );
  const extensions = new Set(
    tables.flatMap(({ create, backup }) => (create && backup.table.extension) || []),
  );
  const held = new Set(manifest.tables.map(({ table }) => tableKey(table.name)));
  const ofTable = Map.groupBy(manifest.objects, ({ table }) => (table ? tableKey(table) : undefined));
  const chosen = new Set<SchemaObject>();
  const find = new Map<string, SchemaObject>();
  for (const object of manifest.objects) {
    if (!find.has(objectKey(object))) find.set(objectKey(object), object);
    const { table, needs, section } = object;
    // Objects of an engine that does not know what needs what: what comes before the data could be needed.
    const perhaps = needs === undefined && !table && section === 'pre-data' && made.size > 0;
    const makesTable = object.kind === 'extension' && extensions.has(object.name);
    if (perhaps || makesTable || comes(object) || (table && made.has(tableKey(table)))) chosen.add(object);
  }
  for (const { needs = [], of, kind, table } of chosen) {
    // For a table without rows of its own, created for its partitions, everything that belongs to it is included.
    if (kind === 'table' && table && !held.has(tableKey(table)))
      for (const own of ofTable.get(tableKey(table)) ?? []) chosen.add(own);
    for (const key of of === undefined ? needs : [...needs, of]) {
      const need = find.get(key);
      // A table that the backup holds is one of the plan, or is not to be touched.
      if (need && !(need.table && held.has(tableKey(need.table)) && !made.has(tableKey(need.table))))
        chosen.add(need);
    }
  }
  const keys = new Set([...chosen].map(objectKey));
  return manifest.objects.filter(
    (object) => chosen.has(object) || (object.of !== undefined && keys.has(object.of)),
  );
}

/** Leaves out the properties of what is not among these. */
function withoutProperties(objects: readonly SchemaObject[]): SchemaObject[] {
  const keys = new Set(objects.filter(({ of }) => of === undefined).map(objectKey));
  return objects.filter(({ of }) => of === undefined || keys.has(of));
}

function because(reason: string | undefined): StatementObstacle | undefined {
  return reason === undefined ? undefined : { reason };
}

/** Why this user cannot make it in this database. */
export function obstacleOf(
  object: SchemaObject,
  { schema, statements }: Pick<Target, 'schema' | 'statements'>,
): StatementObstacle | undefined {
  const { uses = [] } = object;
  const { server } = schema;
  const lacking = server && uses.find(({ name, since }) => !isOffered(name, since, server));
  return lacking ? { reason: lackText(lacking) } : statements?.obstacleTo(object, schema);
}

function isOffered(
  name: string,
  since: number | undefined,
  server: NonNullable<DatabaseSchema['server']>,
): boolean {
  return since === undefined ? server.offers.includes(name) : since <= server.version;
}

function lackText({ name, since }: ServerFeature): string {
  return since === undefined
    ? `the server does not support this: ${name}`
    : `it needs server version ${since} or later: ${name}`;
}

/** The objects whose needs exist or are among them. Looks at each object once for each of its needs, however long the chains. */
function satisfied(
  objects: readonly SchemaObject[],
  isLive: (key: string) => boolean,
  reasons: Map<SchemaObject, StatementObstacle>,
): SchemaObject[] {
  const keys = new Map<string, number>();
  for (const object of objects) keys.set(objectKey(object), (keys.get(objectKey(object)) ?? 0) + 1);
  const needing = new Map<string, SchemaObject[]>();
  for (const object of objects) {
    for (const key of [...(object.of === undefined ? [] : [object.of]), ...(object.needs ?? [])]) {
      const others = needing.get(key);
      if (others) others.push(object);
      else needing.set(key, [object]);
    }
  }
  const lost = new Set<SchemaObject>();
  const lacks = (object: SchemaObject): string | undefined => {
    if (object.of !== undefined && !keys.has(object.of)) return object.of;
    return object.needs?.find((key) => !keys.has(key) && !isLive(key));
  };
  const open = [...objects];
  for (const object of open) {
    const lack = lost.has(object) ? undefined : lacks(object);
    if (lack === undefined) continue;
    lost.add(object);
    // Properties go with what they belong to, without a word.
    if (object.of === undefined) reasons.set(object, { reason: `it needs ${lack}` });
    const key = objectKey(object);
    const left = (keys.get(key) ?? 1) - 1;
    keys.set(key, left);
    if (left > 0) continue;
    keys.delete(key);
    for (const other of needing.get(key) ?? []) open.push(other);
  }
  return objects.filter((object) => !lost.has(object));
}

const shownNames = 5;

/** One sentence for each reason; what is made by a statement of its own is shown with it. */
function describeReasons(reasons: ReadonlyMap<SchemaObject, StatementObstacle>): string[] {
  const groups = Map.groupBy(reasons.keys(), (object) => reasons.get(object)?.reason ?? '');
  return [...groups].flatMap(([reason, objects]) => {
    const isShown = (object: SchemaObject): boolean =>
      object.of === undefined && reasons.get(object)?.shown === true;
    const alone = objects.filter(isShown);
    const others = objects.filter((object) => !isShown(object));
    const names = others.slice(0, shownNames).map(objectKey).join(', ');
    const more = others.length > shownNames ? ` and ${others.length - shownNames} more` : '';
    return [
      ...alone.map((object) => `not restored: ${objectKey(object)}: ${reason}: ${object.sql}`),
      ...(others.length > 0 ? [`not restored: ${names}${more}: ${reason}`] : []),
    ];
  });
}

/** Names all of them: existing objects stay, and nothing else says that the backup defines them differently. */
function describeDiffering(objects: readonly SchemaObject[]): string[] {
  if (objects.length === 0) return [];
  const names = objects.map(objectKey).join(', ');
  return [`left as they are, although the backup defines them differently: ${names}`];
}

function refuseTables(
  tables: readonly TablePlan[],
  create: readonly SchemaObject[],
  reasons: ReadonlyMap<SchemaObject, StatementObstacle>,
  { objects }: Manifest,
): Refusal[] {
  const made = new Set(create);
  const makers = Map.groupBy(
    objects.filter(({ kind, table, of }) => kind === 'table' && of === undefined && table !== undefined),
    ({ table }) => tableKey(table!),
  );
  return tables.flatMap((table) => {
    const { name, extension } = table.backup.table;
    const [object] =
      extension === undefined
        ? (makers.get(tableKey(name)) ?? [])
        : objects.filter((one) => one.kind === 'extension' && one.name === extension);
    if (!table.create || (object && made.has(object))) return [];
    if (!object)
      return [{ table: name, reason: 'it is missing, and the backup does not contain its definition' }];
    const reason = reasons.get(object)?.reason ?? 'its name is taken';
    return [{ table: name, reason: `it is missing and cannot be created: ${reason}` }];
  });
}
