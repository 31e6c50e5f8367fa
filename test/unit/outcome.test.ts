import assert from 'node:assert/strict';
import { describeError, RestorePointError } from '../../src/core/errors.ts';
import { withOutcome } from '../../src/core/outcome.ts';

const failed = new RestorePointError('database', 'It failed', { next: 'Try again.' });

describe('the error of a restore', () => {
  it('says that nothing was changed where that is known', () => {
    const error = withOutcome(failed, { state: 'unchanged' });
    assert.equal(describeError(error), 'It failed. Nothing was changed. Try again.');
  });

  it('says that it is not known, whatever it said before, and keeps the second error', () => {
    const cause = new Error('the line is dead');
    const sure = failed.with({ unchanged: 'Nothing was changed.' });
    const error = withOutcome(sure, { state: 'unknown', cause });
    assert.match(describeError(error), /It is not known .* could not be confirmed \(the line is dead\)/);
    assert.match(describeError(error), /rolls back unfinished transactions automatically\./);
    assert.doesNotMatch(describeError(error), /Nothing was changed/);
    assert.ok(RestorePointError.is(error, 'database'));
    assert.equal(error.details.suppressed, cause);
    assert.equal(error.details.next, 'Try again.');
  });

  it('says it in its own words where it is the error of a COMMIT that was not answered', () => {
    const lost = failed.with({ unchanged: 'Whether they were made is not known.' });
    assert.equal(withOutcome(lost, { state: 'unknown', cause: lost }), lost);
  });

  it('says what is not as it was', () => {
    const what = 'Two tables were made and are still there.';
    assert.equal(
      describeError(withOutcome(failed, { state: 'changed', what })),
      `It failed. ${what} Try again.`,
    );
  });

  it('becomes one of ours where nobody would tell otherwise', () => {
    const error = withOutcome(new Error('a fault'), { state: 'unknown', cause: new Error('another') });
    assert.ok(RestorePointError.is(error, 'database'));
    assert.match(describeError(error), /^a fault\. It is not known/);
  });
});
