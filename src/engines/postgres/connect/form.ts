import type { ConnectionForm } from '../../../core/connectionForm.ts';
import { localizable } from '../../../core/localizable.ts';

export const form: ConnectionForm = {
  properties: ['host', 'port', 'database', 'user', 'ssl', 'sslRootCert'],
  required: [],
  summary: localizable('host, database, user'),
  questions: [
    {
      kind: 'host',
      prompt: localizable('Host of the server, with its port if it is not the default'),
      placeholder: 'localhost:5432',
    },
    { kind: 'text', property: 'database', prompt: localizable('Database name') },
    { kind: 'text', property: 'user', prompt: localizable('User name') },
    { kind: 'ssl' },
  ],
  exampleUrl: 'postgres://user@host/database',
  otherPasswords: 'PGPASSWORD or a password from your password file',
  elsewhere: {
    names: [
      ...['postgres', 'postgresql', 'pgsql', 'pg', 'pg-native', 'pgnative', 'postgis'],
      ...['psycopg', 'psycopg2', 'asyncpg', 'postgresql_psycopg2', 'postgresql_backend'],
    ],
    variables: {
      host: ['PGHOST'],
      port: ['PGPORT'],
      database: ['PGDATABASE'],
      user: ['PGUSER'],
      password: ['PGPASSWORD'],
      sslmode: ['PGSSLMODE'],
      sslrootcert: ['PGSSLROOTCERT'],
    },
    container: {
      images: ['postgres', 'postgresql', 'postgis', 'timescaledb', 'timescaledb-ha', 'pgvector'],
      port: 5432,
      variables: {
        database: ['POSTGRES_DB', 'POSTGRESQL_DATABASE'],
        user: ['POSTGRES_USER', 'POSTGRESQL_USERNAME'],
        password: ['POSTGRES_PASSWORD', 'POSTGRESQL_PASSWORD'],
      },
      user: 'postgres',
    },
  },
};
