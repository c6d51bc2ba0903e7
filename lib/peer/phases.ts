// Which message may come when (BEP 3): the one order that the protocol fixes after the handshake is
// that a bitfield comes first or not at all.

import type { WireMessage } from '../wire/messages';

/** `opening`: nothing yet that would make a bitfield late. `open`: everything but a bitfield. */
export type Phase = 'opening' | 'open';

/**
 * The phase after each message; a message without an entry breaks the rules in that phase. Messages
 * that say nothing about pieces leave a connection `opening`: aria2 sends its extended handshake
 * before its bitfield.
 */
const TRANSITIONS: Readonly<Record<Phase, Partial<Record<WireMessage['type'], Phase>>>> = {
  opening: {
    'keep-alive': 'opening',
    extended: 'opening',
    port: 'opening',
    unknown: 'opening',
    bitfield: 'open',
    choke: 'open',
    unchoke: 'open',
    interested: 'open',
    'not-interested': 'open',
    have: 'open',
    request: 'open',
    cancel: 'open',
  },
  open: {
    'keep-alive': 'open',
    extended: 'open',
    port: 'open',
    unknown: 'open',
    choke: 'open',
    unchoke: 'open',
    interested: 'open',
    'not-interested': 'open',
    have: 'open',
    request: 'open',
    cancel: 'open',
  },
};

/** The phase that follows, or undefined where the message is not allowed. */
export function phaseAfter(phase: Phase, type: WireMessage['type']): Phase | undefined {
  return TRANSITIONS[phase][type];
}
