import * as vscode from 'vscode';
import { removalsOf, type PruneDecision, type PrunePlan, type Removal } from '../../backup/planPrune.ts';
import { visible } from '../../core/visible.ts';
import { isEmptyPolicy, type KeepReason, type RetentionPolicy } from '../../schedule/retention.ts';
import { momentText } from '../quantities.ts';
import { backupName, describeBackup } from '../tree/backupNodes.ts';
import { alone, answered } from './choices.ts';
import { askMany, askOne, askText, refuse, separator, type Choice } from './inputs.ts';
import { askInSteps, back, type Step } from './steps.ts';

const rules = {
  last: 'keepLast',
  hourly: 'keepHourly',
  daily: 'keepDaily',
  weekly: 'keepWeekly',
  monthly: 'keepMonthly',
} as const;

type Rule = keyof typeof rules;

/** `last 5, daily 7`; can be read again by `parsePolicy`. */
export function policyText(policy: RetentionPolicy): string {
  return (Object.keys(rules) as Rule[])
    .filter((rule) => (policy[rules[rule]] ?? 0) > 0)
    .map((rule) => `${rule} ${policy[rules[rule]]}`)
    .join(', ');
}

/** Reads `last 5, daily 7`; undefined for anything else. */
export function parsePolicy(text: string): RetentionPolicy | undefined {
  const policy: Partial<Record<(typeof rules)[Rule], number>> = {};
  for (const part of text.toLowerCase().split(',')) {
    const [word = '', number = '', ...others] = part.trim().split(/\s+/);
    const rule = Object.hasOwn(rules, word) ? rules[word as Rule] : undefined;
    if (!rule || others.length > 0 || !/^\d{1,9}$/.test(number) || policy[rule] !== undefined)
      return undefined;
    policy[rule] = Number(number);
  }
  return isEmptyPolicy(policy) ? undefined : policy;
}

interface State {
  readonly choice?: RetentionPolicy | 'other';
  readonly policy?: RetentionPolicy;
}

/** Asks which backups to keep. `settings`: the rules in the settings. Throws `vscode.CancellationError`. */
export async function askPolicy(title: string, settings: RetentionPolicy): Promise<RetentionPolicy> {
  const { policy } = await askInSteps<State>(title, {}, [choiceStep(settings), rulesStep(settings)]);
  return policy!;
}

function choiceStep(settings: RetentionPolicy): Step<State> {
  const choices: readonly Choice<NonNullable<State['choice']>>[] = [
    ...(isEmptyPolicy(settings)
      ? []
      : [
          {
            label: vscode.l10n.t('Rules from the Settings'),
            description: policyText(settings),
            value: settings,
          },
        ]),
    { label: vscode.l10n.t('The Last 10 Backups'), value: { keepLast: 10 } },
    {
      label: vscode.l10n.t('24 Hourly, 7 Daily, 4 Weekly and 12 Monthly Backups'),
      value: { keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
    },
    { label: vscode.l10n.t('Other Rules…'), value: 'other' },
  ];
  return {
    async ask(state, frame) {
      const choice = await askOne(frame, {
        placeholder: vscode.l10n.t('Choose which backups of each database to keep'),
        choices,
        isChosen: (value) => value === state.choice,
      });
      if (choice === back) return back;
      return choice === 'other' ? { choice } : { choice, policy: choice };
    },
  };
}

function rulesStep(settings: RetentionPolicy): Step<State> {
  return {
    applies: ({ choice }) => choice === 'other',
    async ask(state, frame) {
      const text = await askText(frame, {
        prompt: vscode.l10n.t(
          'Enter how many last, hourly, daily, weekly and monthly backups to keep. For example, daily 7 keeps the newest backup of each of the last 7 days with a backup.',
        ),
        placeholder: 'last 5, daily 7, monthly 12',
        value: policyText(state.policy ?? settings),
        validate: (value) =>
          parsePolicy(value)
            ? undefined
            : vscode.l10n.t('Write rules like these: {0}', 'last 5, daily 7, monthly 12'),
      });
      return text === back ? back : { ...state, policy: parsePolicy(text)! };
    },
  };
}

/** Shows what goes, checked, and what stays, with the reasons. Throws `vscode.CancellationError`. */
export async function askRemovals(title: string, plan: PrunePlan): Promise<Removal[]> {
  const going = removalsOf(plan);
  const staying = plan.decisions.filter((decision) => 'reasons' in decision);
  const chosen = await askMany<Removal | undefined>(alone(title), {
    placeholder: vscode.l10n.t('Choose the backups to delete. The ones kept instead are verified.'),
    choices: [
      separator(vscode.l10n.t('Delete')),
      ...going.map((removal) => ({
        ...choiceOf(removal),
        detail: vscode.l10n.t('{0} is kept instead', visible(backupName(removal.successor.backup))),
        value: removal,
      })),
      separator(vscode.l10n.t('Keep')),
      ...staying.map((decision) => {
        const reasons = decision.reasons.map((reason) => reasonText(reason, decision)).join(' · ');
        return refuse<undefined>({ ...choiceOf(decision), value: undefined }, reasons);
      }),
    ],
    isChosen: (value) => value !== undefined,
  });
  return answered(chosen).filter((removal) => removal !== undefined);
}

function choiceOf({ backup }: PruneDecision): Pick<Choice<unknown>, 'label' | 'description'> {
  return {
    label: momentText(backup.time),
    description: [visible(backupName(backup.backup)), describeBackup(backup.backup)].join(' · '),
  };
}

function reasonText(reason: KeepReason, { backup }: PruneDecision): string {
  switch (reason.kind) {
    case 'last':
      return vscode.l10n.t('one of the last');
    case 'hourly':
      return vscode.l10n.t('hourly: {0}', reason.bucket);
    case 'daily':
      return vscode.l10n.t('daily: {0}', reason.bucket);
    case 'weekly':
      return vscode.l10n.t('weekly: {0}', reason.bucket);
    case 'monthly':
      return vscode.l10n.t('monthly: {0}', reason.bucket);
    case 'pinned':
      return vscode.l10n.t('pinned');
    case 'lastGood':
      return vscode.l10n.t('last good backup of {0}', visible(backup.backup.manifest?.source.database ?? ''));
    case 'safety':
      return vscode.l10n.t('safety backup');
    case 'foreign':
      return vscode.l10n.t('not made on this machine');
    case 'damaged':
      return visible(reason.problem);
    case 'locked':
      return vscode.l10n.t('encrypted, and no known key opens it');
    case 'link':
      return vscode.l10n.t('a symbolic link');
    case 'future':
      return vscode.l10n.t('dated in the future');
    case 'otherDatabase':
      return vscode.l10n.t('from another database');
    case 'noPolicy':
      return vscode.l10n.t('no rule says which backups to keep');
  }
}
