import { messageOf } from '../../core/errors.ts';
import { parseSchedule } from '../../schedule/schedule.ts';
import type { Connection } from '../connections/connection.ts';

/** The schedule of a connection as the settings write it, such as `daily 03:00`; undefined if it has none that can be used. */
export function scheduleText(connection: Connection): string | undefined {
  const { schedule } = connection.usable?.settings ?? {};
  if (schedule === undefined || scheduleProblem(connection) !== undefined) return undefined;
  return parseSchedule(schedule, connection.id).text;
}

/** Why the schedule of a connection cannot be used. */
export function scheduleProblem({ usable, id }: Connection): string | undefined {
  if (usable?.settings.schedule === undefined) return undefined;
  try {
    parseSchedule(usable.settings.schedule, id);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
