// Reports a transfer as text: on stderr a progress bar on a terminal and plain lines elsewhere, on
// stdout the summary. With `quiet` only errors are shown.

import type { CloseReason, TorrentEvents } from '../../index';
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
import { linkLine } from './magnet';
import { ProgressLine } from './progress-line';
import type { Reporter } from '../transfer/report';
import { printable } from './text';

const BAR_EVERY_MS = 250;
const LINES_EVERY_MS = 5000;
const BAR_WIDTH = 24;

export interface TextOptions {
  readonly quiet: boolean;
  /** Whether progress is a bar that is overwritten, or occasional lines. */
  readonly bar: boolean;
  /** Whether the command continues to serve after completion. */
  readonly staysOn: boolean;
  /** Peers given by the user: their failures are reported. */
  readonly peers: readonly string[];
  /** Show the full URL of trackers instead of their host. */
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
  const line = new ProgressLine(io, options.bar);
  const say = (text: string): void => line.say(text);
  let ended = false;
  /** The last line on each subject; it is not repeated until it changes. */
  const lastLines = new Map<string, string>();

  const sayOnce = (subject: string, text: string): void => {
    if (ended || lastLines.get(subject) === text) return;
    lastLines.set(subject, text);
    say(text);
  };
  return {
    progressEveryMs: options.bar ? BAR_EVERY_MS : LINES_EVERY_MS,
    link(link, place) {
      if (!quiet) say(linkLine(link, place));
    },
    saved(file) {
      if (!quiet && !ended) say(`the torrent was saved as ${printable(file)}`);
    },
    begin(metainfo, place) {
      if (!quiet) say(beginLine(metainfo, place));
    },
    progress(stats) {
      if (quiet || ended) return;
      line.show(progressLine(stats, staysOn), `${barOf(shareOf(stats))} `);
    },
    pieceFailed(event) {
      if (!quiet && !ended) say(pieceFailedLine(event));
    },
    peerConnected() {},
    peerClosed(event) {
      // No other line would report this, because no peer is at fault.
      if (event.reason === 'local-limit')
        return sayOnce('local-limit', `no peer can be dialled: ${printable(event.detail)}`);
      if (quiet || ORDINARY_ENDS.has(event.reason)) return;
      const given = givenAs(event, options.peers);
      // One line for each peer is enough: others may have the port of a peer that was given by
      // name.
      if (given === undefined || lastLines.has(given)) return;
      sayOnce(given, peerClosedLine(event, options.reasons));
    },
    alone({ message }) {
      say(`millrace: ${printable(message)}`); // Also when quiet: nothing else would explain the wait.
    },
    tracker(event, stats) {
      // Failures, warnings and dead ends matter to the user: shown even when quiet.
      const wrong = !event.ok || event.message !== undefined || isDeadEnd(event, stats);
      if (wrong || !quiet) sayOnce(event.url, trackerLine(event, showSecrets));
    },
    complete(summary) {
      line.wipe();
      if (quiet) return;
      io.stdout(`${summaryLine(summary)}\n`);
      const limited = limitLine(summary.account);
      if (limited !== undefined) io.stdout(`${limited}\n`);
    },
    peerRejected() {},
    peerEnds(ends) {
      const lines = [peerEndsLine(ends), encryptedOnlyLine(ends.encrypted)];
      if (quiet || lines.every((text) => text === undefined)) return;
      line.settle();
      for (const text of lines) if (text !== undefined) io.stdout(`${text}\n`);
    },
    end() {
      line.settle();
      ended = true;
    },
  };
}

/** The peer as given by the user, if it was; one given by name is recognised by its port. */
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
