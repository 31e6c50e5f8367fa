/** Installs what the extension-host tests and the browser tests need, before they start side by side. */
import { ensureBrowserBuild } from './browserBuild.ts';
import { ensureChromium } from './chromium.ts';

await ensureBrowserBuild();
ensureChromium();
