// A small simulation with its own clock for specs of the fetch: honest and hostile peers that send metadata.

import { createHash } from 'node:crypto';
import { newMetadataCounts } from '../../../lib/coordinator/metadata/counts';
import { MetadataFetch } from '../../../lib/coordinator/metadata/fetch';
import type { MetadataRequest } from '../../../lib/coordinator/metadata/fetch';
import { MetadataRoom } from '../../../lib/coordinator/metadata/room';
import type { Identity } from '../../../lib/coordinator/pieces/witness';
import { blockDigests } from '../../../lib/verify/check-piece';
import { metadataPieceLength } from '../../../lib/wire/metadata-message';

const PIECE = 16_384;
export const TICK_MS = 250;

export interface PeerOptions {
  /** Announces this length instead of the right one; null: none. */
  readonly announces?: number | null;
  /** Time to an answer. Default 100 ms. */
  readonly answersAfterMs?: number;
  /** Its answers: right pieces (default), some wrong ones, only wrong ones, rejects, or nothing. */
  readonly answers?: 'right' | 'some-wrong' | 'wrong' | 'reject' | 'nothing';
  readonly host?: string;
}

export interface WorldPeer extends PeerOptions {
  readonly identity: Identity;
  banned: boolean;
  /** Bytes that it sent. */
  sentBytes: number;
}

const digestsOf = (bytes: Uint8Array): Uint8Array =>
  blockDigests([bytes], () => createHash('sha1'));

export class World {
  readonly info: Uint8Array;
  readonly counts = newMetadataCounts();
  readonly room: MetadataRoom;
  readonly fetch: MetadataFetch;
  readonly peers: WorldPeer[] = [];
  /** Requests so far. */
  readonly requests: MetadataRequest[] = [];
  nowMs = 1_000;
  /** When the metadata was complete and right. */
  doneMs: number | undefined;
  readonly #answers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(
    totalBytes: number,
    {
      maxBytes = 2 ** 25,
      room = new MetadataRoom(2 ** 27),
    }: { maxBytes?: number; room?: MetadataRoom } = {},
  ) {
    this.info = Uint8Array.from({ length: totalBytes }, (_, at) => (at * 31 + (at >> 14)) & 255);
    this.room = room;
    this.fetch = new MetadataFetch({ maxBytes, room, counts: this.counts });
  }

  join(options: PeerOptions = {}): WorldPeer {
    const id = 32 * (this.peers.length + 1);
    const { announces = this.info.length, host = `10.0.0.${this.peers.length + 1}` } = options;
    const identity = { id, name: `${host}:${id}`, host, port: id, peerId: String(id) };
    const peer = { ...options, identity, banned: false, sentBytes: 0 };
    this.peers.push(peer);
    this.fetch.offer(identity, announces ?? undefined, this.nowMs);
    return peer;
  }

  /** Runs until the metadata is there; throws after `limitMs`. Returns how long it took. */
  run(limitMs: number): number {
    const startMs = this.nowMs;
    while (this.doneMs === undefined) {
      if (this.nowMs - startMs > limitMs) throw new Error(`not done after ${limitMs} ms`);
      this.pass(TICK_MS);
    }
    return this.doneMs - startMs;
  }

  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    this.#request(this.fetch.plan(this.nowMs));
    for (;;) {
      this.#answers.sort((a, b) => a.atMs - b.atMs);
      const [next] = this.#answers;
      if (next === undefined || next.atMs > endMs || this.doneMs !== undefined) break;
      this.#answers.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      this.#check();
    }
    this.nowMs = endMs;
  }

  #request(requests: readonly MetadataRequest[]): void {
    for (const request of requests) {
      this.requests.push(request);
      const peer = this.peers.find(({ identity }) => identity.id === request.connection);
      if (peer === undefined || peer.banned) throw new Error('a request to a peer that is gone');
      const atMs = this.nowMs + (peer.answersAfterMs ?? 100);
      if (peer.answers !== 'nothing')
        this.#answers.push({ atMs, run: () => this.#answer(peer, request.piece) });
    }
  }

  #answer(peer: WorldPeer, piece: number): void {
    if (peer.banned) return;
    const { announces, answers = 'right', identity } = peer;
    if (answers === 'reject') this.fetch.refused(identity.id, piece, this.nowMs);
    else {
      const totalBytes = announces ?? this.info.length;
      const bytes = new Uint8Array(metadataPieceLength(totalBytes, piece));
      bytes.set(this.info.subarray(piece * PIECE, piece * PIECE + bytes.length));
      if (answers === 'wrong' || (answers === 'some-wrong' && piece % 3 === 1))
        bytes[0] = (bytes[0] ?? 0) ^ 1;
      peer.sentBytes += bytes.length;
      this.fetch.received(identity.id, piece, totalBytes, bytes, this.nowMs);
    }
    this.#request(this.fetch.planFor(identity.id, this.nowMs));
  }

  #check(): void {
    for (let attempt = this.fetch.takeComplete(); attempt; attempt = this.fetch.takeComplete()) {
      const bytes = new Uint8Array(attempt.bytes);
      const isRight = Buffer.compare(bytes, this.info) === 0;
      const liars = isRight
        ? this.fetch.liars(attempt, digestsOf(bytes))
        : this.fetch.failed(attempt, digestsOf(bytes));
      for (const liar of liars) {
        const peer = this.peers.find(({ identity }) => identity === liar);
        if (peer) peer.banned = true;
        this.fetch.gone(liar.id);
      }
      if (!isRight) continue;
      this.doneMs = this.nowMs;
      this.fetch.close();
      return;
    }
  }
}
