// The metadata extension (BEP 9) of one conversation: serves our info dictionary, and requests pieces of it by
// order of the coordinator, which verifies the whole.

import type { BencodeDictionary } from '../../bencode/value';
import { TokenBucket } from '../../choke/token-bucket';
import {
  MAX_METADATA_MESSAGE_BYTES,
  METADATA_PIECE_BYTES,
  decodeMetadataMessage,
  encodeMetadataMessage,
  metadataPieceCount,
  metadataPieceLength,
} from '../../wire/metadata-message';
import type { MetadataMessage } from '../../wire/metadata-message';
import type { Extension, ExtensionOrder, ExtensionPeer } from './extension';

/**
 * Pieces served to one peer: 128 at once, which is 2 MiB, more than most metadata; then 64 a second, which is
 * 1 MiB/s. They are served while we choke, so without this bound a peer would get upload without a slot.
 */
const SERVED = { perSec: 64, burst: 128 };
/** Pieces written at once, 4 × 16 KiB; more follow when the system has taken these. */
const PIECES_PER_WRITE = 4;
/**
 * Copies served to one peer. Honest clients need one, and another one if a hostile peer spoiled the first. BEP 9
 * suggests such a limit.
 */
const COPIES_PER_PEER = 4;
/** How many different sizes a peer may announce; each costs the coordinator a fact. */
const MAX_OFFERS = 8;
/** Longest announced size in bytes that is reported; the coordinator has its own limit. */
const MAX_SIZE = 2 ** 31;

export class MetadataExtension implements Extension {
  readonly name = 'ut_metadata';
  readonly maxMessageBytes = MAX_METADATA_MESSAGE_BYTES;

  private readonly peer: ExtensionPeer;
  /** Pieces that we have requested, each with the size that the metadata should have. */
  private readonly asked = new Map<number, number | undefined>();
  /** Pieces that the peer waits for, in the order of its requests. */
  private readonly toServe = new Set<number>();
  private readonly pace = new TokenBucket(SERVED);
  private servedPieces = 0;
  /** The system has not taken the last written pieces yet. */
  private writing = false;
  /** The size that the peer announced; undefined: it announced none; null: no handshake was received yet. */
  private offered: number | undefined | null = null;
  private offers = 0;
  /** Our handshake has contained our size. */
  private announced: boolean;

  constructor(peer: ExtensionPeer) {
    this.peer = peer;
    this.announced = peer.info.bytes !== undefined;
  }

  get handshakePart(): Readonly<Record<string, number>> {
    const { bytes: info } = this.peer.info;
    return info === undefined ? {} : { metadata_size: info.length };
  }

  get dueMs(): number {
    return this.toServe.size > 0 && !this.writing ? this.pace.paidAtMs : Infinity;
  }

  get isSending(): boolean {
    return this.writing;
  }

  onHandshake(handshake: BencodeDictionary): void {
    const { peer } = this;
    this.announceSize();
    if (!peer.info.wanted || !peer.accepts || this.offers === MAX_OFFERS) return;
    const size = handshake.integer('metadata_size');
    const isSize = size !== undefined && size > 0 && size <= MAX_SIZE;
    // A later handshake needs to contain only what has changed (BEP 10).
    const totalBytes = isSize ? size : (this.offered ?? undefined);
    if (totalBytes === this.offered) return;
    this.offered = totalBytes;
    this.offers++;
    peer.fact({ type: 'metadata-offer', connection: peer.connection, totalBytes });
  }

  onMessage(payload: Uint8Array): boolean {
    const message = decodeMetadataMessage(payload);
    switch (message?.type) {
      case 'request':
        return this.onRequest(message.piece);
      case 'data':
        return this.onData(message);
      case 'reject':
        if (this.asked.has(message.piece)) this.refused(message.piece);
        return false;
      case undefined:
        return false;
    }
  }

  onOrder(order: ExtensionOrder): void {
    switch (order.type) {
      case 'request-metadata': {
        const { piece, totalBytes } = order;
        this.asked.set(piece, totalBytes);
        const request = encodeMetadataMessage({ type: 'request', piece });
        if (!this.peer.send(request)) this.refused(piece);
        return;
      }
      case 'torrent-info':
        this.asked.clear();
        return this.announceSize();
      case 'torrent-private':
      case 'upload-only':
        return;
    }
  }

  endTurn(nowMs: number): void {
    if (this.toServe.size > 0 && !this.writing) this.serve(nowMs);
  }

  onSent(nowMs: number): void {
    this.writing = false;
    this.endTurn(nowMs);
  }

  /** Once the metadata is known, its size is sent by another handshake (BEP 10). */
  private announceSize(): void {
    const { peer } = this;
    if (this.announced || !peer.accepts || peer.info.bytes === undefined) return;
    this.announced = true;
    peer.greet();
  }

  private onRequest(piece: number): boolean {
    const { bytes: info } = this.peer.info;
    const pieces = info === undefined ? 0 : metadataPieceCount(info.length);
    if (this.toServe.has(piece)) return false;
    if (piece >= pieces || this.servedPieces + this.toServe.size >= COPIES_PER_PEER * pieces) {
      this.peer.send(encodeMetadataMessage({ type: 'reject', piece }));
      return false;
    }
    this.toServe.add(piece);
    return true;
  }

  /** No more is written until the system has taken the last part, so a peer that does not read costs no memory. */
  private serve(nowMs: number): void {
    const { peer } = this;
    const { bytes: info } = peer.info;
    let left = PIECES_PER_WRITE;
    for (const piece of this.toServe) {
      if (info === undefined || left === 0 || this.pace.paidAtMs > nowMs) return;
      this.toServe.delete(piece);
      const at = piece * METADATA_PIECE_BYTES;
      const bytes = info.subarray(at, at + METADATA_PIECE_BYTES);
      const data = { type: 'data', piece, totalBytes: info.length, bytes } as const;
      if (!peer.send(encodeMetadataMessage(data))) continue;
      this.pace.take(1, nowMs);
      this.servedPieces++;
      this.writing = true;
      left--;
    }
  }

  private onData({
    piece,
    totalBytes,
    bytes,
  }: MetadataMessage & { readonly type: 'data' }): boolean {
    if (!this.asked.has(piece)) return false;
    const expected = this.asked.get(piece);
    const total = totalBytes ?? expected;
    const isRight =
      total !== undefined &&
      total <= MAX_SIZE &&
      bytes.length > 0 &&
      bytes.length === metadataPieceLength(total, piece);
    if (!isRight) {
      this.refused(piece);
      return false;
    }
    this.asked.delete(piece);
    const { connection } = this.peer;
    this.peer.fact({
      type: 'metadata-piece',
      connection,
      piece,
      totalBytes: total,
      bytes: new Uint8Array(bytes),
    });
    return true;
  }

  private refused(piece: number): void {
    this.asked.delete(piece);
    this.peer.fact({ type: 'metadata-refused', connection: this.peer.connection, piece });
  }
}
