import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { createTemporary, discard, publish } from '../../src/archive/publish.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { watchBoundaries } from '../support/faults/boundaries.ts';
import { FaultSet, withFaults } from '../support/faults/faultSet.ts';
import { failure } from '../support/errors.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

describe('publishing where files cannot be linked', () => {
  const folder = useTemporaryFolder();
  let unwatch: () => void;
  beforeEach(async () => void (unwatch = await watchBoundaries()));
  afterEach(() => unwatch());

  const link = 'fs link .dbbackup-part #1';

  async function publishWith(at: string[], another?: () => Promise<string>): Promise<string> {
    const temporary = await createTemporary(folder.file('x.dbbackup'), silentLogger);
    await temporary.handle.write('all of it');
    const faults = new FaultSet({ at, fails: true });
    try {
      return await withFaults(faults, () => publish(temporary, folder.file('x.dbbackup'), another));
    } finally {
      assert.equal(faults.fired, at.length);
      await discard(temporary);
    }
  }

  it('renames the file', async () => {
    await publishWith([link]);
    assert.deepEqual(await readdir(folder.path), ['x.dbbackup']);
  });

  for (const last of ['fs rename .dbbackup-part #1', 'file close #2', 'file sync #2']) {
    it(`leaves nothing under the final name when it fails at "${last}"`, async () => {
      await failure(publishWith([link, last]), 'file');
      assert.deepEqual(await readdir(folder.path), []);
    });
  }

  it('never takes a name that is taken', async () => {
    await publishWith([]);
    await failure(publishWith([link]), 'file');
    const other = folder.file('y.dbbackup');
    assert.equal(await publishWith([link], () => Promise.resolve(other)), other);
    assert.deepEqual((await readdir(folder.path)).toSorted(), ['x.dbbackup', 'y.dbbackup']);
  });
});
