import { describeCases } from '../support/foundDatabases.ts';

describeCases({
  'Docker Compose': [
    [
      'lists, maps, ports of every form, variables, aliases, files of variables',
      {
        '.env': 'DB_PORT=5440\nSHARED_PASSWORD=of-env\n',
        'db.env': 'POSTGRES_PASSWORD=from-file\nPOSTGRES_DB=filed\n',
        'docker-compose.yml': `
x-login: &login
  POSTGRES_USER: app
  POSTGRES_PASSWORD: \${SHARED_PASSWORD}
services:
  db:
    image: postgres:16-alpine
    environment:
      <<: *login
      POSTGRES_DB: shop
    ports:
      - "\${DB_PORT:-5432}:5432"
  listed:
    image: docker.io/library/postgres@sha256:0123
    environment:
      - POSTGRES_PASSWORD=pa=ss
      - SHARED_PASSWORD
    ports: ["127.0.0.1:5441:5432/tcp", "8080:80"]
  long:
    image: "timescale/timescaledb:latest-pg16"
    env_file: [db.env]
    ports:
      - target: 5432
        published: "5442"
        protocol: tcp
  hidden:
    image: postgis/postgis:15
    expose: ["5432"]
  free: { image: postgres, ports: ["5432"] }
  built:
    build: ./db
    environment: { POSTGRES_PASSWORD: x, POSTGRES_DB: built }
    ports: ["\${OWN_PORT:-\${OTHER_PORT:-5443}}-5445:5432-5434"]
  cache: { image: "redis:7", ports: ["6379:6379"] }
  old: { image: "mysql:8", environment: { MYSQL_ROOT_PASSWORD: secret } }
  web: { image: nginx, ports: ["80:80"], environment: [DATABASE_URL=postgres://app@db/shop] }
`,
      },
      [
        'shop = PostgreSQL app:of-env@localhost:5440/shop (docker-compose.yml:6)',
        'postgres = PostgreSQL postgres:pa=ss@127.0.0.1:5441/postgres (docker-compose.yml:13)',
        'filed = PostgreSQL postgres:from-file@localhost:5442/filed (docker-compose.yml:19)',
        'built = PostgreSQL postgres:x@localhost:5443/built (docker-compose.yml:30)',
        'postgres = PostgreSQL postgres@localhost:5432/postgres (docker-compose.yml:26, docker-compose.yml:29) ! The service hidden publishes no fixed port on this machine',
        'cache = Redis ? (docker-compose.yml:34) ! Redis is not supported yet',
        'old = MySQL ? (docker-compose.yml:35) ! MySQL is not supported yet',
      ],
    ],
    [
      'an override, which changes the main file; the name of a service as the host of a URL',
      {
        'compose.yaml':
          'services:\n  db:\n    image: postgres\n    environment: [POSTGRES_PASSWORD=a, POSTGRES_DB=app]\n',
        'compose.override.yaml':
          'services:\n  db:\n    environment: { POSTGRES_PASSWORD: b }\n    ports: ["5499:5432"]\n',
        'api/.env':
          'DATABASE_URL=postgres://postgres:b@db:5432/app\nOTHER_URL=postgres://me@elsewhere:5432/app\n',
      },
      [
        'app = PostgreSQL postgres:b@localhost:5499/app (api/.env:1, compose.yaml:2)',
        'app = PostgreSQL me@elsewhere:5432/app (api/.env:2)',
      ],
    ],
    [
      'broken ones, without a line of theirs in the message',
      {
        'a/compose.yml':
          'services:\n  db:\n    image: postgres\n    environment:\n      PASSWORD: "secret\n  x: [\n',
        'b/compose.yml': 'services: [1, 2]\n',
        'c/compose.yml': 'just a text',
        'd/compose.yml': '',
        'e/compose.yml':
          'x: &x { image: postgres, ports: [5488:5432] }\nservices:\n  aliased: *x\n  nobody: { image: *nobody }\n',
        'f/compose.yml': `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nservices:\n  db:\n    image: postgres\n    environment: [*d, *d, *d]\n`,
        'g/compose.yml':
          'services:\n  db: { image: postgres, ports: { a: 1 }, environment: 7, env_file: { x: 1 } }\n',
      },
      [
        'postgres = PostgreSQL postgres@localhost:5432/postgres (g/compose.yml:2) ! The service db publishes no fixed port on this machine',
        'broken a/compose.yml:7 it is not valid YAML',
        'broken e/compose.yml:4 it has too many aliases, or one that names nothing',
        'broken f/compose.yml:6 it has too many aliases, or one that names nothing',
      ],
    ],
  ],
  'settings of other extensions': [
    [
      'SQLTools, with its forms of paths, and a tunnel',
      {
        '.vscode/settings.json': `{
  // SQLTools
  "sqltools.connections": [
    { "previewLimit": 50, "server": "localhost", "port": 5432, "driver": "PostgreSQL", "name": "Dev", "database": "app", "username": "me", "password": "pw" },
    { "driver": "SQLite", "name": "Lite", "database": "\${workspaceFolder:shop}/data/lite.db" },
    { "driver": "SQLite", "name": "Relative", "database": "./rel.db" },
    { "driver": "PostgreSQL", "name": "By URL", "connectString": "postgres://u@db.example.com/by_url" },
    { "driver": "PostgreSQL", "name": "Checked", "server": "db2.example.com", "database": "c", "username": "u", "pgOptions": { "ssl": { "rejectUnauthorized": false } } },
    { "driver": "PostgreSQL", "name": "Far", "server": "far.example.com", "database": "far", "ssh": "Enabled" },
    { "driver": "MySQL", "name": "Old", "server": "localhost", "username": "root", "password": "secret" },
    "nonsense", null, { "name": "no driver" },
  ],
}`,
      },
      [
        'Dev = PostgreSQL me:pw@localhost:5432/app (.vscode/settings.json:4)',
        'Lite = SQLite data/lite.db (.vscode/settings.json:5, data/lite.db)',
        'Relative = SQLite rel.db (.vscode/settings.json:6, rel.db)',
        'By URL = PostgreSQL u@db.example.com:5432/by_url (.vscode/settings.json:7)',
        'Checked = PostgreSQL u@db2.example.com:5432/c require (.vscode/settings.json:8)',
        'Far = PostgreSQL far.example.com:5432/far (.vscode/settings.json:9) ! It needs an SSH tunnel, which Restore Point does not support',
        'Old = MySQL ? (.vscode/settings.json:10) ! MySQL is not supported yet',
      ],
      ['data/lite.db', 'rel.db'],
    ],
    [
      "Microsoft's PostgreSQL extension, now and before; a workspace file and a dev container",
      {
        'shop.code-workspace': `{ "folders": [], "settings": { "pgsql.connections": [
  { "id": "A3", "groupId": "F4", "authenticationType": "SqlLogin", "connectTimeout": 15, "applicationName": "vscode-pgsql", "sslmode": "prefer",
    "savePassword": true, "server": "db.example.com", "user": "postgres", "password": "", "database": "shop", "profileName": "Production", "port": "5432", "expiresOn": 0 },
  { "host": "localhost", "dbname": "postgres", "user": "postgres", "password": "pw", "port": "5450", "profileName": "old" } ] } }`,
        '.devcontainer/devcontainer.json':
          '{ "customizations": { "vscode": { "settings": { "pgsql.connections": [ { "server": "127.0.0.1", "user": "root", "database": "", "sslmode": "disable", "port": "5451" } ] } } } }',
      },
      [
        'Production = PostgreSQL postgres@db.example.com:5432/shop prefer (shop.code-workspace:2)',
        'old = PostgreSQL postgres:pw@localhost:5450/postgres (shop.code-workspace:4)',
        '127.0.0.1 = PostgreSQL root@127.0.0.1:5451/root disable (.devcontainer/devcontainer.json:1)',
      ],
    ],
    [
      'Database Client, whose encrypted passwords are left out',
      {
        '.vscode/database-client-config.json': `{
  "database": {
    "1775899361115": { "host": "127.0.0.1", "port": 5432, "user": "user", "password": "dbclient_a$tHW2LTajGduTMDn3ISFTaw==", "dbType": "PostgreSQL", "database": "anynote", "usingSSH": false, "useSSL": false },
    "1724203646857": { "key": "1", "dbType": "SQLite", "name": "Test", "host": "127.0.0.1", "port": 3306, "dbPath": "data/t.sqlite3" },
    "3": { "host": "localhost", "port": 3306, "user": "root", "password": "secret", "dbType": "MySQL" }
  },
  "nosql": { "4": { "host": "minio", "dbType": "S3" } },
  "$schema": "https://example.com/schema.json"
}`,
      },
      [
        'anynote = PostgreSQL user@127.0.0.1:5432/anynote (.vscode/database-client-config.json:3)',
        'Test = SQLite data/t.sqlite3 (.vscode/database-client-config.json:4, data/t.sqlite3)',
        'MySQL = MySQL ? (.vscode/database-client-config.json:5) ! MySQL is not supported yet',
      ],
      ['data/t.sqlite3'],
    ],
    [
      'broken ones are read as far as they go',
      {
        '.vscode/settings.json':
          '{ "sqltools.connections": [ { "driver": "PostgreSQL", "server": "localhost", "database": "cut" }',
        'a/.vscode/settings.json': '',
        'b/.vscode/settings.json': '[1, 2',
        'c/.vscode/settings.json': '{ "sqltools.connections": "none", "pgsql.connections": {"a": 1} }',
        'a/database-client-config.json': '{ "database": [ 1, {} ] }',
      },
      [
        'cut = PostgreSQL localhost:5432/cut (.vscode/settings.json:1)',
        'broken a/.vscode/settings.json:1 it is not valid JSON',
      ],
    ],
  ],
  'several files': [
    [
      'one database is one entry, with every place; the user and the password are those of the places that have them',
      {
        '.env': 'DATABASE_URL=postgres://app:pw@localhost:5432/shop\n',
        '.env.test': 'DATABASE_URL=postgres://app:pw@127.0.0.1/shop\n',
        'compose.yml':
          'services:\n  postgres:\n    image: postgres:17\n    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: shop }\n    ports: ["5432:5432"]\n',
        'knexfile.js': `module.exports = { client: 'pg', connection: { host: 'localhost', database: 'shop' } };`,
        'alembic.ini': '[alembic]\nsqlalchemy.url = postgresql://admin@localhost/shop\n',
      },
      [
        'shop = PostgreSQL app:pw@localhost:5432/shop (.env:1, .env.test:1, knexfile.js:1, compose.yml:2)',
        'shop = PostgreSQL admin@localhost:5432/shop (alembic.ini:2)',
      ],
    ],
    [
      'texts that settings would replace are not imported',
      {
        '.env':
          "DB_URL='postgres://u@evil.example/${env:SECRET}'\nDB2_URL='postgres://h/${workspaceFolder}'\n",
      },
      ['PostgreSQL = PostgreSQL ? (.env:1, .env:2) ! Its address contains "${", which cannot be resolved'],
    ],
  ],
});
