import { compose } from './sources/compose.ts';
import { django } from './sources/django.ts';
import { dotenv } from './sources/dotenv.ts';
import { knexfile } from './sources/knexfile.ts';
import { prisma } from './sources/prisma.ts';
import { serviceFile } from './sources/serviceFile.ts';
import { databaseClient, settings } from './sources/settings.ts';
import { sqlAlchemy } from './sources/sqlAlchemy.ts';
import type { Source, SourceFile } from './source.ts';

/** The sources that read a file. */
export function readsFile(source: Source, { kind, path }: SourceFile): boolean {
  return kind === 'services' ? source === serviceFile : source.matches(path);
}

/** Every kind of file that is read. Where several name a database, the first one names it in lists. */
export const sources: readonly Source[] = [
  ...[dotenv, prisma, knexfile, django, sqlAlchemy, compose],
  ...[settings, databaseClient, serviceFile],
];
