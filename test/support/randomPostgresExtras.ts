import type { Draft, DraftColumn, DraftTable } from './randomPostgres.ts';

/** Adds what tables can have besides: what else is made of their columns, and damage to parts of them. */
export function addExtras(draft: Draft, table: DraftTable, hasHeirs: boolean): void {
  addStorage(draft, table);
  addStatistics(draft, table);
  addFunctions(draft, table, hasHeirs);
  addIndexSettings(draft, table);
  addRule(draft, table);
  addUpdatableView(draft, table);
  addNamedNotNull(draft, table);
}

const isGenerated = ({ definition }: DraftColumn): boolean => definition.includes('GENERATED ALWAYS AS (');
const isVirtual = ({ definition }: DraftColumn): boolean => definition.endsWith('VIRTUAL');

/**
 * Tables that inherit, one from the other, with rows and keys of their own; checks and NOT NULL come with the columns.
 * They come before the parent's unchecked constraints, which their rows break too. Returns whether there are any.
 */
export function addHeirs(draft: Draft, table: DraftTable): boolean {
  const { schema, make, rowDamage, objectDamage, newName, chance } = draft;
  let parent = table.name;
  while (!table.partitioned && chance(12)) {
    const name = `${schema}.${newName()}`;
    const own = [`${newName()} integer DEFAULT 1`];
    if (table.key.length > 0 && chance(50)) {
      own.push(`PRIMARY KEY (${table.key.map((column) => column.name).join(', ')})`);
    }
    make.push(`CREATE TABLE ${name} (${own.join(', ')}) INHERITS (${parent});`);
    const written = table.columns.filter((column) => !isGenerated(column)).map((column) => column.name);
    if (written.length > 0 && chance(70)) {
      const names = written.join(', ');
      make.push(`INSERT INTO ${name} (${names}) SELECT ${names} FROM ONLY ${table.name};`);
      rowDamage.push(`DELETE FROM ONLY ${name};`);
    }
    if (chance(15)) objectDamage.push(`DROP TABLE IF EXISTS ${name} CASCADE;`);
    parent = name;
  }
  return parent !== table.name;
}

function addStorage({ random, version, make, chance }: Draft, table: DraftTable): void {
  const texts = table.columns.filter(
    (column) => /^(text|bytea|jsonb)$/.test(column.type) && !isVirtual(column),
  );
  if (texts.length === 0 || !chance(20)) return;
  const { name } = random.pick(texts);
  const compression = version >= 140000 && chance(50) ? [`ALTER ${name} SET COMPRESSION pglz`] : [];
  const storage = random.pick(['EXTERNAL', 'MAIN', 'PLAIN']);
  const options = `ALTER ${name} SET (n_distinct = -0.5)`;
  make.push(
    `ALTER TABLE ${table.name} ${[`ALTER ${name} SET STORAGE ${storage}`, options, ...compression].join(', ')};`,
  );
}

function addStatistics(draft: Draft, table: DraftTable): void {
  const { random, schema, make, objectDamage, newName, chance } = draft;
  const columns = table.columns.filter((column) => column.indexable && !isVirtual(column));
  if (columns.length < 2 || !chance(20)) return;
  const name = `${schema}.${newName()}`;
  const kinds = random.pick(['', '(ndistinct)', '(dependencies, mcv)']);
  const chosen = columns.slice(0, 3).map((column) => column.name);
  make.push(`CREATE STATISTICS ${name} ${kinds} ON ${chosen.join(', ')} FROM ${table.name};`);
  if (chance(50)) make.push(`ALTER STATISTICS ${name} SET STATISTICS ${random.below(100)};`);
  if (chance(30)) objectDamage.push(`DROP STATISTICS IF EXISTS ${name};`);
}

/** A function that a default, a check and an index call, and that calls another one. */
function addFunctions(draft: Draft, table: DraftTable, hasHeirs: boolean): void {
  const { schema, make, newName, chance } = draft;
  const column = table.columns.find((candidate) => candidate.type === 'integer' && !isGenerated(candidate));
  if (column === undefined || !chance(25)) return;
  const [inner, outer] = [`${schema}.${newName()}`, `${schema}.${newName()}`];
  make.push(
    `CREATE FUNCTION ${inner}(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 1000 + 1';`,
    `CREATE FUNCTION ${outer}(n integer, more integer DEFAULT ${inner}(4)) RETURNS integer LANGUAGE sql IMMUTABLE
       BEGIN ATOMIC SELECT ${inner}(n) + more; END;`,
  );
  // An heir would get it after its own columns, which is named as not carried.
  if (!hasHeirs && chance(50)) {
    make.push(`ALTER TABLE ${table.name} ADD ${newName()} integer DEFAULT ${outer}(1);`);
  }
  if (chance(50)) {
    make.push(
      `ALTER TABLE ${table.name} ADD CONSTRAINT ${newName()} CHECK (${outer}(${column.name}) IS DISTINCT FROM 123456789)${table.refusesRows ? ' NOT VALID' : ''};`,
    );
  }
  if (chance(50)) make.push(`CREATE INDEX ${newName()} ON ${table.name} (${outer}(${column.name}));`);
}

/** An index that rows are in the order of, or that replication goes by; and damage to keys. */
function addIndexSettings(draft: Draft, table: DraftTable): void {
  const { make, objectDamage, schema, newName, chance } = draft;
  const names = table.key.map((column) => column.name).join(', ');
  if (table.key.length === 0 || table.partitioned) return;
  if (chance(20)) {
    const name = newName();
    make.push(`CREATE UNIQUE INDEX ${name} ON ${table.name} (${names});`);
    if (chance(50)) make.push(`ALTER TABLE ${table.name} CLUSTER ON ${name};`);
    if (chance(50) && table.key.every((column) => /NOT NULL|IDENTITY|serial/.test(column.definition)))
      make.push(`ALTER TABLE ${table.name} REPLICA IDENTITY USING INDEX ${name};`);
    if (chance(50)) objectDamage.push(`DROP INDEX IF EXISTS ${schema}.${name};`);
  }
  if (chance(15)) {
    objectDamage.push(`DO $do$ DECLARE k record; BEGIN
      FOR k IN SELECT conname FROM pg_catalog.pg_constraint
                WHERE conrelid = pg_catalog.to_regclass($n$${table.name}$n$) AND contype IN ('p', 'u') LOOP
        EXECUTE $n$ALTER TABLE ${table.name} DROP CONSTRAINT $n$ || pg_catalog.quote_ident(k.conname) || ' CASCADE';
      END LOOP; END $do$;`);
  }
}

function addRule({ random, make, objectDamage, newName, chance }: Draft, table: DraftTable): void {
  if (!chance(10)) return;
  const name = newName();
  const event = random.pick(['INSERT', 'UPDATE', 'DELETE']);
  make.push(
    `CREATE RULE ${name} AS ON ${event} TO ${table.name} DO ${random.pick(['INSTEAD NOTHING', 'ALSO SELECT 1'])};`,
  );
  if (chance(30)) make.push(`ALTER TABLE ${table.name} DISABLE RULE ${name};`);
  if (chance(30)) objectDamage.push(`DROP RULE IF EXISTS ${name} ON ${table.name};`);
}

/** A view with a default, a comment, rights and options of its own. */
function addUpdatableView({ random, schema, make, newName, chance }: Draft, table: DraftTable): void {
  const column = table.columns.find(({ type }) => type === 'text' || type === 'integer');
  if (column === undefined || !chance(15)) return;
  const name = `${schema}.${newName()}`;
  const options = random.pick(['', ' WITH (security_barrier = true)']);
  const check = random.pick(['', ' WITH LOCAL CHECK OPTION', ' WITH CASCADED CHECK OPTION']);
  make.push(`CREATE VIEW ${name}${options} AS SELECT ${column.name} FROM ${table.name} WHERE true${check};`);
  if (chance(50)) make.push(`ALTER VIEW ${name} ALTER ${column.name} SET DEFAULT NULL;`);
  if (chance(50)) make.push(`COMMENT ON VIEW ${name} IS 'it''s a view';`);
  if (chance(50)) make.push(`GRANT SELECT (${column.name}) ON ${name} TO PUBLIC;`);
}

/** PostgreSQL 18 names them, and lets them come unchecked or never be enforced. */
function addNamedNotNull(draft: Draft, table: DraftTable): void {
  const { random, version, make, rowDamage, newName, chance } = draft;
  if (version < 180000 || !chance(25)) return;
  const free = table.columns.filter((column) => !/NOT NULL|IDENTITY|serial/.test(column.definition));
  const column = random.pick([...free, undefined]);
  if (column === undefined || table.key.includes(column)) return;
  const alter = `ALTER TABLE ${table.name} ADD CONSTRAINT ${newName()}`;
  if (chance(50)) make.push(`${alter} CHECK (${column.name} IS NULL) NOT ENFORCED;`);
  // Rows that it would refuse can no longer be updated.
  else if (!isVirtual(column) && !rowDamage.some((damage) => damage.startsWith(`UPDATE ${table.name} `)))
    make.push(`${alter} NOT NULL ${column.name} NOT VALID;`);
}
