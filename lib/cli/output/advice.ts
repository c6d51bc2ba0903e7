// Replaces the library's advice by that of the command line: its options become flags, its
// functions commands. Only advice and hints are replaced, because they contain no foreign text.

import type { MillraceError } from '../../index';

/** The library's wording and ours. */
export const IN_OUR_WORDS: Readonly<Record<string, string>> = {
  'add() with the option download': '`millrace download`',
  'add()': '`millrace download`',
  'announce()': '`millrace announce`',
  'resume the torrent or start it again': 'run the command again',
  'see the packets of the report': '--hex shows it',
  'start a new Coordinator': 'run the command again',
  'the option adopt': '--adopt',
  'the option followLinks': '--follow-links',
  'the option force': '--force',
  'the option host': '--host',
  'the option port': '--port',
  'the option timeoutMs': '--timeout',
  'the option trackers': '--tracker',
  'verifyTorrent()': '`millrace verify`',
};

const THEIRS = new RegExp(
  Object.keys(IN_OUR_WORDS)
    .map((words) => words.replace(/[()]/g, '\\$&'))
    .join('|'),
  'g',
);

/** A hint or advice of the library, worded for users of the command line. */
export function inOurWords(advice: string): string {
  return advice.replace(THEIRS, (words) => IN_OUR_WORDS[words] ?? words);
}

/** The message of an error, with its advice reworded. */
export function messageOf({ code, message, details }: MillraceError): string {
  const { advice, option } = details ?? {};
  if (typeof advice === 'string' && message.endsWith(advice))
    return message.slice(0, -advice.length) + inOurWords(advice);
  const named = `option ${String(option)} `;
  const flag = IN_OUR_WORDS[`the option ${String(option)}`];
  if (code === 'bad-option' && flag !== undefined && message.startsWith(named))
    return `${flag} ${message.slice(named.length)}`;
  return message;
}
