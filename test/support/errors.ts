import assert from 'node:assert/strict';
import { type ErrorCode, RestorePointError } from '../../src/core/errors.ts';

/** What the work failed with, which must be one of the project's errors and of this code. */
export async function failure(work: Promise<unknown>, code: ErrorCode): Promise<RestorePointError> {
  const outcome: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome === undefined) assert.fail('it did not fail');
  if (!RestorePointError.is(outcome))
    throw new Error('it failed with an error of somebody else', { cause: outcome });
  assert.equal(outcome.code, code, outcome.stack);
  return outcome;
}
