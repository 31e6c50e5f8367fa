import * as vscode from 'vscode';
import { messageOf } from '../../core/errors.ts';
import { parseSchedule } from '../../schedule/schedule.ts';
import { momentText } from '../quantities.ts';
import { askOne, askText, separator, type Choice } from './inputs.ts';
import { back, type Back, type Frame, type Step } from './steps.ts';

/** The answers of Schedule Backups. */
export interface ScheduleAnswers {
  /** `off` turns the schedule off. */
  readonly how?: 'text' | 'interval' | 'daily' | 'weekly' | 'cron' | 'off';
  /** As the settings write it; of daily and weekly ones without the time. */
  readonly text?: string;
  readonly day?: string;
  readonly time?: string;
  readonly keep?: Readonly<Record<string, number>> | 'all';
  readonly confirmed?: boolean;
}

/** What is known before the questions. */
export interface ScheduleContext {
  /** The schedule that the connection has now. */
  readonly current: () => string | undefined;
  readonly connection: () => string;
  /** The next run times with a schedule. */
  readonly nextRuns: (text: string) => readonly number[];
}

/** The schedule that the answers describe, as the settings write it. */
export function textOf({ how, text = '', day = 'mon', time = '03:00' }: ScheduleAnswers): string {
  if (how === 'daily') return `daily ${time}`;
  return how === 'weekly' ? `weekly ${day} ${time}` : text;
}

/** How often, on which day, at what time, how many are kept; then what this means. */
export function scheduleSteps<State extends ScheduleAnswers>(context: ScheduleContext): Step<State>[] {
  const ask = (
    applies: (answers: ScheduleAnswers) => boolean,
    question: (answers: ScheduleAnswers, frame: Frame) => Promise<ScheduleAnswers | Back>,
  ): Step<State> => ({
    applies,
    async ask(state, frame) {
      const answer = await question(state, frame);
      return answer === back ? back : { ...state, ...answer };
    },
  });
  return [
    ask(
      () => true,
      (answers, frame) => askHow(answers, frame, context),
    ),
    ask(
      ({ how }) => how === 'interval' || how === 'cron',
      (answers, frame) => askSchedule(answers, frame, context),
    ),
    ask(({ how }) => how === 'weekly', askDay),
    ask(
      ({ how }) => how === 'weekly' || how === 'daily',
      (answers, frame) => askTime(answers, frame, context),
    ),
    ask(({ how }) => how !== 'off', askKeep),
    ask(
      ({ how }) => how !== 'off',
      (answers, frame) => confirm(answers, frame, context),
    ),
  ];
}

async function askHow(
  answers: ScheduleAnswers,
  frame: Frame,
  { current }: ScheduleContext,
): Promise<ScheduleAnswers | Back> {
  const now = current();
  const choices: Choice<ScheduleAnswers>[] = [
    { label: vscode.l10n.t('Every 30 Minutes'), value: { how: 'text', text: 'every 30 minutes' } },
    { label: vscode.l10n.t('Every Hour'), value: { how: 'text', text: 'every 1 hour' } },
    { label: vscode.l10n.t('Every 4 Hours'), value: { how: 'text', text: 'every 4 hours' } },
    { label: vscode.l10n.t('Another Interval…'), value: { how: 'interval' } },
    { label: vscode.l10n.t('Daily…'), detail: vscode.l10n.t('Each day at a time'), value: { how: 'daily' } },
    {
      label: vscode.l10n.t('Weekly…'),
      detail: vscode.l10n.t('On a day of the week at a time'),
      value: { how: 'weekly' },
    },
    {
      label: vscode.l10n.t('Cron Expression…'),
      detail: vscode.l10n.t('Such as 0 3 * * 1-5'),
      value: { how: 'cron' },
    },
  ];
  const off = { label: vscode.l10n.t('Turn Off Schedule'), iconPath: new vscode.ThemeIcon('circle-slash') };
  return await askOne<ScheduleAnswers>(frame, {
    placeholder:
      now === undefined
        ? vscode.l10n.t('How often should a backup be taken while VS Code is open?')
        : vscode.l10n.t('How often should a backup be taken? Now: {0}', now),
    choices: now === undefined ? choices : [...choices, separator(''), { ...off, value: { how: 'off' } }],
    isChosen: ({ how, text }) =>
      answers.how === undefined
        ? text !== undefined && text === now
        : how === answers.how && text === answers.text,
  });
}

async function askSchedule(
  answers: ScheduleAnswers,
  frame: Frame,
  context: ScheduleContext,
): Promise<ScheduleAnswers | Back> {
  const isInterval = answers.how === 'interval';
  const current = context.current();
  const kept = current !== undefined && current.startsWith('every ') === isInterval ? current : undefined;
  const text = await askText(frame, {
    prompt: isInterval
      ? vscode.l10n.t('Enter an interval in minutes, hours or days')
      : vscode.l10n.t('Enter a cron expression: minute, hour, day of month, month, day of week'),
    value: answers.text ?? kept ?? (isInterval ? 'every 2 hours' : '0 3 * * 1-5'),
    validate: (value) =>
      problemOf(isInterval && !/^every\b/i.test(value) ? `every ${value}` : value, context),
  });
  if (text === back) return back;
  return { text: isInterval && !/^every\b/i.test(text) ? `every ${text}` : text };
}

async function askDay({ day }: ScheduleAnswers, frame: Frame): Promise<ScheduleAnswers | Back> {
  const format = new Intl.DateTimeFormat(vscode.env.language, { weekday: 'long', timeZone: 'UTC' });
  // 4 January 2026 was a Sunday.
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'].map((value, index) => ({
    label: format.format(Date.UTC(2026, 0, 4 + index)),
    value,
  }));
  const chosen = await askOne(frame, {
    placeholder: vscode.l10n.t('On which day?'),
    choices: [...names.slice(1), names[0]!],
    isChosen: (value) => value === (day ?? 'mon'),
  });
  return chosen === back ? back : { day: chosen };
}

async function askTime(
  answers: ScheduleAnswers,
  frame: Frame,
  context: ScheduleContext,
): Promise<ScheduleAnswers | Back> {
  const time = await askText(frame, {
    prompt: vscode.l10n.t('At what time? If VS Code is closed then, the backup is taken when it opens.'),
    placeholder: '03:00',
    value: answers.time ?? '12:00',
    validate: (value) => problemOf(textOf({ ...answers, time: value }), context),
  });
  return time === back ? back : { time };
}

function problemOf(text: string, context: ScheduleContext): string | undefined {
  try {
    parseSchedule(text, context.connection());
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function askKeep({ keep }: ScheduleAnswers, frame: Frame): Promise<ScheduleAnswers | Back> {
  const thinned = { keepLast: 10, keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 };
  const choices: Choice<NonNullable<ScheduleAnswers['keep']>>[] = [
    {
      label: vscode.l10n.t('Fewer the Older They Are'),
      detail: vscode.l10n.t('The last 10, then 24 hourly, 7 daily, 4 weekly and 12 monthly backups'),
      value: thinned,
    },
    { label: vscode.l10n.t('The Last 10'), value: { keepLast: 10 } },
    { label: vscode.l10n.t('The Last 50'), value: { keepLast: 50 } },
    { label: vscode.l10n.t('All'), detail: vscode.l10n.t('Nothing is deleted'), value: 'all' },
  ];
  const chosen = await askOne(frame, {
    placeholder: vscode.l10n.t('Which backups should be kept? Pinned ones always are.'),
    choices,
    isChosen: (value) => JSON.stringify(value) === JSON.stringify(keep ?? 'all'),
  });
  return chosen === back ? back : { keep: chosen };
}

async function confirm(
  answers: ScheduleAnswers,
  frame: Frame,
  { nextRuns }: ScheduleContext,
): Promise<ScheduleAnswers | Back> {
  const text = textOf(answers);
  const times = nextRuns(text).map((time) => momentText(new Date(time)));
  const confirmed = await askOne(frame, {
    placeholder: vscode.l10n.t('The next backups: {0}', times.join(', ')),
    choices: [
      {
        label: vscode.l10n.t('Save Schedule'),
        description: text,
        detail: vscode.l10n.t('Next: {0}', times.join(', ')),
        iconPath: new vscode.ThemeIcon('check'),
        value: true,
      },
    ],
  });
  return confirmed === back ? back : { confirmed };
}
