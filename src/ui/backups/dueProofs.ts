import { createHash } from 'node:crypto';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { Proofs } from '../../backup/proofs.ts';
import { stateFolder } from '../../backup/stateFolder.ts';
import type { BackupFile } from '../../backup/backupFiles.ts';
import { describeError, messageOf } from '../../core/errors.ts';
import type { ProofReport } from '../../restore/proveBackup.ts';
import { dueProof } from '../../schedule/proofDue.ts';
import { RunLock } from '../../schedule/runLock.ts';
import { openBackup } from '../commands/openBackup.ts';
import { knownServer, otherServer, showProof } from '../commands/proveCommand.ts';
import type { Connection } from '../connections/connection.ts';
import type { Services } from '../services.ts';
import { proveInterval } from '../settings.ts';
import { isBackupOf } from './backupOrigin.ts';

/** How often the clock is looked at: timers stand still while a computer sleeps. */
const lookEvery = 10 * 60_000;
/** Changes of files and settings come in bursts. */
const quietMilliseconds = 3_000;
/** A proof that could not be tried is tried again after so long. */
const retryAfter = 60 * 60_000;

/** Proves the newest backup of each connection when its setting `prove` says so, one at a time, in one of several windows. */
export class DueProofs implements vscode.Disposable {
  readonly #services: Services;
  readonly #proofs: Proofs;
  readonly #subscriptions: readonly vscode.Disposable[];
  readonly #stopped = new AbortController();
  /** By the key of a connection: when it could not be tried. */
  readonly #failures = new Map<string, number>();
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(services: Services) {
    this.#services = services;
    this.#proofs = new Proofs(stateFolder(), services.log);
    const soon = (): void => this.#lookIn(quietMilliseconds);
    this.#subscriptions = [
      services.backups.onDidChange(soon),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('restorePoint')) soon();
      }),
    ];
    soon();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** Cancels a proof that runs, and resolves when its scratch database is dropped. */
  async stop(): Promise<void> {
    this.dispose();
    await this.#looking;
  }

  #lookIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, milliseconds);
  }

  async #look(): Promise<void> {
    try {
      const { store } = this.#services;
      const wanted = vscode.workspace.isTrusted
        ? store.list().filter((connection) => proveInterval(connection) !== 'never')
        : [];
      for (const connection of wanted) await this.#proveDue(connection);
    } catch (error) {
      this.#services.log.error(
        `Could not check which backups are due to be proved: ${messageOf(error)}`,
        error,
      );
    }
    this.#lookIn(lookEvery);
  }

  async #proveDue(connection: Connection): Promise<void> {
    const failed = this.#failures.get(connection.key);
    if (failed !== undefined && Date.now() - failed < retryAfter) return;
    if (!(await this.#dueFile(connection))) return;
    const name = createHash('sha256').update(connection.key).digest('hex').slice(0, 16);
    const release = await new RunLock(path.join(stateFolder(), 'proving'), name).take();
    if (!release) return;
    try {
      // Another window may have proved it since.
      const backup = await this.#dueFile(connection);
      if (backup) await this.#prove(connection, backup);
    } finally {
      await release();
    }
  }

  async #dueFile(connection: Connection): Promise<BackupFile | undefined> {
    const { backups } = this.#services;
    const [files, proofs] = [await backups.list(), await this.#proofs.all()];
    const own = files.filter((backup) => isBackupOf(this.#services, connection, backup));
    const proofOf = ({ fingerprint = '', seal = '' }: BackupFile) =>
      proofs.get(fingerprint) ?? proofs.get(seal);
    return dueProof(proveInterval(connection), own, proofOf, Date.now());
  }

  async #prove(connection: Connection, { file }: BackupFile): Promise<void> {
    const { log, backupsTree } = this.#services;
    log.info(`Proving the newest backup of ${connection.name}: ${file}`);
    try {
      const report = await this.#run(connection, file);
      this.#failures.delete(connection.key);
      if (report.proved) log.info(`Proved: ${file}`);
      else showProof(this.#services, report);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.#failures.set(connection.key, Date.now());
      log.warn(`The newest backup of ${connection.name} could not be proved: ${describeError(error)}`);
    } finally {
      backupsTree.showAges();
    }
  }

  /** Asks nothing: what would need an answer is not proved. */
  async #run(connection: Connection, file: string): Promise<ProofReport> {
    const { connector, workers, backups, log } = this.#services;
    const { manifest, keys } = await openBackup(this.#services, file, { ask: false, connection });
    const { features } = this.#services.engineById(manifest.source.engine);
    const server = features.isFile
      ? undefined
      : await connector.access(knownServer(this.#services) ?? connection, { ask: false });
    const task = {
      ...{ file, otherServer },
      ...(keys ? { keys: await keys.known() } : {}),
      ...(server ? { server } : {}),
    };
    const mayRun = (): Promise<boolean> => {
      log.warn(`${file} was not made on this machine: use Prove Backup to read its statements first`);
      return Promise.resolve(false);
    };
    const options = { signal: this.#stopped.signal, logger: log };
    return await backups.noting(workers.prove(task, { mayRun }, options));
  }
}
