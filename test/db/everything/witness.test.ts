import { startPostgres } from '../../support/postgresServer.ts';
import { ensureDebianPostgres } from '../../support/postgresWitness.ts';
import { describeWitnesses } from './witnessSuite.ts';
import { sampleParts } from '../../support/sample.ts';

describe('witnesses: Debian’s pg_dump and sorted COPY, on PostgreSQL 15', function () {
  sampleParts(this, Infinity);
  describeWitnesses({
    version: 150000,
    by: 'debian',
    // CREATE TABLE … INHERITS puts the parent's columns first, wherever they stood.
    faults: [
      'rows of tables.a_late_child',
      'Name: a_late_child; Type: TABLE; Schema: tables; Owner: postgres',
    ],
    start: () => startPostgres({ binaries: ensureDebianPostgres() }),
  });
});
