// The extended handshake (BEP 10) as the extension with id 0: what we say of ourselves and of the
// other extensions, and what the peer says of itself.

import type { Encodable } from '../../bencode/encode';
import type { BencodeDictionary } from '../../bencode/value';
import { DEFAULT_MAX_EXTENDED_BYTES } from '../../wire/decoder';
import {
  encodeExtendedHandshake,
  extendedHandshakeOf,
  parseExtendedHandshake,
} from '../../wire/extended-handshake';
import type { ExtendedHandshake } from '../../wire/messages';
import type { Pipeline } from '../pipeline';
import type { SessionOptions } from '../session-types';
import type { Extension, ExtensionPeer } from './extension';

/** What a peer says of its extensions: their ids, and the dictionary with what belongs to them. */
export type OnIds = (ids: ExtendedHandshake['extensions'], dictionary: BencodeDictionary) => void;

export class ExtendedHandshakeExtension implements Extension {
  readonly name = 'the extended handshake';
  /** No limit of its own: the decoder's comes first. */
  readonly maxMessageBytes = DEFAULT_MAX_EXTENDED_BYTES;

  private readonly peer: ExtensionPeer;
  private readonly pipeline: Pipeline;
  private readonly onIds: OnIds;
  private reported = false;

  constructor(peer: ExtensionPeer, pipeline: Pipeline, onIds: OnIds) {
    this.peer = peer;
    this.pipeline = pipeline;
    this.onIds = onIds;
  }

  /** Sends ours: the ids of the other extensions, and what each has to say. */
  send(
    { clientName, listenPort, limits }: SessionOptions,
    extensions: ExtendedHandshake['extensions'],
    parts: readonly Readonly<Record<string, Encodable>>[],
  ): void {
    const { requestQueue } = limits;
    const ours = { extensions, client: clientName, requestQueue, listenPort };
    this.peer.send(encodeExtendedHandshake(ours, parts));
  }

  onMessage(payload: Uint8Array): boolean {
    const dictionary = parseExtendedHandshake(payload);
    const { client, listenPort, requestQueue, extensions } = extendedHandshakeOf(dictionary);
    if (requestQueue !== undefined) this.pipeline.setPeerRequestQueue(requestQueue);
    this.onIds(extensions, dictionary);
    // It may come again with other ids; the coordinator needs only the first.
    if (this.reported) return false;
    this.reported = true;
    this.peer.fact({
      type: 'extended-handshake',
      connection: this.peer.connection,
      ...(client === undefined ? {} : { client }),
      ...(listenPort === undefined ? {} : { listenPort }),
      ...(requestQueue === undefined ? {} : { requestQueue }),
    });
    return false;
  }
}
