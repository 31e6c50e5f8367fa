import { Tokens, UnreadableStatement } from './tokens.ts';

/** A name in place of a fixed word. */
export interface Name {
  readonly name: string;
}

/** For a template of `reads`: `public.orders` as two names with a dot between them. */
export function dotted(names: readonly string[]): (string | Name)[] {
  return names.flatMap((name, index) => (index === 0 ? [{ name }] : ['.', { name }]));
}

/**
 * Whether a text for people says exactly this: `reads('up on public.a', { name: 'up' }, 'on', …dotted(['public', 'a']))`.
 * Names may be in quotes or not.
 */
export function reads(text: string, ...template: readonly (string | Name)[]): boolean {
  const tokens = new Tokens(text);
  try {
    const fits = template.every((part) => {
      const { type, value, raw } = tokens.next();
      if (typeof part === 'string') return raw === part;
      return (type === 'word' && raw === part.name) || (type === 'quoted' && value === part.name);
    });
    return fits && tokens.next().type === 'end';
  } catch (error) {
    if (error instanceof UnreadableStatement) return false;
    throw error;
  }
}
