import * as vscode from 'vscode';
import { parseSchedule, type Schedule } from '../../schedule/schedule.ts';
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
    kept: () => chosen && scheduleNow(chosen).retention,
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
  const { schedule: _, ...item } = connection.item as ConnectionItem;
  if (answers.how === 'off') {
    await services.store.save(item, connection.scope);
    services.boundary.inform(vscode.l10n.t('Backups of {0} are no longer scheduled.', connection.name));
    return;
  }
  const when = textOf(answers);
  const { skipUnchanged } = scheduleNow(connection);
  const parts = {
    when,
    ...(skipUnchanged ? {} : { skipUnchanged }),
    ...(answers.keep === undefined || answers.keep === 'all' ? {} : { retention: answers.keep }),
  };
  const schedule = Object.keys(parts).length === 1 ? when : parts;
  parseSchedule(schedule, connection.id);
  await services.store.save({ ...item, schedule }, connection.scope);
  services.boundary.inform(vscode.l10n.t('Backups of {0} are scheduled: {1}.', connection.name, when));
}

/** What the schedule of a connection says besides the time; without one, or with a wrong one, what is usual. */
function scheduleNow({ item, id }: Connection): Pick<Schedule, 'skipUnchanged' | 'retention'> {
  const { schedule } = item as ConnectionItem;
  try {
    return schedule === undefined ? { skipUnchanged: true } : parseSchedule(schedule, id);
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
    const schedule = scheduleText(connection);
    const { name } = connection;
    return [
      separator(''),
      {
        label: failed ? vscode.l10n.t('Retry Backup of {0}', name) : vscode.l10n.t('Back Up {0} Now', name),
        detail: statusLines(status, now).join(' · '),
        iconPath: new vscode.ThemeIcon(failed ? 'debug-restart' : 'archive'),
        value: () =>
          state
            ? services.schedules.backUpNow(connection)
            : vscode.commands.executeCommand('restorePoint.backUpDatabase', { connection: connection.key }),
      },
      {
        label:
          schedule === undefined
            ? vscode.l10n.t('Schedule Backups of {0}…', name)
            : vscode.l10n.t('Change Schedule of {0}…', name),
        description: schedule,
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
  const placeholder = vscode.l10n.t('Choose what to do');
  const act = answered(
    await askOne(alone(vscode.l10n.t('Backups')), { placeholder, choices: [...choices, separator(''), log] }),
  );
  await act();
}
