// A transfer in words: a progress bar on a terminal, plain lines elsewhere, on stderr; the summary
// on stdout. With `quiet` only what went wrong.

import type { CloseReason, TorrentEvents, TorrentStats } from '../../index';
import { limitLine } from './account';
import type { Io } from '../context';
import { hostPort } from '../../address/text';
import {
  beginLine,
  encryptedOnlyLine,
  isDeadEnd,
  peerClosedLine,
  peerEndsLine,
  pieceFailedLine,
  progressLine,
  shareOf,
  summaryLine,
  trackerLine,
} from './lines';
import type { Reporter } from '../transfer/report';
import { printable } from './text';

const BAR_EVERY_MS = 250;
const LINES_EVERY_MS = 5000;
const BAR_WIDTH = 24;

export interface TextOptions {
  readonly quiet: boolean;
  /** Whether progress is a bar that is drawn over, not a line now and then. */
  readonly bar: boolean;
  /** Whether the command goes on to serve what is complete. */
  readonly staysOn: boolean;
  /** The peers given by hand: why they failed is worth a line. */
  readonly peers: readonly string[];
  /** Name trackers by their whole URL instead of their host. */
  readonly showSecrets: boolean;
  readonly reasons: Readonly<Record<CloseReason, string>>;
}

const ORDINARY_ENDS: ReadonlySet<CloseReason> = new Set([
  'remote-closed',
  'not-useful',
  'torrent-closed',
  'torrent-failed',
  'shutting-down',
  'duplicate-peer',
]);

export function textReporter(io: Io, options: TextOptions): Reporter {
  const { quiet, staysOn, showSecrets } = options;
  /** The newest progress is on the bar alone. */
  let onBar = false;
  let lastLine = '';
  let ended = false;
  /** The last thing said on a subject; it is not said again until it changes. */
  const said = new Map<string, string>();

  const say = (line: string): void => {
    onBar = false; // It was wiped; the next progress draws it again, below this line.
    io.stderr(`${line}\n`);
  };
  /** What the bar showed last stays, in a line of its own. */
  const settle = (): void => {
    if (onBar) say(lastLine);
  };
  const sayOnce = (subject: string, line: string): void => {
    if (ended || said.get(subject) === line) return;
    said.set(subject, line);
    say(line);
  };
  const showProgress = (stats: TorrentStats): void => {
    const line = progressLine(stats, staysOn);
    if (options.bar) {
      io.draw(`${barOf(shareOf(stats))} ${line}`);
      onBar = true;
    } else if (line !== lastLine) {
      say(line);
    }
    lastLine = line;
  };

  return {
    progressEveryMs: options.bar ? BAR_EVERY_MS : LINES_EVERY_MS,
    begin(torrent, place) {
      if (!quiet) say(beginLine(torrent, place));
    },
    progress(stats) {
      if (!quiet && !ended) showProgress(stats);
    },
    pieceFailed(event) {
      if (!quiet && !ended) say(pieceFailedLine(event));
    },
    peerConnected() {},
    peerClosed(event) {
      // Nobody else would say so: no peer is at fault.
      if (event.reason === 'local-limit')
        return sayOnce('local-limit', `no peer can be dialled: ${printable(event.detail)}`);
      if (quiet || ORDINARY_ENDS.has(event.reason)) return;
      const given = givenAs(event, options.peers);
      // One word on each is enough: others may have the port of a peer that was given by name.
      if (given === undefined || said.has(given)) return;
      sayOnce(given, peerClosedLine(event, options.reasons));
    },
    alone({ message }) {
      say(`millrace: ${printable(message)}`); // Also when quiet: nothing else would explain the wait.
    },
    tracker(event, stats) {
      // Failures, warnings and dead ends are errors to the user: shown even when quiet.
      const wrong = !event.ok || event.message !== undefined || isDeadEnd(event, stats);
      if (wrong || !quiet) sayOnce(event.url, trackerLine(event, showSecrets));
    },
    complete(summary) {
      io.wipe();
      onBar = false;
      if (quiet) return;
      io.stdout(`${summaryLine(summary)}\n`);
      const limited = limitLine(summary.account);
      if (limited !== undefined) io.stdout(`${limited}\n`);
    },
    peerRejected() {},
    peerEnds(ends) {
      const lines = [peerEndsLine(ends), encryptedOnlyLine(ends.encrypted)];
      if (quiet || lines.every((line) => line === undefined)) return;
      settle();
      for (const line of lines) if (line !== undefined) io.stdout(`${line}\n`);
    },
    end() {
      settle();
      ended = true;
    },
  };
}

/** The peer as it was given by hand, if it was; one given by name is known by its port. */
function givenAs(
  { host, port }: TorrentEvents['peerClosed'][0],
  given: readonly string[],
): string | undefined {
  return given.find((peer) => peer === hostPort(host, port) || isNamed(peer, port));
}

function isNamed(peer: string, port: number): boolean {
  return /[a-z]/i.test(peer) && !peer.startsWith('[') && peer.endsWith(`:${port}`);
}

/** `[######------------------]` */
function barOf(share: number): string {
  const done = Math.floor(Math.min(Math.max(share, 0), 1) * BAR_WIDTH);
  return `[${'#'.repeat(done)}${'-'.repeat(BAR_WIDTH - done)}]`;
}
