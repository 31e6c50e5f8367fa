import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import packageJson from '../../package.json' with { type: 'json' };
import { startCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

describe('the command line on an old Node.js', () => {
  const folder = useTemporaryFolder();
  const [major, minor] = packageJson.engines.node.slice('>='.length).split('.').map(Number) as [
    number,
    number,
  ];

  async function runOn(version: string): Promise<{ code: number | null; stderr: string }> {
    const pretend = folder.file('pretend.cjs');
    await writeFile(
      pretend,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
    );
    return startCli(['--help'], { env: { NODE_OPTIONS: `--require ${pretend}` } });
  }

  for (const version of [`${major - 1}.99.0`, `${major}.${minor - 1}.9`]) {
    it(`says on ${version} what it needs`, async () => {
      const { code, stderr } = await runOn(version);
      assert.equal(code, 2);
      assert.match(
        stderr,
        new RegExp(`Node\\.js ${major}\\.${minor} or newer is required, but /.* is ${version}`),
      );
    });
  }

  for (const version of [`${major}.${minor}.0`, `${major + 1}.0.0`]) {
    it(`runs on ${version}`, async () => {
      const { code, stderr } = await runOn(version);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    });
  }
});
