import { literal } from '../db/everything/postgresSamples.ts';
import type { Draft, DraftColumn, DraftTable } from './randomPostgres.ts';
import { addExtras, addHeirs } from './randomPostgresExtras.ts';

/**
 * Adds columns that refer to keys, of other tables, of their own, and in circles, and the constraints; the rows are there
 * already and get values that fit, and some that do not where the constraint is not valid.
 */
export function addForeignKeys(draft: Draft): void {
  const { random, tables, chance } = draft;
  const constraints: string[] = [];
  for (const table of tables) {
    const targets = tables.filter(({ key, unlogged }) => key.length > 0 && (table.unlogged || !unlogged));
    while (targets.length > 0 && chance(45)) {
      constraints.push(addForeignKey(draft, table, random.pick(targets)));
    }
  }
  // All rows are updated before the first constraint stands.
  draft.make.push(...constraints);
}

function addForeignKey(draft: Draft, table: DraftTable, target: DraftTable): string {
  const { random, make, objectDamage, newName, chance } = draft;
  const columns = target.key.map((key) => {
    const column: DraftColumn = {
      name: newName(),
      type: key.type,
      values: [],
      definition: key.type,
      indexable: true,
    };
    return { ...column, collation: key.definition.includes('COLLATE') ? ' COLLATE "C"' : '' };
  });
  const names = columns.map((column) => column.name).join(', ');
  const keys = target.key.map((key) => key.name).join(', ');
  const added = columns.map((column) => `ADD ${column.name} ${column.type}${column.collation}`);
  make.push(`ALTER TABLE ${table.name} ${added.join(', ')};`);
  // Each row gets one of the keys that are there, or NULL; which one follows from what the row holds.
  make.push(
    `UPDATE ${table.name} c SET (${names}) = (SELECT ${keys} FROM (
       SELECT ${keys}, row_number() OVER (ORDER BY (t.*)::text COLLATE "C") - 1 AS n, count(*) OVER () AS total FROM ${target.name} t
     ) p WHERE p.n = ('x' || substr(md5((c.*)::text), 1, 7))::bit(28)::integer % p.total
       AND md5((c.*)::text) < 'd');`,
  );
  const notValid = !table.partitioned && !target.partitioned && columns.length === 1 && chance(15);
  if (notValid && columns[0]?.type === 'integer') {
    make.push(
      `UPDATE ${table.name} SET ${names} = 987654 WHERE ctid = (SELECT min(ctid) FROM ${table.name});`,
    );
  }
  const name = newName();
  const actions = [
    '',
    ' ON DELETE CASCADE',
    ' ON DELETE SET NULL ON UPDATE CASCADE',
    ' ON UPDATE SET DEFAULT',
    ' ON DELETE RESTRICT',
  ];
  const timing = ['', '', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED'];
  const match = chance(20) ? ' MATCH FULL' : '';
  if (chance(30)) objectDamage.push(`ALTER TABLE ${table.name} DROP CONSTRAINT IF EXISTS ${name};`);
  table.columns.push(...columns);
  return (
    `ALTER TABLE ${table.name} ADD CONSTRAINT ${name} FOREIGN KEY (${names}) REFERENCES ${target.name} (${keys})` +
    `${match}${random.pick(actions)}${random.pick(timing)}${notValid ? ' NOT VALID' : ''};`
  );
}

/** Adds what belongs to the tables, and what stands upon them; it comes after the rows, as triggers would refuse them. */
export function addObjects(draft: Draft): void {
  const { random, tables, objectDamage, chance } = draft;
  for (const table of tables) {
    const hasHeirs = addHeirs(draft, table);
    addIndexes(draft, table);
    addConstraints(draft, table);
    addExtras(draft, table, hasHeirs);
    addOptions(draft, table);
    addTrigger(draft, table);
    // Last, as a materialized view that is behind its table would come back with what the table holds.
    addView(draft, table);
  }
  addSequence(draft);
  if (tables.length > 0 && chance(30)) {
    objectDamage.push(`DROP TABLE IF EXISTS ${random.pick(tables).name} CASCADE;`);
  }
}

function addIndexes({ random, schema, make, objectDamage, newName, chance }: Draft, table: DraftTable): void {
  const candidates = table.columns.filter((column) => column.indexable);
  while (candidates.length > 0 && chance(35)) {
    const name = newName();
    const parts = [random.pick(candidates), random.pick(candidates)].map(
      (column) => `${column.name}${random.pick(['', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}`,
    );
    const expression = `(${random.pick(candidates).name} IS NULL)`;
    const where = chance(25) ? ` WHERE ${random.pick(candidates).name} IS NOT NULL` : '';
    const options = chance(20) ? ` WITH (fillfactor = ${random.pick([50, 90])})` : '';
    make.push(
      `CREATE INDEX ${name} ON ${table.name} (${[...new Set(parts), expression].join(', ')})${options}${where};`,
    );
    if (chance(30)) objectDamage.push(`DROP INDEX IF EXISTS ${schema}.${name};`);
  }
}

function addConstraints({ random, make, newName, chance }: Draft, table: DraftTable): void {
  const column = table.columns[0]?.name;
  if (column === undefined) return;
  if (chance(25))
    make.push(`ALTER TABLE ${table.name} ADD CONSTRAINT ${newName()} CHECK (num_nulls(${column}) < 2);`);
  // A restore that checks it cannot load the rows.
  if (table.refusesRows) {
    make.push(
      `ALTER TABLE ${table.name} ADD CONSTRAINT ${newName()} CHECK (${column} IS NULL AND false) NOT VALID;`,
    );
  }
  const commented = random.pick(table.columns).name;
  if (chance(20))
    make.push(
      `COMMENT ON COLUMN ${table.name}.${commented} IS ${literal(`it's "${random.below(100)}" \\ ü\n--`)};`,
    );
}

function addOptions({ random, make, chance }: Draft, table: DraftTable): void {
  const alter = (change: string): void => void make.push(`ALTER TABLE ${table.name} ${change};`);
  const column = random.pick([...table.columns, undefined]);
  if (column !== undefined && !column.definition.endsWith('VIRTUAL') && chance(15))
    alter(`ALTER ${column.name} SET STATISTICS ${random.below(1000)}`);
  if (!table.partitioned && chance(15))
    alter(`SET (fillfactor = ${10 + random.below(90)}, autovacuum_enabled = false)`);
  if (!table.partitioned && chance(10)) alter(`REPLICA IDENTITY ${random.pick(['FULL', 'NOTHING'])}`);
  if (chance(10)) alter('ENABLE ROW LEVEL SECURITY');
  if (chance(5)) alter('FORCE ROW LEVEL SECURITY');
  if (chance(10))
    make.push(
      `CREATE POLICY p ON ${table.name} FOR ${random.pick(['ALL', 'SELECT', 'DELETE'])} USING (false);`,
    );
  if (chance(10)) make.push(`GRANT SELECT, UPDATE ON ${table.name} TO PUBLIC;`);
}

/** A trigger that refuses each row, in one of its states. */
function addTrigger({ random, schema, make, objectDamage, newName, chance }: Draft, table: DraftTable): void {
  if (!chance(20)) return;
  const [name, procedure] = [newName(), `${schema}.${newName()}`];
  const event = random.pick(['INSERT', 'INSERT OR UPDATE', 'INSERT OR DELETE', 'UPDATE']);
  make.push(
    `CREATE FUNCTION ${procedure}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'must not fire'; END $f$;`,
    `CREATE TRIGGER ${name} ${random.pick(['BEFORE', 'AFTER'])} ${event} ON ${table.name} FOR EACH ${random.pick(['ROW', 'STATEMENT'])} EXECUTE FUNCTION ${procedure}('a', 'it''s');`,
  );
  if (chance(30)) make.push(`ALTER TABLE ${table.name} DISABLE TRIGGER ${name};`);
  if (chance(30)) objectDamage.push(`DROP TRIGGER IF EXISTS ${name} ON ${table.name};`);
}

function addView({ random, schema, make, objectDamage, newName, chance }: Draft, table: DraftTable): void {
  if (!chance(20)) return;
  const [first, second, kept] = [newName(), newName(), newName()].map((name) => `${schema}.${name}`);
  make.push(
    `CREATE VIEW ${first} AS SELECT * FROM ${table.name};`,
    `CREATE VIEW ${second} AS SELECT count(*) AS n FROM ${first};`,
  );
  const data = random.pick(['WITH DATA', 'WITH DATA', 'WITH NO DATA']);
  make.push(`CREATE MATERIALIZED VIEW ${kept} AS SELECT n FROM ${second} ${data};`);
  if (chance(30)) objectDamage.push(`DROP VIEW IF EXISTS ${random.pick([first, second])} CASCADE;`);
}

function addSequence({ random, schema, make, rowDamage, objectDamage, newName, chance }: Draft): void {
  if (!chance(30)) return;
  const name = `${schema}.${newName()}`;
  make.push(
    `CREATE SEQUENCE ${name} AS ${random.pick(['smallint', 'bigint'])} INCREMENT ${random.pick([1, -1, 7])} MINVALUE -32000 MAXVALUE 32000 START 5 ${random.pick(['CYCLE', 'NO CYCLE'])};`,
  );
  make.push(
    `SELECT pg_catalog.setval(${literal(name)}, ${random.below(30000)}, ${random.pick(['true', 'false'])});`,
  );
  rowDamage.push(`SELECT pg_catalog.setval(${literal(name)}, 31999);`);
  if (chance(20)) objectDamage.push(`DROP SEQUENCE IF EXISTS ${name};`);
}
