import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { ensureDebianPackages, isDebian } from './debianPackages.ts';

/** Chromium, and fonts for the scripts and symbols that the samples and the screenshots show. */
const debianPackages = [
  'chromium',
  'fonts-noto-core',
  'fonts-noto-cjk',
  'fonts-noto-mono',
  'fonts-noto-color-emoji',
];

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Starts Chromium (see `ensureChromium`) without a window. It ends with this process. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: ensureChromium(),
    args: [
      // Its sandbox refuses to work for root, whose machines are build machines.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
}

/**
 * Returns the path of Chromium or Chrome; on Debian as root Chromium is installed first if need be.
 *
 * Takes the one that the environment variable `RESTORE_POINT_CHROMIUM` names, else the first in a usual place.
 * Throws an Error that says what is missing.
 */
export function ensureChromium(): string {
  const named = process.env.RESTORE_POINT_CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Error(`RESTORE_POINT_CHROMIUM names ${named}, which does not exist.`);
    return named;
  }
  if (isDebian() && process.getuid?.() === 0) ensureDebianPackages(debianPackages);
  const found = usualPlaces.find((path) => existsSync(path));
  if (found) return found;
  throw new Error(
    'Chromium or Chrome is missing. Install it (Debian: sudo apt-get install chromium), ' +
      'or name one in the environment variable RESTORE_POINT_CHROMIUM.',
  );
}
