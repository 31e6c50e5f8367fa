import { BackupContents } from '../../src/ui/viewer/backupContents.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { valueText } from '../../src/core/values.ts';

/** Reads the first page of the first table of a backup, as the viewer does, and prints its values cut short. */
const contents = await BackupContents.open(process.argv[2]!, engineById, silentLogger);
const { rows } = await contents.readRows(0, { after: 0, limit: 100, longest: 2000 });
console.log(
  JSON.stringify(
    rows.map((row) => row.map((value) => [valueText(value)?.length ?? 0, valueText(value)?.slice(-40)])),
  ),
);
await contents.close();
