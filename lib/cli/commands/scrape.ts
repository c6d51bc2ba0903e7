// `millrace scrape`: shows each tracker's counts for a torrent, with requests and replies.

import type { Command } from 'commander';
import type { Runner } from '../context';
import { SOURCE, askOptions, hasInfoHash, showReports } from './tracker-talk';
import type { AskFlags } from './tracker-talk';

const HELP = `
Examples:
  millrace scrape debian.iso.torrent
  millrace scrape debian.iso.torrent --tracker udp://tracker.example:6969 --hex

Exit codes: 0 a tracker gave counts, 1 none did, 2 wrong usage.`;

export function define(command: Command, run: Runner): void {
  command.argument('<torrent>', ...SOURCE);
  for (const option of askOptions()) command.addOption(option);
  command.addHelpText('after', HELP).action((source: string, flags: AskFlags) => {
    hasInfoHash(command, source, flags);
    return run(flags, (context) =>
      showReports(flags, context, (options) => context.api.scrape(source, options)),
    );
  });
}
