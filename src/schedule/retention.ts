/**
 * How many backups of each kind are kept. A rule that is missing or 0 keeps nothing by itself. Counted as `restic forget`
 * counts: newest first, one backup for each hour, day, week or month that has one, by the clock of this machine.
 */
export interface RetentionPolicy {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

/** Why a backup neither counts nor goes. */
export type Exemption =
  /** Taken before a restore: these have a limit of their own. */
  | { readonly kind: 'safety' }
  /** This machine did not make it, so nothing that it says of itself counts. */
  | { readonly kind: 'foreign' }
  /** Its checksums or digests are wrong, or it cannot be read. */
  | { readonly kind: 'damaged'; readonly problem: string }
  /** Nothing here opens it. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'link' }
  /** Its time has not come yet: a clock was wrong, and what is newer than what is unknown. */
  | { readonly kind: 'future' }
  /** The caller prunes only backups of other databases. */
  | { readonly kind: 'otherDatabase' };

/** What retention has to know of a backup file. */
export interface Retainable {
  readonly file: string;
  readonly time: Date;
  /** Backups with the same text replace each other: those of one database, and of the same part of it. */
  readonly series: string;
  /** Identifies the contents: copies of a backup count once, and stay or go together. */
  readonly fingerprint: string;
  readonly pinned: boolean;
  readonly exemption?: Exemption;
}

export type CountedRule = 'last' | 'hourly' | 'daily' | 'weekly' | 'monthly';

/** Why a backup stays. */
export type KeepReason =
  | Exemption
  | { readonly kind: 'last' }
  /** `oldest`: the rule has places left, so it also keeps the oldest backup. */
  | { readonly kind: Exclude<CountedRule, 'last'>; readonly bucket: string; readonly oldest?: true }
  | { readonly kind: 'pinned' }
  /** The newest of its series that can be restored. */
  | { readonly kind: 'lastGood' }
  | { readonly kind: 'noPolicy' };

/** The decision about a backup: it stays for these reasons, or goes because `successor`, the next newer one, stays. */
export type Decision<Backup extends Retainable = Retainable> =
  | { readonly backup: Backup; readonly reasons: readonly [KeepReason, ...KeepReason[]] }
  | { readonly backup: Backup; readonly successor: Backup };

/** Backups newer than this clock by more are from the future. */
const clockTolerance = 5 * 60_000;

const rules: readonly {
  readonly kind: CountedRule;
  readonly limit: (policy: RetentionPolicy) => number | undefined;
  /** Of the `number`th backup, newest first. */
  readonly bucket: (time: Date, number: number) => string;
}[] = [
  { kind: 'last', limit: ({ keepLast }) => keepLast, bucket: (_, number) => String(number) },
  { kind: 'hourly', limit: ({ keepHourly }) => keepHourly, bucket: hourOf },
  { kind: 'daily', limit: ({ keepDaily }) => keepDaily, bucket: dayOf },
  { kind: 'weekly', limit: ({ keepWeekly }) => keepWeekly, bucket: weekOf },
  { kind: 'monthly', limit: ({ keepMonthly }) => keepMonthly, bucket: monthOf },
];

/** Whether no rule keeps anything: then nothing is removed. */
export function isEmptyPolicy(policy: RetentionPolicy): boolean {
  return rules.every(({ limit }) => !(Number(limit(policy)) > 0));
}

/**
 * Which backups stay and which go, by series, newest first. Each series is counted by itself, and its newest backup that is
 * not exempt always stays. The hours and days are those of the time zone of this process.
 */
export function applyPolicy<Backup extends Retainable>(
  backups: readonly Backup[],
  policy: RetentionPolicy,
  now: Date,
): Decision<Backup>[] {
  const empty = isEmptyPolicy(policy);
  return [...Map.groupBy(backups, ({ series }) => series).values()].flatMap((series) => {
    const sorted = series.toSorted(newestFirst);
    if (empty) return sorted.map((backup) => ({ backup, reasons: [{ kind: 'noPolicy' }] as const }));
    return decideSeries(sorted, policy, now);
  });
}

function newestFirst(a: Retainable, b: Retainable): number {
  return b.time.getTime() - a.time.getTime() || (a.file < b.file ? -1 : 1);
}

function decideSeries<Backup extends Retainable>(
  sorted: readonly Backup[],
  policy: RetentionPolicy,
  now: Date,
): Decision<Backup>[] {
  const exemptionOf = ({ exemption, time }: Backup): Exemption | undefined =>
    exemption ?? (time.getTime() > now.getTime() + clockTolerance ? { kind: 'future' } : undefined);
  const counted = sorted.filter((backup) => !exemptionOf(backup));
  const copies = Map.groupBy(counted, ({ fingerprint }) => fingerprint);
  const reasonsOf = countByRules([...copies.values()], policy);
  let successor: Backup | undefined;
  return sorted.map((backup): Decision<Backup> => {
    const exemption = exemptionOf(backup);
    if (exemption) return { backup, reasons: backup.pinned ? [pinned, exemption] : [exemption] };
    const [first, ...others] = reasonsOf.get(backup.fingerprint) ?? [];
    // The first that counts always stays, so there is one.
    if (!first) return { backup, successor: successor! };
    successor = backup;
    return { backup, reasons: [first, ...others] };
  });
}

const pinned: KeepReason = { kind: 'pinned' };

/** The reasons to keep each, by fingerprint. `backups`: newest first, each with its copies. */
function countByRules(
  backups: readonly (readonly Retainable[])[],
  policy: RetentionPolicy,
): ReadonlyMap<string, readonly KeepReason[]> {
  const counters = rules.map(({ kind, limit, bucket }) => ({
    ...{ kind, bucket },
    left: limit(policy) ?? 0,
    before: '',
  }));
  const reasons = new Map<string, KeepReason[]>();
  for (const [number, copies] of backups.entries()) {
    const { time, fingerprint } = copies[0]!;
    const found: KeepReason[] = [
      ...(copies.some((copy) => copy.pinned) ? [pinned] : []),
      ...(number === 0 ? [{ kind: 'lastGood' } as const] : []),
    ];
    for (const counter of counters) {
      if (!(counter.left > 0)) continue;
      const bucket = counter.bucket(time, number);
      const isNew = bucket !== counter.before;
      if (!isNew && number !== backups.length - 1) continue;
      counter.before = bucket;
      counter.left--;
      const { kind } = counter;
      found.push(kind === 'last' ? { kind } : { kind, bucket, ...(isNew ? {} : { oldest: true }) });
    }
    reasons.set(fingerprint, found);
  }
  return reasons;
}

function pad(number: number, length = 2): string {
  return String(number).padStart(length, '0');
}

function monthOf(time: Date): string {
  return `${pad(time.getFullYear(), 4)}-${pad(time.getMonth() + 1)}`;
}

function dayOf(time: Date): string {
  return `${monthOf(time)}-${pad(time.getDate())}`;
}

/** The two hours with the same name at the end of summer time are one. */
function hourOf(time: Date): string {
  return `${dayOf(time)} ${pad(time.getHours())}:00`;
}

/** The week of ISO 8601: it begins on a Monday, and belongs to the year that its Thursday is in. */
function weekOf(time: Date): string {
  const day = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  const daysAfterMonday = (new Date(day).getUTCDay() + 6) % 7;
  const thursday = new Date(day + (3 - daysAfterMonday) * 86_400_000);
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = 1 + Math.floor((thursday.getTime() - newYear) / (7 * 86_400_000));
  return `${pad(thursday.getUTCFullYear(), 4)}-W${pad(week)}`;
}
