/** Every command of package.json; a unit test compares them. */
export const commandIds = [
  'restorePoint.backUpDatabase',
  'restorePoint.backUpSchema',
  'restorePoint.backUpTables',
  'restorePoint.backUpEncrypted',
  'restorePoint.restoreBackup',
  'restorePoint.undoRestore',
  'restorePoint.undoLastRestore',
  'restorePoint.verifyBackup',
  'restorePoint.salvageBackup',
  'restorePoint.showContents',
  'restorePoint.showStatements',
  'restorePoint.copyValue',
  'restorePoint.revealBackup',
  'restorePoint.deleteBackup',
  'restorePoint.addConnection',
  'restorePoint.editConnection',
  'restorePoint.removeConnection',
  'restorePoint.testConnection',
  'restorePoint.enterPassword',
  'restorePoint.enterPassphrase',
  'restorePoint.retryConnection',
  'restorePoint.disconnect',
  'restorePoint.refresh',
  'restorePoint.showLog',
] as const;

export type CommandId = (typeof commandIds)[number];
