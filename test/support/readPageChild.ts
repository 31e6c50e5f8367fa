import { BackupContents } from '../../src/ui/viewer/backupContents.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';

/** Reads the first page of the first table of a backup, as the viewer does, and prints its values cut short. */
const contents = await BackupContents.open(process.argv[2]!, engineById, silentLogger);
const { rows } = await contents.readRows(0, 0, 100);
console.log(JSON.stringify(rows.map((row) => row.map((value) => [value?.length ?? 0, value?.slice(-40)]))));
await contents.close();
