// The extended handshake (BEP 10) as the extension with id 0: describes us and our extensions to
// the peer, and decodes the peer's description.

import { addressOfHost } from '../../address/text';
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

/** The peer's extensions: their ids, and the dictionary with their parts. */
export type OnIds = (ids: ExtendedHandshake['extensions'], dictionary: BencodeDictionary) => void;

export class ExtendedHandshakeExtension implements Extension {
  readonly name = 'the extended handshake';
  /** No separate limit: the decoder's applies first. */
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

  /** Sends our handshake: the ids and parts of the other extensions. */
  send(
    { clientName, listenPort, limits, remote }: SessionOptions,
    extensions: ExtendedHandshake['extensions'],
    parts: readonly Readonly<Record<string, Encodable>>[],
  ): void {
    const { requestQueue } = limits;
    const yourIp = addressOfHost(remote.host);
    const ours = { extensions, client: clientName, requestQueue, listenPort, yourIp };
    this.peer.send(encodeExtendedHandshake(ours, parts));
  }

  onMessage(payload: Uint8Array): boolean {
    const dictionary = parseExtendedHandshake(payload);
    const { client, listenPort, requestQueue, extensions, yourIp } =
      extendedHandshakeOf(dictionary);
    if (requestQueue !== undefined) this.pipeline.setPeerRequestQueue(requestQueue);
    this.onIds(extensions, dictionary);
    // It may be sent again with other ids; the coordinator needs only the first.
    if (this.reported) return false;
    this.reported = true;
    this.peer.fact({
      type: 'extended-handshake',
      connection: this.peer.connection,
      ...(client === undefined ? {} : { client }),
      ...(listenPort === undefined ? {} : { listenPort }),
      ...(requestQueue === undefined ? {} : { requestQueue }),
      ...(yourIp === undefined ? {} : { yourIp }),
    });
    return false;
  }
}
