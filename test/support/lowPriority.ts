/** Runs a script of Node with the lowest priority: `node lowPriority.ts SCRIPT ARGUMENTS…`. */
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

setPriority(constants.priority.PRIORITY_LOW);
process.argv.splice(1, 1);
await import(pathToFileURL(resolve(process.argv[1]!)).href);
