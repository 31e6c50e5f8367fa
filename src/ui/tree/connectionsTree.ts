import * as vscode from 'vscode';
import { describeError, RestorePointError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { TableSummary } from '../../core/manifest.ts';
import type { Connection } from '../connections/connection.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import type { SessionCache } from '../connections/sessionCache.ts';
import {
  columnItem,
  connectionItem,
  messageItem,
  schemaItem,
  tableItem,
  type ConnectionNode,
  type ConnectionsNode,
  type ConnectionState,
  type TableNode,
} from './connectionNodes.ts';

const closed: ConnectionState = { status: 'closed' };

/** The Connections view: connection, schema (if the engine has them), table, column. Loads on expansion. */
export class ConnectionsTree implements vscode.TreeDataProvider<ConnectionsNode>, vscode.Disposable {
  readonly #store: ConnectionStore;
  readonly #sessions: SessionCache;
  readonly #logger: Logger;
  readonly #changed = new vscode.EventEmitter<ConnectionsNode | undefined>();
  readonly #subscription: vscode.Disposable;
  readonly #states = new Map<string, ConnectionState>();
  readonly #loads = new Map<string, Promise<LoadedState>>();
  #nodes = new Map<string, ConnectionNode>();
  #generation = 0;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(store: ConnectionStore, sessions: SessionCache, logger: Logger) {
    this.#store = store;
    this.#sessions = sessions;
    this.#logger = logger;
    this.#subscription = store.onDidChange(() => void this.#reload());
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  getTreeItem(node: ConnectionsNode): vscode.TreeItem {
    switch (node.kind) {
      case 'connection':
        return connectionItem(node, this.#stateOf(node.connection));
      case 'schema':
        return schemaItem(node);
      case 'table':
        return tableItem(node);
      case 'column':
        return columnItem(node);
      case 'message':
        return messageItem(node);
    }
  }

  getParent(): undefined {
    return undefined;
  }

  async getChildren(node?: ConnectionsNode): Promise<ConnectionsNode[]> {
    if (!node) return this.#connectionNodes();
    switch (node.kind) {
      case 'connection':
        return await this.#contentOf(node);
      case 'schema':
        return [...node.tables];
      case 'table':
        return await this.#columnsOf(node);
      case 'column':
      case 'message':
        return [];
    }
  }

  /** The node of a connection, to reveal it. */
  nodeOf({ key }: Connection): ConnectionNode | undefined {
    return this.#connectionNodes().find((node) => node.connection.key === key);
  }

  /** Forgets the contents of one connection or all, and reads what is expanded again. */
  refresh(connection?: Connection): void {
    this.#forget(connection);
    this.#changed.fire(connection && this.#nodes.get(connection.key));
  }

  /** Closes the session of a connection. Its contents are read again when it is expanded. */
  async disconnect(connection: Connection): Promise<void> {
    await this.#sessions.close(connection);
    this.#forget(connection);
    // An expanded node would reconnect at once, so it is replaced by a new, collapsed one.
    this.#nodes.delete(connection.key);
    this.#changed.fire(undefined);
  }

  #forget(connection?: Connection): void {
    for (const known of [this.#states, this.#loads]) {
      if (connection) known.delete(connection.key);
      else known.clear();
    }
  }

  #stateOf({ key }: Connection): ConnectionState {
    return this.#states.get(key) ?? closed;
  }

  /** A connection whose settings did not change keeps its node, and with it what is expanded below. */
  #connectionNodes(): ConnectionNode[] {
    const connections = vscode.workspace.isTrusted ? this.#store.list() : [];
    const before = this.#nodes;
    this.#nodes = new Map(
      connections.map((connection) => {
        const node = before.get(connection.key);
        const same =
          node?.connection.name === connection.name &&
          JSON.stringify(node.connection.item) === JSON.stringify(connection.item);
        if (same) return [connection.key, node];
        return [connection.key, { kind: 'connection', connection, generation: this.#generation++ }];
      }),
    );
    return [...this.#nodes.values()];
  }

  async #reload(): Promise<void> {
    await this.#sessions.closeAll();
    this.#forget();
    this.#changed.fire(undefined);
  }

  async #contentOf(node: ConnectionNode): Promise<ConnectionsNode[]> {
    const { key } = node.connection;
    const known = this.#states.get(key);
    if (known && known.status !== 'closed') return known.children;
    const load = this.#loads.get(key) ?? this.#load(node.connection);
    this.#loads.set(key, load);
    const state = await load;
    if (this.#loads.get(key) === load) {
      this.#loads.delete(key);
      this.#states.set(key, state);
      // The icon and text show the state. VS Code drops the children of a changed node, so the change is fired
      // before the children are returned.
      this.#changed.fire(node);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return state.children;
  }

  async #load(connection: Connection): Promise<LoadedState> {
    try {
      const tables = await this.#sessions.use(connection, (session) => session.listTables());
      return { status: 'open', children: nodesOf(connection, tables) };
    } catch (error) {
      this.#logger.error(`${connection.name}: ${describeError(error)}`, error);
      return { status: 'failed', error, children: [failure(connection, error)] };
    }
  }

  async #columnsOf({ connection, table }: TableNode): Promise<ConnectionsNode[]> {
    try {
      const described = await this.#sessions.use(connection, (session) => session.describeTable(table.name));
      return described.columns.map((column) => ({ kind: 'column', connection, table: described, column }));
    } catch (error) {
      this.#logger.error(`${connection.name}: ${describeError(error)}`, error);
      return [failure(connection, error)];
    }
  }
}

type LoadedState = Exclude<ConnectionState, { status: 'closed' }>;

function nodesOf(connection: Connection, tables: readonly TableSummary[]): ConnectionsNode[] {
  const nodes = tables.map((table): TableNode => ({ kind: 'table', connection, table }));
  if (nodes.length === 0) {
    return [message(connection, vscode.l10n.t('There are no tables in this database.'), false)];
  }
  if (!connection.usable?.engine.features.schemas) return nodes;
  const schemas = Map.groupBy(nodes, ({ table }) => table.name.schema ?? '');
  return [...schemas].map(([schema, own]) => ({ kind: 'schema', connection, schema, tables: own }));
}

function failure(connection: Connection, error: unknown): ConnectionsNode {
  const needs = RestorePointError.is(error) ? error.details.needs : undefined;
  const asked = needs === 'password' ? needs : undefined;
  return { kind: 'message', connection, text: describeError(error), failed: true, needs: asked };
}

function message(connection: Connection, text: string, failed: boolean): ConnectionsNode {
  return { kind: 'message', connection, text, failed };
}
