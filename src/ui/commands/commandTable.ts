import * as vscode from 'vscode';
import type { ErrorBoundary } from '../errorBoundary.ts';
import type { CommandId } from './commandIds.ts';

export interface Command {
  /** A noun for messages: "Backup failed…", "Backup cancelled." */
  readonly operation: string;
  /** The arguments from VS Code: none, a tree node and the selection, a file and the selection, or an object. */
  run(first?: unknown, second?: unknown): Promise<unknown>;
}

/** A handler for every command of package.json. */
export type CommandTable = Readonly<Record<CommandId, Command>>;

/**
 * Registers commands. The error boundary reports errors and the command resolves with undefined. A caller that passes
 * `{ quiet: true }` gets the report or the error instead and shows it itself.
 */
export function registerCommands(table: CommandTable, boundary: ErrorBoundary): vscode.Disposable {
  const registered = Object.entries(table).map(([id, command]) =>
    vscode.commands.registerCommand(id, (first?: unknown, second?: unknown) =>
      isQuiet(first)
        ? command.run(first, second)
        : boundary.run(command.operation, () => command.run(first, second)),
    ),
  );
  return vscode.Disposable.from(...registered);
}

export function isQuiet(argument: unknown): boolean {
  return typeof argument === 'object' && argument !== null && 'quiet' in argument && argument.quiet === true;
}
