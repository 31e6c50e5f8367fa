import type { SessionFeatures } from '../../engine.ts';

/** SQLite has no server that could decide any of them. */
export const features: SessionFeatures = {
  schemas: false,
  createsDatabase: true,
  caseInsensitiveNames: true,
  transactionalDdl: true,
  isFile: true,
  readsBackupFirst: true,
};
