import type { TableName } from './names.ts';

/** The steps of the work, in the order in which they can happen. */
export type Phase =
  | 'connect'
  | 'check'
  | 'plan'
  | 'snapshot'
  | 'read'
  | 'publish'
  | 'prepare'
  | 'compare'
  | 'load'
  | 'constraints'
  | 'verify'
  | 'commit'
  | 'rollback';

/** One step of progress. Rows and bytes are running totals, of the table where one is named, else of the phase. */
export interface ProgressEvent {
  readonly phase: Phase;
  readonly table?: TableName;
  /** Which table of how many, counted from 1. */
  readonly tableNumber?: number;
  readonly tableCount?: number;
  readonly rows?: number;
  readonly totalRows?: number;
  readonly bytes?: number;
  readonly totalBytes?: number;
  /** How much of the whole phase is done, from 0 to 1, where the sender knows better than the counts tell. */
  readonly fraction?: number;
}

export type ReportProgress = (event: ProgressEvent) => void;

export const phaseTitles: Readonly<Record<Phase, string>> = {
  connect: 'Connecting',
  check: 'Checking the backup',
  plan: 'Checking what would change',
  snapshot: 'Taking a snapshot',
  read: 'Reading',
  publish: 'Writing the file',
  prepare: 'Preparing the tables',
  compare: 'Comparing',
  load: 'Restoring',
  constraints: 'Checking constraints',
  verify: 'Verifying',
  commit: 'Committing',
  rollback: 'Rolling back',
};
