import { copyFile, cp, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Puts an extension into a folder of installed extensions, which it empties first. Only its bundles are copied: VS Code
 * tells by the real path of a file which extension speaks, and would call this one "Null Extension" in its messages.
 *
 * `extension` is a folder with a package.json: the project, or an unpacked VSIX. What VS Code finds is a folder of links:
 * uninstalling the extension in VS Code removes the links and leaves what they lead to.
 */
export async function linkExtension(extension: string, extensionsFolder: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(extension, 'package.json'), 'utf8')) as {
    publisher: string;
    name: string;
    version: string;
  };
  await rm(extensionsFolder, { recursive: true, force: true });
  const home = join(extensionsFolder, `${manifest.publisher}.${manifest.name}-${manifest.version}`);
  await mkdir(home, { recursive: true });
  await copyFile(join(extension, 'package.json'), join(home, 'package.json'));
  for (const name of await readdir(extension)) {
    if (name === 'package.json' || name.startsWith('.')) continue;
    if (name === 'dist') await cp(join(extension, name), join(home, name), { recursive: true });
    else await symlink(join(extension, name), join(home, name));
  }
}
