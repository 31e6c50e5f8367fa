import * as vscode from 'vscode';
import { parseSchedule } from '../../schedule/schedule.ts';
import { upcoming } from '../../schedule/runner.ts';
import { type Connection, usableOf } from '../connections/connection.ts';
import type { ConnectionItem } from '../connections/connectionStore.ts';
import { alone, answered, askConnection } from '../prompts/choices.ts';
import { askOne, separator, type Choice, type Separator } from '../prompts/inputs.ts';
import { type ScheduleAnswers, scheduleSteps, textOf } from '../prompts/scheduleSteps.ts';
import { askInSteps, back, type Step } from '../prompts/steps.ts';
import { scheduleText } from '../schedule/scheduleText.ts';
import { statusLines } from '../schedule/statusBar.ts';
import type { Services } from '../services.ts';
import { someConnections } from './chooseConnection.ts';
import { connectionArgument, textArgument } from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';

interface Answers extends ScheduleAnswers {
  readonly connection?: Connection;
}

/** `scheduleBackups` can be called with `{ connection: 'id', schedule: 'daily 03:00' }`; an empty schedule turns it off. */
export function scheduleCommands(
  services: Services,
): Pick<CommandTable, 'restorePoint.scheduleBackups' | 'restorePoint.showBackupStatus'> {
  return {
    'restorePoint.scheduleBackups': {
      operation: vscode.l10n.t('Scheduling backups'),
      run: (first) => scheduleBackups(services, first),
    },
    /** The status bar item: what can be done about the backups of each connection. */
    'restorePoint.showBackupStatus': {
      operation: vscode.l10n.t('Showing the backups'),
      run: () => showStatus(services),
    },
  };
}

async function scheduleBackups(services: Services, argument: unknown): Promise<void> {
  const given = connectionArgument(argument, services.store);
  const text = textArgument(argument, 'schedule');
  if (given && text !== undefined) {
    return await save(services, given, text === '' ? { how: 'off' } : { how: 'text', text });
  }
  const connections = given ? [] : someConnections(services);
  const connectionStep: Step<Answers> = {
    async ask(answers, frame) {
      const placeholder = vscode.l10n.t('Choose the connection to back up regularly');
      const connection = await askConnection(frame, connections, { placeholder, refuse: withoutFolder });
      return connection === back ? back : { ...answers, connection };
    },
  };
  let chosen = given;
  const steps = scheduleSteps<Answers>({
    current: () => chosen && scheduleText(chosen),
    connection: () => chosen!.id,
    nextRuns(schedule) {
      const now = services.schedules.clock.now();
      const record = services.schedules.stateOf(chosen!)?.record;
      return upcoming(parseSchedule(schedule, chosen!.id), record, now, 3);
    },
  });
  const noting: Step<Answers> = {
    async ask(answers, frame) {
      const after = await connectionStep.ask(answers, frame);
      if (after !== back) chosen = after.connection;
      return after;
    },
  };
  const title = vscode.l10n.t('Schedule Backups');
  const answers = await askInSteps<Answers>(title, {}, given ? steps : [noting, ...steps]);
  await save(services, chosen!, answers);
}

function withoutFolder({ scope }: Connection): string | undefined {
  return scope.folder
    ? undefined
    : vscode.l10n.t('Open a folder first: scheduled backups go into its backup folder.');
}

async function save(services: Services, connection: Connection, answers: ScheduleAnswers): Promise<void> {
  usableOf(connection);
  const { schedule: before, ...item } = connection.item as ConnectionItem;
  if (answers.how === 'off') {
    await services.store.save(item, connection.scope);
    services.boundary.inform(vscode.l10n.t('Backups of {0} are no longer scheduled.', connection.name));
    return;
  }
  const when = textOf(answers);
  const { skipUnchanged } = before === undefined ? { skipUnchanged: true } : safely(before, connection);
  const parts = {
    when,
    ...(skipUnchanged ? {} : { skipUnchanged }),
    ...(answers.keep === undefined || answers.keep === 'all' ? {} : { retention: answers.keep }),
  };
  const schedule = Object.keys(parts).length === 1 ? when : parts;
  parseSchedule(schedule, connection.id);
  await services.store.save({ ...item, schedule }, connection.scope);
}

/** What a schedule that is replaced says; a wrong one says nothing. */
function safely(value: unknown, { id }: Connection): { skipUnchanged: boolean } {
  try {
    return parseSchedule(value, id);
  } catch {
    return { skipUnchanged: true };
  }
}

type Action = () => unknown;

async function showStatus(services: Services): Promise<void> {
  const statuses = await services.statusBar.statuses();
  const now = services.schedules.clock.now();
  const choices = statuses.flatMap((status): (Choice<Action> | Separator)[] => {
    const { connection, state } = status;
    const failed = state?.record.failure !== undefined;
    return [
      separator(connection.name),
      {
        label: failed ? vscode.l10n.t('Retry') : vscode.l10n.t('Back Up Now'),
        description: connection.name,
        detail: statusLines(status, now).join(' · '),
        iconPath: new vscode.ThemeIcon(failed ? 'debug-restart' : 'archive'),
        value: () =>
          state
            ? services.schedules.backUpNow(connection)
            : vscode.commands.executeCommand('restorePoint.backUpDatabase', { connection: connection.key }),
      },
      {
        label: vscode.l10n.t('Schedule Backups…'),
        description: scheduleText(connection) ?? vscode.l10n.t('not scheduled'),
        iconPath: new vscode.ThemeIcon('calendar'),
        value: () =>
          vscode.commands.executeCommand('restorePoint.scheduleBackups', { connection: connection.key }),
      },
    ];
  });
  const log: Choice<Action> = {
    label: vscode.l10n.t('Show Log'),
    iconPath: new vscode.ThemeIcon('output'),
    value: () => services.log.show(),
  };
  const placeholder = vscode.l10n.t('Backups of this workspace');
  const act = answered(
    await askOne(alone(vscode.l10n.t('Backups')), { placeholder, choices: [...choices, separator(''), log] }),
  );
  await act();
}
