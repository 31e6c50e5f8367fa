import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import * as path from 'node:path';

/** The ways in which a secret could stand in a text or a file, each by its name. */
export function formsOf(secret: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(secret, 'utf8');
  const everyByte = (format: (byte: string) => string): string =>
    [...bytes].map((byte) => format(byte.toString(16).padStart(2, '0'))).join('');
  const hex = bytes.toString('hex');
  const forms = new Map([
    ['plain', secret],
    ['percent-encoded', encodeURIComponent(secret)],
    ['percent-encoded as a form', new URLSearchParams([['', secret]]).toString().slice(1)],
    ['percent-encoded throughout', everyByte((byte) => `%${byte}`).toLowerCase()],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['in JSON, twice', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['in an SQL text', secret.replaceAll("'", "''")],
    ['hexadecimal', hex],
    ['hexadecimal, in capitals', hex.toUpperCase()],
  ]);
  // Whatever stands before it shifts the digits; those at the ends hold bits of the neighbours.
  for (const shift of [0, 1, 2]) {
    const digits = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const own = digits.slice(shift === 0 ? 0 : shift + 1, -1);
    forms.set(`base64, shifted by ${shift}`, own);
    forms.set(`base64url, shifted by ${shift}`, own.replaceAll('+', '-').replaceAll('/', '_'));
  }
  const distinct = new Map([...forms].map(([name, form]) => [form, name]));
  return new Map([
    ...[...distinct].map(([form, name]) => [name, Buffer.from(form)] as const),
    ['UTF-16', Buffer.from(secret, 'utf16le')],
  ]);
}

/** The secrets found, as `where: name of the secret, form`. */
export function findSecrets(
  where: string,
  content: string | Uint8Array,
  secrets: Readonly<Record<string, string>>,
): string[] {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content);
  return Object.entries(secrets).flatMap(([name, secret]) =>
    [...formsOf(secret)]
      .filter(([, form]) => bytes.includes(form))
      .map(([form]) => `${where}: ${name}, ${form}`),
  );
}

/** The same for all files of a folder and for their names, but for `except`. */
export function findSecretsInFiles(
  folder: string,
  secrets: Readonly<Record<string, string>>,
  except: readonly string[] = [],
): { readonly files: number; readonly found: string[] } {
  const found: string[] = [];
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (except.includes(file)) continue;
    files += 1;
    found.push(...findSecrets(`the name ${file}`, file, secrets));
    if (entry.isSymbolicLink()) found.push(...findSecrets(file, readlinkSync(file), secrets));
    else if (entry.isFile()) found.push(...findSecrets(file, readFileSync(file), secrets));
  }
  return { files, found };
}

/** The arguments of a process and of all that descend from it, as everybody on this machine can read them (Linux). */
export function argumentsOf(root: number): string[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The name of the program, in parentheses, may hold anything.
    const fields = readOfProcess(`/proc/${name}/stat`).replace(/^.*\)/s, '').trim().split(' ');
    parents.set(Number(name), Number(fields[1]));
  }
  const ours = [root];
  for (const id of ours) ours.push(...[...parents].filter(([, parent]) => parent === id).map(([own]) => own));
  return ours.map((id) => readOfProcess(`/proc/${id}/cmdline`));
}

/** A process may end while it is looked at. */
function readOfProcess(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
