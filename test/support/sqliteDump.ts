export { sqliteDump } from './sqliteWitness.ts';
