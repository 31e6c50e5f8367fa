/**
 * Packs the extension as a VSIX for this platform (sqlite3 brings a compiled add-on) and, when it is run by itself
 * (`npm run package`), says where it lies.
 */
import { mkdir } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createVSIX } from '@vscode/vsce';
import * as yauzl from 'yauzl';
import { projectRoot } from './paths.ts';

const openZip = promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open);

/** Packs what `npm run build` left in dist/, and resolves to the path of the VSIX. */
export async function packageExtension(): Promise<string> {
  const target = `${process.platform}-${process.arch}`;
  const packagePath = join(projectRoot, 'dist', `restore-point-${target}.vsix`);
  await createVSIX({
    cwd: projectRoot,
    packagePath,
    target,
    allowMissingRepository: true,
    // There is no address yet at which the README's picture could be shown.
    rewriteRelativeLinks: false,
  });
  return packagePath;
}

/** Unpacks a VSIX as VS Code does, and resolves to the folder of the extension in it. */
export async function unpackExtension(vsix: string, folder: string): Promise<string> {
  const zip = await openZip(vsix, { lazyEntries: true });
  const openEntry = promisify(zip.openReadStream.bind(zip)) as (
    entry: yauzl.Entry,
  ) => Promise<NodeJS.ReadableStream>;
  await new Promise<void>((resolve, reject) => {
    const unpack = async (entry: yauzl.Entry): Promise<void> => {
      const file = join(folder, entry.fileName);
      await mkdir(dirname(file), { recursive: true });
      await pipeline(await openEntry(entry), createWriteStream(file));
      zip.readEntry();
    };
    zip.on('entry', (entry: yauzl.Entry) => void unpack(entry).catch(reject));
    zip.on('error', reject).on('end', resolve);
    zip.readEntry();
  });
  return join(folder, 'extension');
}

if (process.argv[1] === import.meta.filename) console.log(`Packed ${await packageExtension()}`);
