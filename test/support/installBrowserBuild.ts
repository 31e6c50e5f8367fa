/** Installs the browser build of VS Code, before the extension-host tests and the browser tests start side by side. */
import { ensureBrowserBuild } from './browserBuild.ts';

await ensureBrowserBuild();
