// lt_donthave (BEP 54): the peer no longer has a piece.

import { readUint32 } from '../../wire/uint32';
import type { Extension, ExtensionPeer } from './extension';

/** The index of the piece. */
const MESSAGE_BYTES = 4;

export class DontHaveExtension implements Extension {
  readonly name = 'lt_donthave';
  readonly maxMessageBytes = MESSAGE_BYTES;
  private readonly peer: ExtensionPeer;

  constructor(peer: ExtensionPeer) {
    this.peer = peer;
  }

  /** Always charged: otherwise a peer could announce and withdraw a piece in an endless loop. */
  onMessage(payload: Uint8Array): boolean {
    if (payload.length === MESSAGE_BYTES) this.peer.lost(readUint32(payload, 0));
    return false;
  }
}
