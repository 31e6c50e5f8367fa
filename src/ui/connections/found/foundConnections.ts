import { existsSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Engine } from '../../../engines/engine.ts';
import {
  findDatabases,
  fitsUser,
  isSameDatabase,
  type BrokenFile,
  type FoundDatabase,
} from '../../../found/findDatabases.ts';
import type { EngineNames } from '../../../found/source.ts';
import type { ConnectionStore } from '../connectionStore.ts';
import { searchedFiles } from './searchedFiles.ts';

export interface FoundConnections {
  /** Without those that are connections already. */
  readonly databases: readonly FoundDatabase[];
  /** How many are connections already. */
  readonly known: number;
  readonly broken: readonly BrokenFile[];
}

/** The databases that files of the workspace and of the user name. Connects to none. */
export class FoundConnectionsFinder {
  readonly #engines: readonly Engine[];
  readonly #otherEngine: EngineNames['otherEngine'];
  readonly #store: ConnectionStore;

  constructor(engines: readonly Engine[], otherEngine: EngineNames['otherEngine'], store: ConnectionStore) {
    this.#engines = engines;
    this.#otherEngine = otherEngine;
    this.#store = store;
  }

  /** Throws `vscode.CancellationError`. */
  async find(token: vscode.CancellationToken): Promise<FoundConnections> {
    const searched = await searchedFiles(this.#engines, token);
    const resolving = {
      engines: { known: this.#engines, otherEngine: this.#otherEngine },
      parseUrl: (text: string) => this.#store.parseUrl(text),
      exists: existsInWorkspace,
    };
    const found = await findDatabases(searched, resolving, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (token.isCancellationRequested) throw new vscode.CancellationError();
    });
    const databases = found.databases.filter((database) => !this.#isKnown(database));
    return {
      databases,
      known: found.databases.length - databases.length,
      broken: [...searched.broken, ...found.broken],
    };
  }

  #isKnown({ engine, address }: FoundDatabase): boolean {
    if (!engine || !address) return false;
    return this.#store.list().some(({ usable }) => {
      const other = usable?.settings.address;
      return (
        other?.engine === engine.id && isSameDatabase(engine, other, address) && fitsUser(other, address)
      );
    });
  }
}

/** The databases that can be imported. */
export function importable(databases: readonly FoundDatabase[]): FoundDatabase[] {
  return databases.filter(({ problem, address }) => problem === undefined && address !== undefined);
}

/** Whether files of the workspace name it, and not only files of the user. */
export function isOfWorkspace({ places }: FoundDatabase): boolean {
  return places.some(({ folder }) => folder !== undefined);
}

function existsInWorkspace(file: string): boolean | undefined {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const isInside = folders.some(({ uri }) => file.startsWith(uri.fsPath + path.sep));
  return isInside ? existsSync(file) : undefined;
}
