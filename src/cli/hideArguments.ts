/*
 * A URL among the arguments may hold a password, and every user of the machine can read the arguments of a process: they
 * are overwritten. Before this runs they can be seen for as long as the program takes to be loaded.
 */
if (process.argv.some((word) => word.includes(':')) && process.platform !== 'win32') {
  process.title = 'restore-point';
}
