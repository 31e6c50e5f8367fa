import assert from 'node:assert/strict';
import { findIn, linesOf } from '../support/foundDatabases.ts';

describe('databases that a workspace names', () => {
  it('keep the names of containers inside a container', async () => {
    const files = {
      '.env': 'DATABASE_URL=postgres://app@db:5432/app\n',
      'compose.yml': 'services:\n  db: { image: postgres, ports: ["5499:5432"] }\n',
    };
    assert.match(linesOf(await findIn(files, { outsideContainers: false }))[0]!, /app@db:5432\/app/);
  });

  it('take no time for files that are made to take it', async () => {
    const length = 30_000;
    const fill = (piece: string): string => piece.repeat(Math.floor(length / piece.length));
    const texts = [
      'a.',
      '{',
      '[{client:',
      '+',
      'a+',
      '"',
      '`${',
      '${',
      '/*',
      'client: {connection: ',
      '(a)',
      '\\',
      "'''",
    ];
    for (const text of [
      ...texts,
      '$A',
      '%(',
      ':',
      'postgres://',
      '@',
      '/',
      '?#',
      '- ',
      '&a ',
      '*a ',
      ' ',
      '\t',
    ]) {
      const started = Date.now();
      const content = `X=${fill(text)}\nDATABASES = connection = datasource = ${fill(text)}`.slice(
        0,
        2 * length,
      );
      const names = ['.env', 'knexfile.js', 'settings.py', 'a.ini', 'schema.prisma', '.vscode/settings.json'];
      await findIn(Object.fromEntries(names.map((name) => [name, content])));
      assert.ok(Date.now() - started < 2000, `${JSON.stringify(text)} took ${Date.now() - started} ms`);
    }
  });

  it('do not multiply: values that double each other, and ten thousand databases', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `V${index}`);
    const doubling = names.map((name, index) => `${name}=\${V${index - 1}}\${V${index - 1}}x`).join('\n');
    const code = names
      .map((name, index) => `const ${name} = V${index - 1} + V${index - 1} + 'x';`)
      .join('\n');
    const many = Array.from({ length: 10_000 }, (_, index) => `U${index}_URL=postgres://h${index}/d`).join(
      '\n',
    );
    const started = Date.now();
    const found = await findIn({ '.env': `${doubling}\n${many}`, 'knexfile.js': code });
    assert.ok(found.databases.length <= 1000);
    assert.ok(Date.now() - started < 10_000);
  });
});
