// Whether a bitfield is still the peer's opening word. BEP 3 lets it come first or not at all, but
// aria2 also sends one later, in place of many haves: then it is read as those haves.

import type { WireMessage } from '../wire/messages';

/** `opening`: nothing has come yet that makes a bitfield late. */
export type Phase = 'opening' | 'open';

/** Messages that say nothing about pieces: aria2 sends its extended handshake before its bitfield. */
const SAYS_NOTHING: Readonly<Partial<Record<WireMessage['type'], true>>> = {
  'keep-alive': true,
  extended: true,
  port: true,
  unknown: true,
};

/** The phase that follows a message. */
export function phaseAfter(phase: Phase, type: WireMessage['type']): Phase {
  return SAYS_NOTHING[type] ? phase : 'open';
}
