// Partial seeds (BEP 21): the key `upload_only` of the extended handshake, by which each side announces that it
// wants nothing more. libtorrent's message of the same name, of one byte, is read, too.

import type { BencodeDictionary } from '../../bencode/value';
import type { Encodable } from '../../bencode/encode';
import type { Extension, ExtensionOrder, ExtensionPeer } from './extension';

const KEY = 'upload_only';

export class UploadOnlyExtension implements Extension {
  readonly name = KEY;
  readonly maxMessageBytes = 1;
  private readonly peer: ExtensionPeer;
  private reported = false;

  constructor(peer: ExtensionPeer) {
    this.peer = peer;
  }

  get handshakePart(): Readonly<Record<string, Encodable>> {
    return { [KEY]: this.peer.info.uploadOnly ? 1 : 0 };
  }

  onHandshake(handshake: BencodeDictionary): void {
    const value = handshake.integer(KEY);
    if (value !== undefined) this.report(value !== 0);
  }

  onMessage(payload: Uint8Array): boolean {
    if (payload.length === 1) this.report(payload[0] !== 0);
    return false;
  }

  onOrder(order: ExtensionOrder): void {
    if (order.type === 'upload-only') this.peer.greet();
  }

  private report(uploadOnly: boolean): void {
    if (uploadOnly === this.reported) return;
    this.reported = uploadOnly;
    this.peer.fact({ type: 'upload-only', connection: this.peer.connection, uploadOnly });
  }
}
