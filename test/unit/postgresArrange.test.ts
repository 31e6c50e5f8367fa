import assert from 'node:assert/strict';
import { arrange } from '../../src/engines/postgres/schema/arrange.ts';
import type { CatalogObject } from '../../src/engines/postgres/schema/catalogObject.ts';
import {
  buildGraph,
  type Dependency,
  dependents,
  findCircles,
  type Graph,
  needsFirst,
  type Part,
  reachable,
} from '../../src/engines/postgres/schema/dependencies.ts';
import { randomSource } from '../support/randomSource.ts';

const graphOf = (needs: Record<string, string>): Graph =>
  new Map(Object.entries(needs).map(([id, list]) => [id, new Set(list.split('').filter(Boolean))]));

const object = (id: string, kind: string, changes: Partial<CatalogObject> = {}): CatalogObject => ({
  id,
  kind,
  name: id,
  section: 'pre-data',
  statements: [`CREATE ${id}`],
  ...changes,
});

const depends = (from: string, to: string, type: Dependency['type'] = 'n'): Dependency => ({
  from,
  to,
  type,
});

describe('postgres: graphs of dependencies', () => {
  it('finds circles, and nothing in a graph that has none', () => {
    const circles = findCircles(graphOf({ a: 'b', b: 'c', c: 'a', d: 'a', e: 'f', f: 'e', g: 'g', h: '' }));
    assert.deepEqual(circles.map((circle) => [...circle].sort().join('')).sort(), ['abc', 'ef']);
    assert.deepEqual(findCircles(graphOf({ a: 'bc', b: 'c', c: 'd', d: '' })), []);
  });

  it('finds the whole of circles that share an object', () => {
    const circles = findCircles(graphOf({ a: 'b', b: 'ac', c: 'b', d: 'a' }));
    assert.deepEqual(
      circles.map((circle) => [...circle].sort().join('')),
      ['abc'],
    );
  });

  it('goes through chains that are longer than any stack', () => {
    const length = 50_000;
    const chain = new Map<string, Set<string>>();
    for (let index = 0; index < length; index += 1) chain.set(String(index), new Set([String(index + 1)]));
    chain.set(String(length), new Set());
    assert.deepEqual(findCircles(chain), []);
    const ordered = needsFirst([...chain.keys()], chain);
    assert.equal(ordered[0], String(length));
    assert.equal(ordered.at(-1), '0');
    chain.get(String(length))!.add('0');
    assert.equal(findCircles(chain)[0]?.size, length + 1);
  });

  it('orders by needs first, else as given', () => {
    const graph = graphOf({ a: 'd', b: '', c: 'b', d: '', e: 'xa' });
    assert.deepEqual(needsFirst(['a', 'b', 'c', 'd', 'e'], graph), ['d', 'a', 'b', 'c', 'e']);
    assert.deepEqual(needsFirst(['e', 'c'], graph), ['e', 'c'], 'what is not given does not come');
  });

  it('orders random graphs without circles so that every need comes first', () => {
    const random = randomSource('graphs');
    for (let round = 0; round < 200; round += 1) {
      const ids = Array.from({ length: 12 }, (_, index) => String(index));
      const graph: Graph = new Map(
        ids.map((id, index) => [id, new Set(ids.slice(0, index).filter(() => random.below(10) < 3))]),
      );
      const given = ids
        .map((id) => ({ id, key: random.below(1000) }))
        .sort((one, other) => one.key - other.key);
      const place = new Map(
        needsFirst(
          given.map(({ id }) => id),
          graph,
        ).map((id, index) => [id, index]),
      );
      assert.equal(place.size, ids.length);
      for (const [id, needs] of graph) {
        for (const need of needs) assert.ok(place.get(need)! < place.get(id)!, `${id} before ${need}`);
      }
      assert.deepEqual(findCircles(graph), []);
    }
  });

  it('finds all that is needed, and all that needs', () => {
    const graph = graphOf({ a: 'b', b: 'c', c: '', d: 'c' });
    assert.deepEqual([...reachable(['a'], graph)].sort(), ['a', 'b', 'c']);
    assert.deepEqual([...dependents(['c'], graph)].sort(), ['a', 'b', 'c', 'd']);
  });

  it('takes what the catalogs tell of a part for its host, unless it stands alone', () => {
    const part: Part = { id: 'pg_attrdef 1', host: 'pg_class 1', alone: 'pg_attrdef 1' };
    const dependencies = [depends('pg_attrdef 1', 'pg_proc 1'), depends('pg_attrdef 1', 'pg_class 1', 'a')];
    const whole = [object('pg_class 1', 'table'), object('pg_proc 1', 'function')];
    assert.deepEqual(
      [...buildGraph(whole, dependencies, [part], new Set()).get('pg_class 1')!],
      ['pg_proc 1'],
    );
    const split = buildGraph(
      [...whole, object('pg_attrdef 1', 'default')],
      dependencies,
      [part],
      new Set(['pg_attrdef 1']),
    );
    assert.deepEqual([...split.get('pg_class 1')!], []);
    assert.deepEqual([...split.get('pg_attrdef 1')!].sort(), ['pg_class 1', 'pg_proc 1']);
  });

  it('finds what comes inside of something else: an array type in its type, a member in its extension', () => {
    const objects = [
      object('pg_type 1', 'type'),
      object('pg_extension 1', 'extension'),
      object('pg_class 1', 'table'),
    ];
    const graph = buildGraph(
      objects,
      [
        depends('pg_type 2', 'pg_type 1', 'i'),
        depends('pg_class 1', 'pg_type 2'),
        depends('pg_proc 9', 'pg_extension 1', 'e'),
        depends('pg_class 1', 'pg_proc 9'),
        depends('pg_class 1', 'pg_proc 404'),
      ],
      [],
      new Set(),
    );
    assert.deepEqual([...graph.get('pg_class 1')!].sort(), ['pg_extension 1', 'pg_type 1']);
  });

  it('lets the functions of a type know its shell', () => {
    const objects = [
      object('pg_type 1', 'base type'),
      object('pg_type 1 shell', 'shell type'),
      object('pg_proc 1', 'function'),
    ];
    const dependencies = [depends('pg_type 1', 'pg_proc 1'), depends('pg_proc 1', 'pg_type 1')];
    const graph = buildGraph(objects, dependencies, [], new Set());
    assert.deepEqual(findCircles(graph), []);
    assert.deepEqual(needsFirst([...graph.keys()], graph), ['pg_type 1 shell', 'pg_proc 1', 'pg_type 1']);
  });
});

describe('postgres: arranging objects', () => {
  const arranged = async (
    objects: readonly CatalogObject[],
    dependencies: readonly Dependency[],
    parts: readonly Part[] = [],
    alone: Readonly<Record<string, CatalogObject>> = {},
  ): Promise<string[]> => {
    const build = (taken: ReadonlySet<string>): Promise<CatalogObject[]> =>
      Promise.resolve([...objects, ...[...taken].flatMap((id) => alone[id] ?? [])]);
    const { objects: ordered } = await arrange(build, dependencies, parts);
    return ordered.map(({ id, section }) => (section === 'post-data' ? `${id} late` : id));
  };

  it('goes by kind and name where nothing else decides', async () => {
    const objects = [
      object('pg_class 2', 'view', { name: 'a' }),
      object('pg_class 1', 'table', { name: 'b' }),
      object('pg_class 3', 'table', { name: 'a' }),
      object('pg_namespace 1', 'schema', { name: 'z' }),
      object('pg_class 9', 'table', { name: 'x', order: '0' }),
    ];
    assert.deepEqual(await arranged(objects, []), [
      'pg_namespace 1',
      'pg_class 9',
      'pg_class 3',
      'pg_class 1',
      'pg_class 2',
    ]);
  });

  it('puts a function before the table whose default calls it', async () => {
    const part: Part = { id: 'pg_attrdef 1', host: 'pg_class 1', alone: 'pg_attrdef 1' };
    const objects = [object('pg_class 1', 'table'), object('pg_proc 1', 'function', { name: 'z' })];
    const order = await arranged(objects, [depends('pg_attrdef 1', 'pg_proc 1')], [part]);
    assert.deepEqual(order, ['pg_proc 1', 'pg_class 1']);
  });

  it('takes a default out of a table where it calls a function that needs the table', async () => {
    const parts: Part[] = [
      { id: 'pg_attrdef 1', host: 'pg_class 1', alone: 'pg_attrdef 1' },
      { id: 'pg_attrdef 2', host: 'pg_class 1', alone: 'pg_attrdef 2' },
    ];
    const objects = [
      object('pg_class 1', 'table'),
      object('pg_proc 1', 'function'),
      object('pg_proc 2', 'function'),
    ];
    const order = await arranged(
      objects,
      [
        depends('pg_attrdef 1', 'pg_proc 1'),
        depends('pg_attrdef 1', 'pg_class 1', 'a'),
        depends('pg_proc 1', 'pg_class 1'),
        depends('pg_attrdef 2', 'pg_class 1', 'a'),
      ],
      parts,
      {
        'pg_attrdef 1': object('pg_attrdef 1', 'default'),
        'pg_attrdef 2': object('pg_attrdef 2', 'default'),
      },
    );
    assert.deepEqual(order, ['pg_class 1', 'pg_proc 1', 'pg_proc 2', 'pg_attrdef 1']);
  });

  it('makes views in two steps where they go round in a circle', async () => {
    const views = ['1', '2'];
    const parts = views.map((oid) => ({
      id: `pg_rewrite ${oid}`,
      host: `pg_class ${oid}`,
      alone: `pg_class ${oid} definition`,
    }));
    const definition = (oid: string): CatalogObject =>
      object(`pg_class ${oid} definition`, 'view definition', { of: `pg_class ${oid}` });
    const order = await arranged(
      views.map((oid) => object(`pg_class ${oid}`, 'view')),
      [
        depends('pg_rewrite 1', 'pg_class 1', 'i'),
        depends('pg_rewrite 1', 'pg_class 2'),
        depends('pg_rewrite 2', 'pg_class 2', 'i'),
        depends('pg_rewrite 2', 'pg_class 1'),
      ],
      parts,
      { 'pg_rewrite 1': definition('1'), 'pg_rewrite 2': definition('2') },
    );
    assert.deepEqual(order, ['pg_class 1', 'pg_class 2', 'pg_class 1 definition', 'pg_class 2 definition']);
  });

  it('puts after the data what needs something that comes after it, but never a table', async () => {
    const part: Part = { id: 'pg_rewrite 2', host: 'pg_class 2', alone: 'pg_class 2 definition' };
    const objects = [
      object('pg_class 1', 'table'),
      object('pg_class 2', 'view'),
      object('pg_constraint 1', 'constraint', { section: 'post-data', needs: ['pg_class 1'] }),
    ];
    const grouped = [depends('pg_rewrite 2', 'pg_class 1'), depends('pg_rewrite 2', 'pg_constraint 1')];
    assert.deepEqual(await arranged(objects, grouped, [part]), [
      'pg_class 1',
      'pg_constraint 1 late',
      'pg_class 2 late',
    ]);
    // A column of this view's row type: the table can wait for its columns, and not for what they mean.
    const typed = [...objects, object('pg_class 3', 'table', { needs: ['pg_class 2'] })];
    const definition = object('pg_class 2 definition', 'view definition', { of: 'pg_class 2' });
    assert.deepEqual(await arranged(typed, grouped, [part], { 'pg_rewrite 2': definition }), [
      'pg_class 1',
      'pg_class 2',
      'pg_class 3',
      'pg_constraint 1 late',
      'pg_class 2 definition late',
    ]);
  });

  it('fills materialized views after those that they read', async () => {
    const view = (oid: string, name: string): CatalogObject[] => [
      object(`pg_class ${oid}`, 'materialized view', { name }),
      object(`pg_class ${oid} data`, 'materialized view data', {
        name,
        section: 'post-data',
        needs: [`pg_class ${oid}`],
      }),
    ];
    const objects = [...view('1', 'a'), object('pg_class 2', 'view', { name: 'b' }), ...view('3', 'c')];
    const order = await arranged(objects, [
      depends('pg_class 1', 'pg_class 2'),
      depends('pg_class 2', 'pg_class 3'),
    ]);
    assert.deepEqual(order, [
      'pg_class 3',
      'pg_class 2',
      'pg_class 1',
      'pg_class 3 data late',
      'pg_class 1 data late',
    ]);
  });
});
