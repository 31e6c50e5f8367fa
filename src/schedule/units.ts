import { RestorePointError } from '../core/errors.ts';
import { cronFields, type CronFields } from './cronFields.ts';
import type { Schedule, Timing } from './schedule.ts';

/** What takes backups without VS Code, on a schedule of its own. */
export const unitKinds = ['cron', 'systemd', 'github'] as const;
export type UnitKind = (typeof unitKinds)[number];

export interface UnitOptions {
  readonly schedule: Schedule;
  /** The id of a connection in the settings of the folder, or a URL without a password. */
  readonly connection: string;
  /** The URL names a file, for which nobody needs a password. */
  readonly isFile?: boolean;
  /** For the names of files: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** The absolute paths of Node.js, the command line, and the folder that it runs in. */
  readonly node: string;
  readonly cli: string;
  readonly folder: string;
  /** The folder for backups. */
  readonly out: string;
  /** The environment variables that the connection needs. */
  readonly variables: readonly string[];
}

const minute = 60_000;

/** A text to paste. Throws `usage` if the schedule cannot be expressed there. */
export function unitText(kind: UnitKind, options: UnitOptions): string {
  for (const text of [options.node, options.cli, options.folder, options.out, options.connection]) {
    if (/[\n\r\0]/.test(text)) throw wrong('A path or a name contains a line break', 'Use another path.');
  }
  return { cron: cronText, systemd: systemdText, github: githubText }[kind](options);
}

/** The schedule as a cron expression that every cron knows. Throws `usage` if there is none. */
export function asCron(schedule: Timing & { readonly text: string }): string {
  if (schedule.kind === 'calendar') {
    if (cronFields(schedule.cron)) return schedule.cron;
    throw wrong(
      `Not every version of cron understands "${schedule.text}"`,
      'Use numbers, names, lists, ranges and steps.',
    );
  }
  const minutes = schedule.milliseconds / minute;
  if (minutes === 60) return '0 * * * *';
  if (minutes < 60 && 60 % minutes === 0) return minutes === 1 ? '* * * * *' : `*/${minutes} * * * *`;
  const hours = minutes / 60;
  if (hours === 24) return '0 0 * * *';
  if (Number.isInteger(hours) && 24 % hours === 0) return `0 */${hours} * * *`;
  throw wrong(
    `cron cannot run "${schedule.text}", because that does not divide an hour or a day evenly`,
    'Choose an interval that divides an hour or a day evenly, or use --print systemd.',
  );
}

function cronText(options: UnitOptions): string {
  const { node, cli, connection, folder, out, variables } = options;
  const command = [node, cli, 'backup', connection, '--out', out].map(shellWord).join(' ');
  // A % would end the command.
  const line = `${asCron(options.schedule)} cd ${shellWord(folder)} && ${command}`.replaceAll('%', '\\%');
  return [
    `# Restore Point: ${connection}, ${options.schedule.text}. Paste this after "crontab -e".`,
    ...notes(options),
    ...variables.map((name) => `# ${name}=…`),
    line,
  ].join('\n');
}

function systemdText(options: UnitOptions): string {
  const { name, node, cli, connection, folder, out, variables, schedule } = options;
  const unit = `restore-point-${name}`;
  const command = [node, cli, 'backup', connection, '--out', out].map(systemdWord).join(' ');
  const environment = `%h/.config/restore-point/${name}.env`;
  return [
    `# ~/.config/systemd/user/${unit}.service`,
    ...notes(options),
    ...(variables.length > 0
      ? [`# ~/.config/restore-point/${name}.env sets ${variables.join(', ')}; chmod 600 it.`]
      : []),
    '[Unit]',
    `Description=Back up ${systemdPath(connection)} with Restore Point`,
    '',
    '[Service]',
    'Type=oneshot',
    `WorkingDirectory=${systemdPath(folder)}`,
    ...(variables.length > 0 ? [`EnvironmentFile=${environment}`] : []),
    `ExecStart=${command}`,
    '',
    `# ~/.config/systemd/user/${unit}.timer`,
    `# systemctl --user daemon-reload && systemctl --user enable --now ${unit}.timer`,
    '[Unit]',
    `Description=Back up ${systemdPath(connection)}: ${systemdPath(schedule.text)}`,
    '',
    '[Timer]',
    ...timerLines(schedule),
    '',
    '[Install]',
    'WantedBy=timers.target',
  ].join('\n');
}

function timerLines(schedule: Schedule): string[] {
  if (schedule.kind === 'calendar') return [...calendarLines(schedule), 'Persistent=true'];
  const { milliseconds } = schedule;
  try {
    return [...calendarLines({ ...schedule, kind: 'calendar', cron: asCron(schedule) }), 'Persistent=true'];
  } catch (error) {
    if (!RestorePointError.is(error, 'usage')) throw error;
    // It has no times of the clock. The first run is soon after the start of the computer.
    return ['OnActiveSec=1min', `OnUnitActiveSec=${milliseconds / minute}min`];
  }
}

/** As cron does, a day of the month or a day of the week is enough, where both are given. */
function calendarLines(schedule: Timing & { readonly kind: 'calendar'; readonly text: string }): string[] {
  const fields = cronFields(schedule.cron);
  if (!fields)
    throw wrong(`systemd has no form for "${schedule.text}"`, 'Use numbers, lists, ranges and steps.');
  const { daysOfMonth, daysOfWeek, ...rest } = fields;
  if (!daysOfMonth || !daysOfWeek) return [calendarLine(fields)];
  return [
    calendarLine({ ...rest, daysOfMonth, daysOfWeek: undefined }),
    calendarLine({ ...rest, daysOfMonth: undefined, daysOfWeek }),
  ];
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function calendarLine({ minutes, hours, daysOfMonth, months, daysOfWeek }: CronFields): string {
  const list = (numbers: readonly number[] | undefined): string =>
    numbers?.map((number) => String(number).padStart(2, '0')).join(',') ?? '*';
  const weekdays = daysOfWeek ? `${daysOfWeek.map((day) => days[day]).join(',')} ` : '';
  return `OnCalendar=${weekdays}*-${list(months)}-${list(daysOfMonth)} ${list(hours)}:${list(minutes)}:00`;
}

function githubText({ schedule, connection, name, out, variables }: UnitOptions): string {
  const isUrl = connection.includes(':');
  const secrets = isUrl ? ['DATABASE_URL'] : variables;
  const trust = isUrl ? '' : ' --trust-settings';
  const words = ['npx', '--no-install', 'restore-point', 'backup'];
  const where = isUrl ? '"$DATABASE_URL"' : shellWord(connection);
  const cron = asCron(schedule);
  if ([connection, out].some((text) => text.includes('${{')))
    throw wrong('A name contains ${{', 'Use another name.');
  if (schedule.kind === 'every' && schedule.milliseconds < 5 * minute) {
    throw wrong('GitHub runs a workflow at most every 5 minutes', 'Choose a longer interval.');
  }
  return [
    `# .github/workflows/restore-point-${name}.yml`,
    '# restore-point must be a dependency of this repository.',
    '# Everyone who can read the repository can download its artifacts: encrypt the backups ("encrypt", or --recipient).',
    ...secrets.map(
      (secret) => `# Add the secret ${secret} under Settings > Secrets and variables > Actions.`,
    ),
    `name: ${JSON.stringify(`Back up ${isUrl ? 'the database' : connection}`)}`,
    'on:',
    '  schedule:',
    '    # In UTC.',
    `    - cron: ${JSON.stringify(cron)}`,
    '  workflow_dispatch:',
    'permissions:',
    '  contents: read',
    'jobs:',
    '  backup:',
    '    runs-on: ubuntu-latest',
    '    steps:',
    '      - uses: actions/checkout@v4',
    '      - uses: actions/setup-node@v4',
    '        with:',
    '          node-version: 24',
    '          cache: npm',
    '      - run: npm ci',
    `      - run: ${JSON.stringify(`${words.join(' ')} ${where} --out ${shellWord(out)}${trust}`)}`,
    ...(secrets.length > 0 ? ['        env:'] : []),
    ...secrets.map((secret) => `          ${secret}: \${{ secrets.${secret} }}`),
    '      - uses: actions/upload-artifact@v4',
    '        with:',
    `          name: ${JSON.stringify(`backup-${name}`)}`,
    `          path: ${JSON.stringify(out)}`,
    '          retention-days: 30',
    '          if-no-files-found: error',
  ].join('\n');
}

function notes({ connection, isFile = false }: UnitOptions): string[] {
  if (isFile) return [];
  return connection.includes(':')
    ? ['# Put the password into a pgpass file (see docs/command-line.md), not into this text.']
    : ['# Run the command once in a terminal: it asks whether you trust the settings of the folder.'];
}

function shellWord(text: string): string {
  return /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** In double quotes, where systemd replaces specifiers and variables. */
function systemdWord(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./:@=+-]+$/.test(text) ? text : `"${escaped}"`;
}

function systemdPath(text: string): string {
  return text.replaceAll('%', '%%');
}

function wrong(message: string, next: string): RestorePointError {
  return new RestorePointError('usage', message, { next });
}
