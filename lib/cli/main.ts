#!/usr/bin/env node
// The entry point of the `millrace` command: connects the process to the program.

import './last-words';
import { COMMANDS } from './commands';
import { loadApi, loadThreadsFirst } from './load';
import { watchSignals } from './interrupt';
import { notText } from './not-text';
import type * as program from './program';
import { terminalIo } from './output/terminal';

/** How long remaining handles may keep the process alive after all work has ended. */
const EXIT_GRACE_MS = 5000;

const argv = process.argv.slice(2);
// First, so that threads boot while the program is loaded. Help needs none.
const threads =
  COMMANDS[argv[0] ?? '']?.engine &&
  argv.length > 1 &&
  !argv.some((word) => /^(-h|--help)$/.test(word))
    ? new (loadThreadsFirst().EngineThreads)()
    : undefined;

// The end of a reader (`| head`) ends neither the command nor its download.
const gone = new Set<NodeJS.WriteStream>();
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone.add(stream);
  });
}
function write(stream: NodeJS.WriteStream, text: string): void {
  if (!gone.has(stream)) stream.write(text);
}

const { runProgram } = require('./program') as typeof program;
void runProgram(argv, {
  io: terminalIo({
    stdout: (text) => write(process.stdout, text),
    stderr: (text) => write(process.stderr, text),
    terminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns,
  }),
  loadApi,
  threads,
  watchSignals: (events) => watchSignals(process, events),
  notText,
  // 0 is the start of the process, so that figures include the start-up.
  startedMs: 0,
}).then((exitCode) => {
  void threads?.terminate(); // Threads that got no engine.
  process.exitCode = exitCode;
  // Unreferenced: a process without remaining work does not wait for it.
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
});
