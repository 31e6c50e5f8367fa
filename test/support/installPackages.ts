/** Installs the packages of the system that the extension-host tests and the browser tests need. */
import { ensureBuildTools } from './browserBuild.ts';
import { ensureChromium } from './chromium.ts';

await ensureBuildTools();
ensureChromium();
