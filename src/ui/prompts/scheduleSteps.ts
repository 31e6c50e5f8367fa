import * as vscode from 'vscode';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { RetentionPolicy } from '../../schedule/retention.ts';
import { parseSchedule } from '../../schedule/schedule.ts';
import { momentText } from '../quantities.ts';
import { askOne, askText, separator, type Choice } from './inputs.ts';
import { policyText } from './retention.ts';
import { back, type Back, type Frame, type Step } from './steps.ts';

/** The answers of Schedule Backups. */
export interface ScheduleAnswers {
  /** `off` turns the schedule off. */
  readonly how?: 'text' | 'interval' | 'daily' | 'weekly' | 'cron' | 'off';
  /** As the settings write it; of daily and weekly ones without the time. */
  readonly text?: string;
  readonly day?: string;
  readonly time?: string;
  readonly keep?: RetentionPolicy | 'all';
  readonly confirmed?: boolean;
}

/** What is known before the questions. */
export interface ScheduleContext {
  /** The schedule that the connection has now. */
  readonly current: () => string | undefined;
  /** Which backups that schedule keeps; undefined for all of them. */
  readonly kept: () => RetentionPolicy | undefined;
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
    ask(
      ({ how }) => how !== 'off',
      (answers, frame) => askKeep(answers, frame, context),
    ),
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
    { label: vscode.l10n.t('Every Hour'), value: { how: 'text', text: 'every hour' } },
    { label: vscode.l10n.t('Every 4 Hours'), value: { how: 'text', text: 'every 4 hours' } },
    { label: vscode.l10n.t('Another Interval…'), value: { how: 'interval' } },
    {
      label: vscode.l10n.t('Daily…'),
      description: vscode.l10n.t('at a time of day'),
      value: { how: 'daily' },
    },
    {
      label: vscode.l10n.t('Weekly…'),
      description: vscode.l10n.t('on a day of the week'),
      value: { how: 'weekly' },
    },
    {
      label: vscode.l10n.t('Cron Expression…'),
      description: vscode.l10n.t('such as {0}', '0 3 * * 1-5'),
      value: { how: 'cron' },
    },
  ];
  const off = { label: vscode.l10n.t('Turn Off Schedule'), iconPath: new vscode.ThemeIcon('circle-slash') };
  return await askOne<ScheduleAnswers>(frame, {
    placeholder:
      now === undefined
        ? vscode.l10n.t('How often should a backup be taken while VS Code is open?')
        : vscode.l10n.t('How often should a backup be taken? Current schedule: {0}', now),
    choices: now === undefined ? choices : [...choices, separator(''), { ...off, value: { how: 'off' } }],
    isChosen: ({ how, text }) =>
      answers.how === undefined
        ? how === (choices.some(({ value }) => value.text === now) ? 'text' : howOf(now)) &&
          (how !== 'text' || text === now)
        : how === answers.how && text === answers.text,
  });
}

/** The kind of a schedule that is not one of the intervals to choose from. */
function howOf(schedule: string | undefined): ScheduleAnswers['how'] {
  const word = schedule?.split(' ')[0]?.toLowerCase();
  if (word === undefined) return 'text';
  if (word === 'every') return 'interval';
  return word === 'daily' || word === 'weekly' ? word : 'cron';
}

/** The time of day in `daily 03:00` and `weekly mon 03:00`. */
function timeIn(schedule: string | undefined): string | undefined {
  return schedule === undefined ? undefined : /^(?:daily|weekly)\b.*?(\d{1,2}:\d\d)$/i.exec(schedule)?.[1];
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
    prompt: vscode.l10n.t(
      'At what time? If VS Code is closed then, the backup is taken when you open it again.',
    ),
    placeholder: '03:00',
    value: answers.time ?? timeIn(context.current()) ?? '12:00',
    validate: (value) => problemOf(textOf({ ...answers, time: value }), context),
  });
  return time === back ? back : { time };
}

function problemOf(text: string, context: ScheduleContext): string | undefined {
  try {
    parseSchedule(text, context.connection());
    return undefined;
  } catch (error) {
    // The question names the connection already, and the box has the text.
    const reason = messageOf(error instanceof RestorePointError ? (error.details.cause ?? error) : error);
    return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  }
}

async function askKeep(
  { keep }: ScheduleAnswers,
  frame: Frame,
  { kept }: ScheduleContext,
): Promise<ScheduleAnswers | Back> {
  const thinned = { keepLast: 10, keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 };
  const choices: Choice<NonNullable<ScheduleAnswers['keep']>>[] = [
    {
      label: vscode.l10n.t('Fewer as They Get Older'),
      detail: vscode.l10n.t('The last 10, then 24 hourly, 7 daily, 4 weekly and 12 monthly backups'),
      value: thinned,
    },
    { label: vscode.l10n.t('The Last 10'), value: { keepLast: 10 } },
    { label: vscode.l10n.t('The Last 50'), value: { keepLast: 50 } },
    { label: vscode.l10n.t('All'), detail: vscode.l10n.t('Nothing is deleted'), value: 'all' },
  ];
  const now = kept();
  const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
  if (now && !choices.some(({ value }) => same(value, now))) {
    choices.unshift({ label: vscode.l10n.t('As Now'), description: policyText(now), value: now });
  }
  const chosen = await askOne(frame, {
    placeholder: vscode.l10n.t('Which backups should be kept? Pinned backups are always kept.'),
    choices,
    isChosen: (value) => same(value, keep ?? now ?? 'all'),
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
    placeholder: vscode.l10n.t('Save this schedule?'),
    choices: [
      {
        label: vscode.l10n.t('Save Schedule'),
        description: text,
        detail: vscode.l10n.t('Next backups: {0}', times.join(', ')),
        iconPath: new vscode.ThemeIcon('check'),
        value: true,
      },
    ],
  });
  return confirmed === back ? back : { confirmed };
}
