import type { DatabaseSchema } from '../../../core/schema.ts';
import type { StatementObstacle, StatementRules } from '../../../core/statementRules.ts';
import { accessIn } from '../schema/extras.ts';
import type { PostgresObject } from '../schema/postgresObject.ts';
import { planUsualObjects } from './usualObjects.ts';

/** Statements name roles, and run as one. */
export const statementRules: StatementRules = {
  obstacleTo,
  isGiven: ({ usual }: PostgresObject) => usual !== undefined,
  planGiven: planUsualObjects,
};

function obstacleTo(
  { roles = [], actsAs, as, superuser = false }: PostgresObject,
  schema: DatabaseSchema,
): StatementObstacle | undefined {
  const access = accessIn(schema);
  if (!access) return undefined;
  const because = (reason: string): StatementObstacle => ({ reason, shown: superuser });
  const gone = roles.filter((role) => !access.roles.includes(role));
  if (gone.length > 0) return because(`there is no role ${gone.join(', ')}`);
  if (access.superuser) return undefined;
  const foreign = [actsAs, as].filter((role) => role !== undefined && !access.actsAs.includes(role));
  if (foreign.length > 0) return because(`the user is not a member of the role ${foreign.join(', ')}`);
  return superuser ? because('only a superuser can create it') : undefined;
}
