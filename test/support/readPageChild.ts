import { BackupContents } from '../../src/ui/viewer/backupContents.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { type Value, valueText } from '../../src/core/values.ts';

/** Reads the first page of the first table of a backup, as the viewer does, and prints how its values end and what was cut. */
const contents = await BackupContents.open(process.argv[2]!, engineById, silentLogger);
const { rows } = await contents.readRows(0, { after: 0, limit: 100, longest: 2000 });
console.log(JSON.stringify(rows.map((row) => row.map(endOf))));
await contents.close();

function endOf(value: Value): { end?: string; cutFrom?: number } {
  const text = valueText(value);
  const cut = value !== null && 'cutFrom' in value ? { cutFrom: value.cutFrom! } : {};
  return { ...(text === undefined ? {} : { end: text.slice(-10) }), ...cut };
}
