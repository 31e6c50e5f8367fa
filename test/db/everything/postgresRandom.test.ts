import pg from 'pg';
import { messageOf } from '../../../src/core/errors.ts';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import {
  assertSameTestimony,
  ensureDebianPostgres,
  type PgDumpClient,
  testimonyOf,
} from '../../support/postgresWitness.ts';
import { randomCase, type RandomCase } from '../../support/randomPostgres.ts';
import { randomSource, seededSource } from '../../support/randomSource.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { backUpUrl, restoreUrl, runSql } from './postgresRoundTrip.ts';
import { casesOf, sampleParts } from '../../support/sample.ts';

/** Cases for each version, to take a minute at most; each comes back three times. CASES=n in the environment asks for more. */
const cases = casesOf(100, 5);
/** Cases share a database, each in schemas of its own: asking the witness costs more than a case. */
const casesPerDatabase = 50;
/** Of a database that did not come back, so many cases are found that do not come back alone either. */
const blamedCases = 3;

interface NumberedCase extends RandomCase {
  /** What makes it again, with CASES=1. */
  readonly seed: number;
}

for (const [version, by, binaries] of [
  [150000, 'debian', ensureDebianPostgres],
  [180000, 'npm', () => undefined],
] as const satisfies readonly (readonly [number, PgDumpClient, () => string | undefined])[]) {
  const title = `whatever a database holds comes back, PostgreSQL ${version / 10000}`;

  describe(title, function () {
    sampleParts(this, version === 180000 ? 1 : Infinity);
    const folder = useTemporaryFolder();
    const { seed } = randomSource(title);
    let server: PostgresServer;
    let databases = 0;

    before(async () => {
      const folderOfBinaries = binaries();
      server = await startPostgres(folderOfBinaries === undefined ? {} : { binaries: folderOfBinaries });
    });

    after(() => server.stop());

    /** In an empty database, over other rows, and over lost objects. */
    async function comeBack(made: readonly RandomCase[]): Promise<void> {
      databases += 1;
      const names = [`source_${databases}`, `target_${databases}`] as const;
      const [source, target] = [await server.createDatabase(names[0]), await server.createDatabase(names[1])];
      await runScripts(
        source,
        made.map(({ make }) => make),
      );
      const expected = await testimonyOf(source, by);
      const { file } = await backUpUrl(source, folder.file(`${databases}.dbbackup`));
      const restoreInto = async (url: string, damage: readonly string[]): Promise<void> => {
        await runSql(url, ['SET session_replication_role = replica', ...damage].join(';\n'));
        await restoreUrl(file, url);
        assertSameTestimony(await testimonyOf(url, by), expected);
      };
      await restoreInto(target, []);
      await restoreInto(
        source,
        made.flatMap(({ rowDamage }) => rowDamage),
      );
      await restoreInto(
        source,
        made.flatMap(({ objectDamage }) => objectDamage),
      );
      for (const name of names) await runSql(server.url, `DROP DATABASE ${name}`);
    }

    /** The cases that do not come back by themselves, with the errors. */
    async function findCulprits(made: readonly NumberedCase[]): Promise<string> {
      const found: string[] = [];
      for (const one of made) {
        if (found.length === blamedCases) break;
        await comeBack([one]).catch((error: unknown) => {
          found.push(
            `Repeat it with SEED=${one.seed} CASES=1: ${messageOf(error)}\n${one.make.slice(0, 4000)}`,
          );
        });
      }
      return found.length > 0 ? found.join('\n\n') : 'None of them fails alone.';
    }

    for (let first = 0; first < cases; first += casesPerDatabase) {
      const last = Math.min(first + casesPerDatabase, cases);
      it(`cases ${first + 1} to ${last}`, async function () {
        const made = Array.from({ length: last - first }, (_, index) => {
          const number = first + index;
          return { ...randomCase(seededSource(seed + number), number, version), seed: seed + number };
        });
        await comeBack(made).catch(async (error: unknown) => {
          this.timeout(0);
          const culprits = await findCulprits(made);
          const again = `SEED=${seed + first} CASES=${made.length}`;
          throw new Error(`${again}: ${messageOf(error)}\n\n${culprits}`, { cause: error });
        });
      });
    }
  });
}

async function runScripts(url: string, scripts: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const script of scripts) await client.query(script);
  } finally {
    await client.end();
  }
}
