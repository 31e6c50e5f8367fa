import { describeCases } from '../support/foundDatabases.ts';

describeCases({
  knexfiles: [
    [
      'environments, URLs, files, defaults and variables',
      {
        '.env': 'STAGE_HOST=stage.example.com\nSTAGE_PORT=6000\n',
        'knexfile.js': `
// Update with your config settings.
/** @type { Object.<string, import("knex").Knex.Config> } */
module.exports = {
  development: {
    client: 'sqlite3',
    connection: { filename: './dev.sqlite3' }
  },
  staging: {
    client: 'postgresql',
    connection: {
      host: process.env.STAGE_HOST,
      port: Number(process.env['STAGE_PORT']),
      database: 'my_db',
      user:     'username',
      password: process.env.STAGE_PASSWORD,
      ssl: { rejectUnauthorized: false },
    },
    pool: { min: 2, max: 10 },
    migrations: { tableName: 'knex_migrations' }
  },
  production: { client: 'pg', connection: process.env.DATABASE_URL },
  ci: { client: 'pg', connection: process.env.CI_URL || 'postgres://ci:ci@localhost:5433/ci' },
  legacy: { client: 'mysql2', connection: { host: 'h', user: 'u', password: 'secret' } },
};
`,
      },
      [
        'dev = SQLite dev.sqlite3 (knexfile.js:7, dev.sqlite3)',
        'my_db = PostgreSQL username@stage.example.com:6000/my_db require (knexfile.js:11)',
        'ci = PostgreSQL ci:ci@localhost:5433/ci (knexfile.js:23)',
        'PostgreSQL = PostgreSQL ? (knexfile.js:22) ! Nothing in this workspace sets the variable DATABASE_URL',
        'MySQL = MySQL ? (knexfile.js:24) ! MySQL is not supported yet',
      ],
      ['dev.sqlite3'],
    ],
    [
      'TypeScript, spreads, constants, templates, functions',
      {
        'db/knexfile.ts': `
import type { Knex } from 'knex';
import path from 'node:path';
import { secret } from './vault';
const host = process.env.DB_HOST ?? 'localhost';
const base: { client: string; pool?: Knex.PoolConfig } = { client: 'pg' };
const config: { [key: string]: Knex.Config } = {
  test: { ...base, connection: \`postgres://t:\${process.env.PW}@\${host}:5444/test\` },
  local: { client: 'better-sqlite3', connection: { filename: path.join(__dirname, '..', 'data', 'local.db') } },
  vault: { ...base, connection: async () => ({ host: await secret('host') }) },
  called: { ...base, connection: { host: secret('host'), database: 'x' } },
  either: { ...base, connection: { host: isProd ? 'a' : 'b', database: 'x' } },
  string: { ...base, connection: { connectionString: 'postgres://s@localhost/s', ssl: true } },
};
export default config;
`,
      },
      [
        'test = PostgreSQL t@localhost:5444/test (db/knexfile.ts:8)',
        'local = SQLite data/local.db (db/knexfile.ts:9, data/local.db)',
        's = PostgreSQL s@localhost:5432/s (db/knexfile.ts:13)',
        'PostgreSQL = PostgreSQL ? (db/knexfile.ts:10, db/knexfile.ts:11, db/knexfile.ts:12) ! Its program computes the address, and Restore Point does not run it',
      ],
      ['data/local.db'],
    ],
    [
      'variables that are taken from the environment by name, and one of several connections',
      {
        '.env': 'DB_NAME=taken\n',
        'a/knexfile.js': `
const { DB_HOST: host = 'localhost', DB_NAME, DB_USER } = process.env;
module.exports = { client: 'pg', connection: { host, database: DB_NAME, port: +process.env.DB_PORT || 5455 } };
`,
        'b/knexfile.js': `
const { DB_USER } = process.env;
const connections = { dev: { host: 'localhost', database: 'chosen', user: DB_USER } };
module.exports = { client: 'pg', connection: connections[process.env.NODE_ENV || 'dev'] };
`,
      },
      [
        'taken = PostgreSQL localhost:5455/taken (a/knexfile.js:3)',
        'PostgreSQL = PostgreSQL ? (b/knexfile.js:4) ! Nothing in this workspace sets the variable DB_USER',
      ],
    ],
    [
      'broken ones, which end in the middle',
      {
        'a/knexfile.js': `module.exports = { client: 'pg', connection: { host: 'localhost', database: 'a`,
        'b/knexfile.js': `}}}]) module.exports = { client: 'pg', connection: 'postgres://localhost/b' }`,
        'c/knexfile.mjs': 'export default {'.repeat(3000),
        'd/knexfile.cjs': '',
      },
      ['b = PostgreSQL localhost:5432/b (b/knexfile.js:1)'],
    ],
  ],
  'Prisma schemas': [
    [
      'a variable of .env, a file beside the schema, and none at all',
      {
        'prisma/schema.prisma': `
generator client {
  provider = "prisma-client-js"
}
// the database
datasource db {
  provider  = "postgresql"
  url       = env("DATABASE_URL")
  directUrl = env("DIRECT_URL")
}
model User { id Int @id }
`,
        'prisma/.env':
          'DATABASE_URL="postgresql://johndoe:randompassword@localhost:5432/mydb?schema=public"\n',
        'lite/prisma/schema.prisma':
          'datasource db {\n  provider = "sqlite"\n  url      = "file:./dev.db"\n}\n',
        'new/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("NOWHERE_URL")\n}\n',
        'seven/schema.prisma': 'datasource db {\n  provider = "postgresql"\n}\n',
        'my/schema.prisma':
          'datasource db {\n  provider = "mysql"\n  url = "mysql://root:pw@localhost/app"\n}\n',
        'bad/schema.prisma': 'datasource db {\n  provider = "postgres',
      },
      [
        'mydb = PostgreSQL johndoe:randompassword@localhost:5432/mydb (prisma/.env:1, prisma/schema.prisma:8)',
        'dev = SQLite lite/prisma/dev.db (lite/prisma/schema.prisma:3, lite/prisma/dev.db)',
        'PostgreSQL = PostgreSQL ? (new/schema.prisma:3) ! Nothing in this workspace sets the variable NOWHERE_URL',
        'MySQL = MySQL ? (my/schema.prisma:3) ! MySQL is not supported yet',
      ],
      ['lite/prisma/dev.db'],
    ],
  ],
  'Django settings': [
    [
      'as startproject writes them, and with a server',
      {
        'mysite/settings.py': `
"""
Django settings for mysite project: DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'doc'}}
"""
import os
from pathlib import Path

# Build paths inside the project like this: BASE_DIR / 'subdir'.
BASE_DIR = Path(__file__).resolve().parent.parent

DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.sqlite3',
        'NAME': BASE_DIR / 'db.sqlite3',
    },
    'reports': {
        'ENGINE': 'django.db.backends.postgresql',
        'NAME': os.environ.get('REPORTS_DB', 'reports'),
        'USER': "mydatabaseuser",
        'PASSWORD': r'my"pa\\ss',
        'HOST': '127.0.0.1',
        'PORT': 5433,
        'OPTIONS': {'sslmode': 'require'},
    },
    'old': {'ENGINE': 'django.db.backends.mysql', 'NAME': 'old', 'PASSWORD': 'secret'},
}
`,
      },
      [
        'db = SQLite db.sqlite3 (mysite/settings.py:12, db.sqlite3)',
        'reports = PostgreSQL mydatabaseuser:my"pa\\ss@127.0.0.1:5433/reports require (mysite/settings.py:16)',
        'MySQL = MySQL ? (mysite/settings.py:25) ! MySQL is not supported yet',
      ],
      ['db.sqlite3'],
    ],
    [
      'settings in parts, old paths, URLs by django-environ and dj-database-url, variables',
      {
        '.env': 'DB_NAME=from_env\nDATABASE_URL=postgres://env@localhost/environ\n',
        'site/settings/base.py': `
import os, environ
BASE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
env = environ.Env(DEBUG=(bool, False))
DATABASES = {"default": env.db("DATABASE_URL", default="sqlite:///fallback.db"), "second": env.db_url("SECOND_URL", default=f"sqlite:///{BASE_DIR}/second.db")}
`,
        'site/settings/local.py': `
from .base import *
DATABASES['default'] = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.path.join(BASE_DIR, 'local.sqlite3')}
DATABASES['url'] = dj_database_url.config(env='NOT_SET', default='postgres://u:p@localhost:5434/'
    'two_parts')
`,
        'site/settings/prod.py': `
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.postgresql_psycopg2',
    'NAME': os.environ['DB_NAME'], 'USER': config('DB_USER', default='u'), 'HOST': os.getenv('DB_HOST'),
    'PASSWORD': open('/run/secrets/db').read(),
}}
`,
        'test_settings.py':
          "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n",
        'broken/settings.py': "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME':\n",
      },
      [
        'environ = PostgreSQL env@localhost:5432/environ (.env:2, site/settings/base.py:5)',
        'second = SQLite second.db (site/settings/base.py:5, second.db)',
        'local = SQLite local.sqlite3 (site/settings/local.py:3, local.sqlite3)',
        'two_parts = PostgreSQL u:p@localhost:5434/two_parts (site/settings/local.py:4)',
        'PostgreSQL = PostgreSQL ? (site/settings/prod.py:2) ! Nothing in this workspace sets the variable DB_HOST',
      ],
      ['second.db', 'local.sqlite3'],
    ],
  ],
});
