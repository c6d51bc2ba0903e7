// Whether a bitfield still counts as the peer's first message. BEP 3 allows it only there, but
// aria2 also sends one later in place of many haves: then it is treated as those haves.

import type { WireMessage } from '../wire/messages';

/** `opening`: no message has arrived yet after which a bitfield is late. */
export type Phase = 'opening' | 'open';

/**
 * Messages before which and after which a bitfield may come: aria2 sends its extended handshake
 * first.
 */
const NEUTRAL: Readonly<Partial<Record<WireMessage['type'], true>>> = {
  'keep-alive': true,
  extended: true,
  port: true,
  unknown: true,
};

/** The phase that follows a message. */
export function phaseAfter(phase: Phase, type: WireMessage['type']): Phase {
  return NEUTRAL[type] ? phase : 'open';
}
