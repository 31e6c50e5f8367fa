import { startPostgres } from '../../support/postgresServer.ts';
import { describeWitnesses } from './witnessSuite.ts';
import { sampleParts } from '../../support/sample.ts';

describe('witnesses: pg_dump 18 from npm and sorted COPY, on PostgreSQL 18', function () {
  sampleParts(this, Infinity);
  describeWitnesses({
    version: 180000,
    by: 'npm',
    faults: [
      // CREATE TABLE … INHERITS puts the parent's columns first, wherever they stood; INSERT by position then fails.
      'Name: a_late_child; Type: TABLE; Schema: tables; Owner: postgres',
      'rows of tables.a_late_child',
      // The package asks for INSERT statements, and in those -0 is 0.
      'rows of data."010 real"',
      'rows of data."011 double precision"',
    ],
    start: () => startPostgres(),
  });
});
