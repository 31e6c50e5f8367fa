/** On an older Node.js, loading the program would fail. The same as in package.json (a test compares them). */
const oldest = '22.15';

const [[major, minor], [oldestMajor, oldestMinor]] = [process.versions.node, oldest].map((version) =>
  version.split('.').map(Number),
) as [[number, number], [number, number]];
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  process.stderr.write(
    `restore-point: Node.js ${oldest} or newer is required, but ${process.execPath} is ${process.versions.node}. Nothing was done.\n`,
  );
  process.exit(2);
}
