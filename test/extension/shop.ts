import { existsSync, readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as vscode from 'vscode';
import { makeShopDatabase } from '../support/sampleWorkspace.ts';

/** The sample workspace that is open. */
export const workspaceFolder = vscode.workspace.workspaceFolders![0]!.uri.fsPath;

export const shopFile = join(workspaceFolder, 'shop.db');

export const backupFolder = join(workspaceFolder, 'backups');

/** Inside a mocha `describe`: the shop as it was made, and no backups, before each test. */
export function useFreshShop(): void {
  beforeEach(async () => {
    await makeShopDatabase(shopFile);
    await rm(backupFolder, { recursive: true, force: true });
  });
}

/** Runs SQL statements on the shop, as another program would. */
export function changeShop(sql: string): void {
  withShop((shop) => shop.exec(sql));
}

/** Every row of every table, with types, and the AUTOINCREMENT counters; equal for equal databases. */
export function readShop(): Record<string, unknown[]> {
  return withShop((shop) => {
    const tables = shop.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return Object.fromEntries(
      tables.map(({ name }) => {
        const statement = shop.prepare(`SELECT rowid AS "row id", * FROM "${String(name)}" ORDER BY 1`);
        statement.setReadBigInts(true);
        return [String(name), statement.all()];
      }),
    );
  });
}

export function countRows(table: string): number {
  return withShop((shop) => Number(shop.prepare(`SELECT count(*) AS n FROM "${table}"`).get()!['n']));
}

function withShop<Result>(work: (shop: DatabaseSync) => Result): Result {
  const shop = new DatabaseSync(shopFile);
  try {
    return work(shop);
  } finally {
    shop.close();
  }
}

/** Names in the backup folder, hidden ones too. */
export async function filesInBackupFolder(): Promise<string[]> {
  return existsSync(backupFolder) ? await readdir(backupFolder) : [];
}

/** Resolves as soon as a file whose name ends so is in the folder. */
export async function untilFileAppears(folder: string, end: string): Promise<void> {
  while (!existsSync(folder) || !readdirSync(folder).some((name) => name.endsWith(end))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Calls a command as another extension would: it resolves with its report and rejects with its error. */
export async function call<Report>(
  command: string,
  argumentsObject: Readonly<Record<string, unknown>>,
): Promise<Report> {
  return await vscode.commands.executeCommand<Report>(`restorePoint.${command}`, {
    ...argumentsObject,
    quiet: true,
  });
}

/** The fields of a `RestorePointError`, whose class here is not that of the extension's bundle. */
export interface ReportedError extends Error {
  readonly code: string;
  readonly details: {
    readonly place?: { readonly table?: string; readonly row?: number };
    readonly unchanged?: string;
    readonly next?: string;
    readonly tables?: readonly string[];
    readonly mayPass?: boolean;
    readonly salvageable?: boolean;
  };
}

/** The error that a command rejects with. */
export async function errorOf(work: Promise<unknown>): Promise<ReportedError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error && error.name === 'RestorePointError') return error as ReportedError;
  throw new Error(`There was no RestorePointError but ${String(error)}`, { cause: error });
}
