import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { engines, parseDatabaseUrl } from '../../src/engines/registry.ts';
import { Connector } from '../../src/ui/connections/connector.ts';
import { ConnectionStore } from '../../src/ui/connections/connectionStore.ts';
import { Passwords } from '../../src/ui/connections/passwords.ts';
import { SessionCache } from '../../src/ui/connections/sessionCache.ts';
import { Log } from '../../src/ui/log.ts';
import type { ConnectionNode, ConnectionsNode } from '../../src/ui/tree/connectionNodes.ts';
import { ConnectionsTree } from '../../src/ui/tree/connectionsTree.ts';
import { secretsInMemory, useConnections } from './settings.ts';
import { useFreshShop, workspaceFolder } from './shop.ts';

/** What a person reads of each node: `label | description`. */
function textsOf(tree: ConnectionsTree, nodes: readonly ConnectionsNode[]): string[] {
  return nodes.map((node) => {
    const item = tree.getTreeItem(node);
    return [item.label, item.description].filter(Boolean).map(String).join(' | ');
  });
}

describe('the tree of connections', () => {
  useFreshShop();
  const settings = useConnections();
  let log: Log;
  let store: ConnectionStore;
  let sessions: SessionCache;
  let tree: ConnectionsTree;

  beforeEach(() => {
    log = new Log();
    store = new ConnectionStore(engines, parseDatabaseUrl);
    sessions = new SessionCache(new Connector(new Passwords(secretsInMemory()), log), log);
    tree = new ConnectionsTree(store, sessions, log);
  });

  afterEach(async () => {
    tree.dispose();
    await sessions.closeAll();
    store.dispose();
    log.dispose();
  });

  async function connectionNode(id: string): Promise<ConnectionNode> {
    const nodes = (await tree.getChildren()) as ConnectionNode[];
    const found = nodes.find((node) => node.connection.id === id);
    assert.ok(found, `there is no ${id}`);
    return found;
  }

  it('shows the connection of the workspace with its tables, and their columns', async () => {
    const roots = await tree.getChildren();
    assert.deepEqual(textsOf(tree, roots), ['Shop (SQLite) | shop.db']);
    const tables = await tree.getChildren(roots[0]);
    const texts = textsOf(tree, tables);
    assert.deepEqual(
      texts.map((text) => text.replace(/ · [\d.]+ KB$/, '')),
      [
        'customers | 40 rows',
        'products | 25 rows',
        'orders | 120 rows',
        'order_lines | 288 rows',
        'orders_audit | 314 rows',
      ],
    );
    assert.deepEqual(textsOf(tree, await tree.getChildren(tables[3])), [
      'order_id | INTEGER · primary key · → orders',
      'line_no | INTEGER · primary key',
      'product_id | INTEGER · → products · not null',
      'quantity | INTEGER · not null',
      'unit_price | DECIMAL(10,2) · not null',
    ]);
  });

  it('says on the node why a connection fails, and tries again when it is refreshed', async () => {
    const file = join(workspaceFolder, 'missing.db');
    await settings.add({ id: 'missing', engine: 'sqlite', file });
    const node = await connectionNode('missing');
    const [message] = await tree.getChildren(node);
    assert.equal(message?.kind, 'message');
    const item = tree.getTreeItem(node);
    assert.match(String(item.description), /does not exist/);
    assert.match(item.contextValue ?? '', /failed$/);
    await vscode.workspace.fs.copy(vscode.Uri.file(join(workspaceFolder, 'shop.db')), vscode.Uri.file(file));
    tree.refresh(node.connection);
    const tables = await tree.getChildren(node);
    assert.equal(tables.length, 5);
    await vscode.workspace.fs.delete(vscode.Uri.file(file));
  });

  it('shows what is wrong with settings instead of hiding the connection', async () => {
    await settings.add({ id: 'secret', engine: 'postgres', host: 'localhost', password: 'hunter2' });
    const node = await connectionNode('secret');
    const item = tree.getTreeItem(node);
    assert.match(String(item.description), /Settings must not contain a password/);
    assert.match(item.contextValue ?? '', /\bunusable\b/);
    assert.doesNotMatch(JSON.stringify(item), /hunter2/);
  });

  it('shows schemas and tables of PostgreSQL', async () => {
    await settings.add({ id: 'server', name: 'Server', url: '${env:RESTORE_POINT_TEST_POSTGRES}' });
    const node = await connectionNode('server');
    const children = await tree.getChildren(node);
    assert.match(tree.getTreeItem(node).contextValue ?? '', /^connection server schemas open$/);
    assert.ok(children.every(({ kind }) => kind === 'schema' || kind === 'message'));
  });
});
