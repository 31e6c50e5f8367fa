import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { writeNewFile } from '../../src/archive/writeNewFile.ts';
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
    const faults = new FaultSet({ at, fails: true });
    const options = { logger: silentLogger, ...(another ? { another } : {}) };
    const written = withFaults(faults, () =>
      writeNewFile(folder.file('x.dbbackup'), options, (sink) => sink.write([Buffer.from('all of it')])),
    );
    try {
      return (await written).file;
    } finally {
      assert.equal(faults.fired, at.length);
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
