// An extension for specs: it sends back what it gets, and records the peer's offers.

import type { BencodeDictionary } from '../../../lib/bencode/value';
import type { Extension, ExtensionPeer } from '../../../lib/peer/extensions/extension';

/** Longest message, in bytes. */
export const ECHO_CAP_BYTES = 100;

export class Echo implements Extension {
  readonly name: string;
  readonly maxMessageBytes = ECHO_CAP_BYTES;
  readonly handshakePart: { readonly echo_size: number };
  dueMs = Infinity;
  readonly peer: ExtensionPeer;
  readonly got: string[] = [];
  /** What the peer's handshakes contained about it, and whether the peer accepted messages then. */
  readonly offers: { readonly size: number | undefined; readonly accepts: boolean }[] = [];
  readonly turns: number[] = [];
  constructor(peer: ExtensionPeer, name = 'x_echo', size = 7) {
    this.peer = peer;
    this.name = name;
    this.handshakePart = { echo_size: size };
  }

  say(text: string): boolean {
    return this.peer.send(Buffer.from(text, 'latin1'));
  }

  onHandshake(handshake: BencodeDictionary): void {
    this.offers.push({ size: handshake.integer('echo_size'), accepts: this.peer.accepts });
  }

  onMessage(payload: Uint8Array): boolean {
    const text = Buffer.from(payload).toString('latin1');
    this.got.push(text);
    if (!text.endsWith('!')) this.say(`${text}!`);
    return text.startsWith('news');
  }

  endTurn(nowMs: number): void {
    this.turns.push(nowMs);
    if (nowMs >= this.dueMs) this.dueMs = Infinity;
  }
}
