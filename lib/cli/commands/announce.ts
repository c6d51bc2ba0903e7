// `millrace announce`: one announce to each tracker, with requests and replies.

import { Option } from 'commander';
import type { Command } from 'commander';
import type { Runner } from '../context';
import { MAX_PORT } from '../../address/host-port';
import { wholeNumber } from '../options/parsers';
import { SOURCE, askOptions, hasInfoHash, showReports } from './tracker-talk';
import type { AskFlags } from './tracker-talk';

interface AnnounceFlags extends AskFlags {
  readonly event?: 'started' | 'completed' | 'stopped' | 'none';
  readonly port?: number;
}

const HELP = `
Without --event it says "started" and, once that is answered, "stopped", so that the tracker sends no
peers to this machine. With --event it says that, once.

Examples:
  millrace announce debian.iso.torrent
  millrace announce debian.iso.torrent --tracker udp://tracker.example:6969 --hex
  millrace announce 0123456789abcdef0123456789abcdef01234567 --tracker http://tracker.example/announce

Exit codes: 0 a tracker gave peers or counts, 1 none did, 2 wrong usage.`;

export function define(command: Command, run: Runner): void {
  command
    .argument('<torrent>', ...SOURCE)
    .addOption(
      new Option('--event <EVENT>', 'say exactly this, once').choices([
        'started',
        'completed',
        'stopped',
        'none',
      ]),
    )
    .addOption(
      new Option(
        '--port <N>',
        'TCP port to say that we listen on, 1-65535 (default: 6881)',
      ).argParser(wholeNumber(1, MAX_PORT)),
    );
  for (const option of askOptions()) command.addOption(option);
  command.addHelpText('after', HELP).action((source: string, flags: AnnounceFlags) => {
    hasInfoHash(command, source, flags);
    const { event, port } = flags;
    return run(flags, (context) =>
      showReports(flags, context, (options) =>
        context.api.announce(source, { ...options, event, port }),
      ),
    );
  });
}
