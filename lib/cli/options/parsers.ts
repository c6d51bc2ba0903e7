// Parsers of option values, each with a message that says what is allowed. An invalid value is
// wrong usage: exit code 2, before anything starts.

import { InvalidArgumentError } from 'commander';
import { MAX_PORT, parseHostPort } from '../../address/host-port';
import { SHA1_HEX_DIGITS } from '../../bytes/hex';
import { isMagnet } from '../../text/source-kind';
import { loadApi } from '../load';

type Parser<Value> = (text: string) => Value;

/** Whole numbers from `low` to `high`. */
export function wholeNumber(low: number, high: number, remark = ''): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(`Allowed: a whole number from ${low} to ${high}${remark}.`);
    }
    return value;
  };
}

/** The word `auto`, or a whole number. */
export function orAuto(low: number, high: number): Parser<number | 'auto'> {
  const number = wholeNumber(low, high, ', or auto');
  return (text) => (text === 'auto' ? text : number(text));
}

/** A port of ours; 0 has the system pick one. */
export const ownPort = (): Parser<number> => wholeNumber(0, MAX_PORT, ' (0 picks a free port)');

/** Decimal numbers from `low` to `high`; `low` itself only if `inclusive`. */
export function decimal(
  low: number,
  high: number,
  unit: string,
  inclusive: boolean,
): Parser<number> {
  return (text) => {
    const value = Number(text);
    const tooLow = inclusive ? value < low : value <= low;
    if (!/^\d{1,9}(\.\d{1,6})?$/.test(text) || tooLow || value > high) {
      const from = inclusive ? `from ${low}` : `above ${low}`;
      throw new InvalidArgumentError(`Allowed: a number ${from} up to ${high}${unit}.`);
    }
    return value;
  };
}

/** `HOST:PORT` or `[IPV6]:PORT`, repeatable. */
export function peerList(text: string, before: readonly string[] = []): readonly string[] {
  if (parseHostPort(text)?.port === undefined) {
    throw new InvalidArgumentError(
      'Allowed: HOST:PORT or [IPV6]:PORT, with a port from 1 to 65535.',
    );
  }
  return [...before, text];
}

/** `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`, repeatable. */
export function tracedPeerList(text: string, before: readonly string[] = []): readonly string[] {
  if (parseHostPort(text) === undefined) {
    throw new InvalidArgumentError(
      'Allowed: HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port from 1 to 65535.',
    );
  }
  return [...before, text];
}

/** Tracker URLs, repeatable. */
export function trackerList(text: string, before: readonly string[] = []): readonly string[] {
  if (!URL.canParse(text) || !loadApi().isTrackerUrl(text)) {
    throw new InvalidArgumentError(
      'Allowed: a URL that starts with http://, https://, udp://, ws:// or wss://, without spaces.',
    );
  }
  return [...before, text];
}

/** The path or http(s) URL of a .torrent. */
export function torrentSource(text: string): string {
  if (isMagnet(text)) {
    throw new InvalidArgumentError(
      'A magnet link does not hold the hashes of the data: `millrace download --save-torrent FILE` gets the .torrent. Allowed: its path or http(s) URL.',
    );
  }
  return nonEmpty(text);
}

/** The path or http(s) URL of a .torrent, or a magnet link. */
export function torrentOrMagnet(text: string): string {
  return isMagnet(text) ? text : torrentSource(text);
}

export function nonEmpty(text: string): string {
  if (text === '' || text.includes('\0')) throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** The path or http(s) URL of a .torrent, a magnet link, or an info hash in hexadecimal. */
export function torrentOrHash(text: string): string {
  if (/^[0-9a-f]+$/i.test(text) && text.length !== SHA1_HEX_DIGITS && text.length >= 32) {
    throw new InvalidArgumentError(
      `Allowed: a path, an http(s) URL, a magnet link, or an info hash of 40 hex digits (this has ${text.length}).`,
    );
  }
  return torrentOrMagnet(text);
}
