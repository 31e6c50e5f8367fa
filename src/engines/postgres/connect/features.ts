import type { SessionFeatures } from '../../engine.ts';

/** They are the same on every server. */
export const features: SessionFeatures = {
  schemas: true,
  createsDatabase: false,
  caseInsensitiveNames: false,
  transactionalDdl: true,
  isFile: false,
};
