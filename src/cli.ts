// First: until then the arguments are for all to see.
import './cli/hideArguments.ts';
import './cli/refuseOldNode.ts';
import { commandLine } from './cli/commandLine.ts';

const abort = new AbortController();
const cancel = (signal: NodeJS.Signals): void => {
  if (abort.signal.aborted) {
    // Whatever the first one still waits for: without a handler the system ends the program.
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
    process.kill(process.pid, signal);
    return;
  }
  abort.abort();
};
process.on('SIGINT', cancel).on('SIGTERM', cancel);
void commandLine(process.argv.slice(2), process, abort.signal).then((code) => {
  process.off('SIGINT', cancel).off('SIGTERM', cancel);
  process.exitCode = code;
});
