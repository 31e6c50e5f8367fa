import assert from 'node:assert/strict';
import * as vscode from 'vscode';

describe('extension host', () => {
  it('has the VS Code API, a workspace and a database server for the tests', () => {
    assert.match(vscode.version, /^\d+\.\d+\.\d+/);
    assert.equal(vscode.workspace.workspaceFolders?.length, 1);
    assert.match(process.env.RESTORE_POINT_TEST_POSTGRES ?? '', /^postgres:\/\//);
  });
});
