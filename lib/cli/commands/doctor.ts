// `millrace doctor`: is this torrent alive, and why does it not download? Prints a line for each
// check when it ends, and a sentence with advice.

import { Option } from 'commander';
import type { Command } from 'commander';
import type { Diagnosis, Finding, FindingLevel, Verdict } from '../../index';
import { EXIT } from '../context';
import type { Context, Runner } from '../context';
import { failureJson, failureLine, failureOf } from '../failure';
import { nonEmpty, ownPort, peerList, torrentOrMagnet, wholeNumber } from '../options/parsers';
import { jsonOption, secretsOption, timeoutOption } from '../options/shared';
import { jsonLine, printable } from '../output/text';

export interface DoctorFlags {
  readonly output: string;
  readonly peer?: readonly string[];
  readonly peers: number;
  readonly port: number;
  readonly timeout: number;
  readonly showSecrets?: boolean;
  readonly json?: boolean;
}

const HELP = `
Checks disk, port, clock, name look-ups, every tracker and a sample of the peers; downloads nothing.

Examples:
  millrace doctor debian.iso.torrent
  millrace doctor photos.torrent --output /srv/data --port 6881 --peer 192.0.2.7:6881
  millrace doctor photos.torrent --json
  millrace doctor 'magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a'

Exit codes: 0 alive, 1 dead, 2 wrong usage, 3 cannot tell, 129 / 130 / 143 interrupted.`;

const EXIT_OF: Readonly<Record<Verdict, number>> = {
  alive: EXIT.done,
  dead: EXIT.failed,
  unknown: EXIT.unknown,
};

/** Words, so that no information depends on colours. */
const LEVEL_WORDS: Readonly<Record<FindingLevel, string>> = {
  ok: 'ok',
  warn: 'warn',
  fail: 'fail',
  skip: '-',
};

export function define(command: Command, run: Runner): void {
  command
    .argument(
      '<torrent>',
      'path or http(s) URL of a .torrent file, or a magnet link',
      torrentOrMagnet,
    )
    .addOption(
      new Option('-o, --output <DIR>', 'folder that the download would go to')
        .argParser(nonEmpty)
        .default('.'),
    )
    .addOption(
      new Option(
        '--peer <HOST:PORT>',
        'dial this peer, too, [IPV6]:PORT for IPv6; repeatable',
      ).argParser(peerList),
    )
    .addOption(
      new Option('--peers <N>', 'dial at most this many peers, 1-200')
        .argParser(wholeNumber(1, 200))
        .default(20),
    )
    .addOption(
      new Option('--port <N>', 'TCP port that peers would come to, 0-65535; 0 picks a free one')
        .argParser(ownPort())
        .default(0),
    )
    .addOption(
      timeoutOption('for a tracker, and for each step with a peer, 0.1s-10min').default(10, '10s'),
    )
    .addOption(secretsOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((source: string, flags: DoctorFlags) =>
      run(flags, (context) => doctor(source, flags, context)),
    );
}

export async function doctor(
  source: string,
  flags: DoctorFlags,
  { api, io, signal }: Context,
): Promise<number> {
  const diagnosing = api.diagnose(source, {
    output: flags.output,
    peers: flags.peer ?? [],
    samplePeers: flags.peers,
    port: flags.port,
    timeoutMs: Math.round(flags.timeout * 1000),
    showSecrets: flags.showSecrets,
    onFinding: (finding) => {
      io.stdout(flags.json ? jsonLine({ type: 'finding', ...finding }) : lineOf(finding));
    },
    signal,
  });
  let diagnosis: Diagnosis;
  try {
    diagnosis = await diagnosing;
  } catch (error) {
    const failure = failureOf(error);
    // An unreadable .torrent does not prove that the torrent is dead, which is the only meaning of
    // exit code 1.
    if (signal.aborted || failure.exitCode !== EXIT.failed) throw error;
    io.stderr(failureLine(failure));
    if (flags.json) io.stdout(failureJson(failure));
    return EXIT.unknown;
  }
  const { verdict, advice } = diagnosis;
  io.stdout(
    flags.json ? jsonLine({ type: 'verdict', verdict, advice }) : `\n${printable(advice)}\n`,
  );
  return EXIT_OF[verdict];
}

/** `warn  peer     192.0.2.7:6881 refuses connections` */
export function lineOf({ level, check, message }: Finding): string {
  return `${LEVEL_WORDS[level].padEnd(6)}${check.padEnd(9)}${printable(message)}\n`;
}
