// All commands: name, summary, and the file that is loaded when the command runs.

import type { Command } from 'commander';
import type { Runner } from './context';

/** The file of a command: declares its arguments, options and help, and runs it. */
export interface CommandModule {
  define(command: Command, run: Runner): void;
}

export interface CommandEntry {
  readonly summary: string;
  /** It starts an engine, whose threads can boot before the command is loaded. */
  readonly engine?: true;
  load(): CommandModule;
}

/** All commands with their one-line summaries. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  download: {
    summary: 'download a torrent',
    engine: true,
    load: () => require('./commands/download') as CommandModule,
  },
  seed: {
    summary: 'serve data that is already there',
    engine: true,
    load: () => require('./commands/seed') as CommandModule,
  },
  create: {
    summary: 'make a .torrent of a file or folder',
    load: () => require('./commands/create') as CommandModule,
  },
  info: {
    summary: 'show what a .torrent says',
    load: () => require('./commands/info') as CommandModule,
  },
  verify: {
    summary: 'check data against a .torrent',
    load: () => require('./commands/verify') as CommandModule,
  },
  tracker: {
    summary: 'run a small tracker for a private cluster',
    load: () => require('./commands/tracker') as CommandModule,
  },
  share: {
    summary: 'serve a file or folder to other machines',
    load: () => require('./commands/share') as CommandModule,
  },
  demo: {
    summary: 'watch a tracker, a seed and a download work on this machine',
    load: () => require('./commands/demo') as CommandModule,
  },
  announce: {
    summary: 'announce once to the trackers and show what was said',
    load: () => require('./commands/announce') as CommandModule,
  },
  scrape: {
    summary: "ask the trackers for a torrent's counts and show what was said",
    load: () => require('./commands/scrape') as CommandModule,
  },
  doctor: {
    summary: 'say whether a torrent is alive, and what is in the way',
    load: () => require('./commands/doctor') as CommandModule,
  },
};
