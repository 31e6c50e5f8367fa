import { type UnitKind, unitKinds } from '../schedule/units.ts';
import { choice, common, type Common, everyCommand, exactly, parse, wrong } from './words.ts';

export interface ScheduleArguments extends Common {
  readonly command: 'schedule';
  readonly connection: string;
  /** As in the settings; those of the connection if left out. */
  readonly schedule?: string;
  readonly print: UnitKind;
  readonly out?: string;
}

/** Reads the words after `schedule`. Throws `usage`. */
export function scheduleArguments(words: readonly string[]): ScheduleArguments {
  const { values, positionals } = parse(words, {
    ...everyCommand,
    every: { type: 'string' },
    at: { type: 'string' },
    print: { type: 'string' },
    out: { type: 'string' },
  });
  const [connection] = exactly(positionals, ['<connection>']);
  if (values.every !== undefined && values.at !== undefined)
    throw wrong('--every and --at cannot be used together');
  if (values.print === undefined) throw wrong(`--print is missing: ${unitKinds.join(', ')}`);
  const schedule = values.every === undefined ? values.at : `every ${values.every.replace(/^every\s+/i, '')}`;
  return {
    command: 'schedule',
    connection: connection!,
    print: choice('--print', values.print, unitKinds),
    ...(schedule === undefined ? {} : { schedule }),
    ...(values.out === undefined ? {} : { out: values.out }),
    ...common(values),
  };
}
