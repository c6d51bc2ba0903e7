// One conversation after the handshake: bytes, orders and the time go in, and it decides what to
// send. It owns no socket and no clock; the driver flushes the writer and forwards facts after each
// turn.

import { assertNever } from '../errors/millrace-error';
import type { CloseReason } from '../messages/close-reasons';
import type { Lease } from '../messages/peer-thread';
import { MAX_PIECE_COUNT } from '../metainfo/limits';
import { WireDecoder } from '../wire/decoder';
import type { WireMessage, WireSink } from '../wire/messages';
import { Download } from './download';
import type { ExtensionOrder } from './extensions/extension';
import { Extensions } from './extensions/registry';
import { failureOf } from './failure';
import { Fast } from './fast';
import { MessageBudget } from './message-budget';
import { OurPieces } from './our-pieces';
import { phaseAfter } from './phases';
import type { Phase } from './phases';
import { Serving } from './serving';
import type { Refuse } from './serving';
import type { SessionContent, SessionOptions } from './session-types';
import { Silence } from './silence';
import { StateFacts } from './state-facts';
import { TheirHints } from './their-hints';
import { TheirPieces } from './their-pieces';

export class PeerSession implements WireSink {
  readonly connection: number;
  /** The pending requests of the peer; the driver answers them and calls `noteServed`. */
  readonly serving: Serving;
  readonly download: Download;
  uploadedBytes = 0;

  private readonly options: SessionOptions;
  private readonly decoder: WireDecoder;
  private readonly budget: MessageBudget;
  private readonly states: StateFacts;
  private readonly theirPieces: TheirPieces;
  private readonly theirHints: TheirHints;
  private readonly ourPieces: OurPieces;
  private readonly fast: Fast;
  private readonly extensions: Extensions;
  private readonly silence: Silence;
  private phase: Phase = 'opening';
  private isClosed = false;
  private nowMs: number;
  private amInterested = false;
  private peerInterested = false;
  private newRequests = false;

  constructor(options: SessionOptions, nowMs: number) {
    this.options = options;
    this.connection = options.connection;
    const { writer, fast } = options;
    const refuse: Refuse = (piece, begin, lengthBytes) => writer.reject(piece, begin, lengthBytes);
    const { requestQueue } = options.limits;
    this.serving = new Serving(requestQueue, options.hashSeed, fast ? refuse : undefined);
    this.budget = new MessageBudget(nowMs);
    this.theirHints = new TheirHints(options.connection, options.output, this.budget);
    this.download = new Download(options, nowMs, this.theirHints.allowed);
    const { have, concealed } = options.content ?? {};
    this.ourPieces = new OurPieces(writer, fast, have, concealed);
    this.theirPieces = new TheirPieces(options.connection, options.output, this.budget);
    this.fast = new Fast(
      options.fast,
      this.budget,
      this.download,
      this.theirPieces,
      this.theirHints,
    );
    this.states = new StateFacts(options.connection, options.output);
    this.extensions = new Extensions(options, this.download.pipeline, this.budget, (piece) =>
      this.onLost(piece),
    );
    this.decoder = new WireDecoder({ pieceCount: MAX_PIECE_COUNT });
    this.nowMs = nowMs;
    this.silence = new Silence(options.limits, nowMs);
    if (options.content) this.use(options.content);
    this.serving.restrictTo(this.ourPieces.onlyShown);
  }

  get closed(): boolean {
    return this.isClosed;
  }

  /** When `tick` is needed next, on the clock of `nowMs`. */
  get nextDeadlineMs(): number {
    if (this.isClosed) return Infinity;
    return Math.min(
      this.silence.dueMs,
      this.download.deadlineMs,
      this.download.pipeline.nextSampleMs,
      this.states.dueMs,
      this.theirPieces.dueMs,
      this.theirHints.dueMs,
      this.extensions.dueMs,
    );
  }

  /**
   * When the driver should read again: in the past unless the peer floods us (see `MessageBudget`).
   */
  get readAgainMs(): number {
    return this.budget.readAgainMs;
  }

  /** Sends the first messages: our pieces, then the extended handshake. */
  start(nowMs: number): void {
    this.nowMs = nowMs;
    this.ourPieces.start();
    this.extensions.greet();
  }

  /**
   * Adds the metainfo to a session that began without it. The peer's announced pieces are reported,
   * or close it if they are invalid. Our own pieces, if any, are announced a part at a time: see
   * `writeOn`.
   */
  open(content: SessionContent, nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    try {
      this.use(content);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.ourPieces.open(content.have, content.concealed);
    this.serving.restrictTo(this.ourPieces.onlyShown);
    this.endTurn();
  }

  /** More is to be written once the last part has been sent: the driver then calls `writeOn`. */
  get isWriting(): boolean {
    return !this.isClosed && (this.ourPieces.areWaiting || this.extensions.areSending);
  }

  /** Announces more of our pieces, serves more metadata. */
  writeOn(nowMs: number): void {
    if (this.isClosed) return;
    this.ourPieces.announceOn();
    this.extensions.onSent(nowMs);
  }

  /** Handles received bytes `start` to `end`; none of them is kept by reference. */
  receive(bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    this.download.onRead(nowMs);
    try {
      this.decoder.feed(bytes, start, end, this);
      const payloadBytes = this.download.downloadedBytes + this.uploadedBytes;
      this.budget.endRead(end - start, payloadBytes, nowMs);
      this.silence.unreadUntil(this.readAgainMs, nowMs);
      this.endTurn();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Handles deadlines; may be called too often. */
  tick(nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    if (this.silence.isOver(nowMs)) {
      const { idleTimeoutMs } = this.options.limits;
      this.close('idle-timeout', `no whole message in ${idleTimeoutMs} ms`);
      return;
    }
    if (this.silence.keepAliveIsDue(nowMs)) {
      this.options.writer.keepAlive();
      this.silence.sent(nowMs);
    }
    this.download.checkDeadline(nowMs);
    this.endTurn();
  }

  /** A rate limit allows more requests. */
  goOn(nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    this.endTurn();
  }

  /** The driver does not read the peer because of a rate limit: its silence does not count. */
  excuse(nowMs: number): void {
    this.silence.received(nowMs);
    this.download.excuse(nowMs);
  }

  /** The driver has sent the content of the writer. */
  noteSent(nowMs: number): void {
    this.silence.sent(nowMs);
  }

  /** The driver has answered a request with `lengthBytes` of payload. */
  noteServed(lengthBytes: number, nowMs: number): void {
    this.uploadedBytes += lengthBytes;
    this.silence.sent(nowMs);
  }

  // ---- orders ----

  lease(lease: Lease, nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    this.download.lease(lease);
  }

  cancelLease(piece: number, generation: number, nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    this.download.cancelLease(piece, generation);
  }

  /** An order for an extension. */
  orderExtension(order: ExtensionOrder, nowMs: number): void {
    if (this.isClosed) return;
    this.nowMs = nowMs;
    this.extensions.onOrder(order);
  }

  /** We have verified these pieces. Returns true if the peer may act on one of them. */
  haveAnnounced(pieces: readonly number[]): boolean {
    if (this.isClosed) return false;
    let news = false;
    for (const piece of pieces) {
      this.ourPieces.gained(piece);
      if (!this.theirPieces.has(piece)) news = true;
    }
    return news;
  }

  /** Announces one of our concealed pieces: from now on the peer may request it. */
  reveal(piece: number): void {
    if (!this.isClosed) this.ourPieces.reveal(piece);
  }

  /** Nothing is concealed any more: announces the rest, a part at a time, as `open` does. */
  revealAll(): void {
    if (this.isClosed) return;
    this.ourPieces.revealAll();
    this.serving.restrictTo(undefined);
  }

  setInterested(interested: boolean, nowMs: number): void {
    if (this.isClosed || interested === this.amInterested) return;
    this.nowMs = nowMs;
    this.amInterested = interested;
    if (interested) this.options.writer.interested();
    else this.options.writer.notInterested();
    this.download.setInterested(interested);
  }

  setChoked(choked: boolean): void {
    if (this.isClosed || choked === this.serving.choked) return;
    if (choked) {
      this.options.writer.choke(); // Before the rejects, so that the peer does not repeat its requests (BEP 6).
    } else this.options.writer.unchoke();
    this.serving.setChoked(choked);
  }

  /** Announces these pieces as allowed, and serves them also while we choke the peer. */
  allowFast(pieces: readonly number[]): void {
    if (this.isClosed) return;
    this.serving.allow(pieces);
    for (const piece of pieces)
      if (!this.theirPieces.has(piece)) this.options.writer.allowedFast(piece);
  }

  /** Ends the conversation; `output.close` is called unless it has been. */
  close(reason: CloseReason, detail: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.decoder.stop();
    this.options.output.close(reason, detail);
  }

  /**
   * Must be called once after orders: sends requests for leased blocks, reports changes. `receive`
   * and `tick` do this themselves.
   */
  endTurn(): void {
    if (this.isClosed) return;
    const { download, states, nowMs } = this;
    this.theirPieces.post(download.outstandingRequests > 0, nowMs);
    if (this.options.fast) this.theirHints.post(nowMs);
    states.post(download.epoch, download.peerChokes, this.peerInterested, nowMs);
    this.extensions.endTurn(nowMs);
    download.endTurn(nowMs, states.knows(download.epoch));
    download.noteFlow(nowMs);
    if (this.newRequests) {
      this.newRequests = false;
      if (this.serving.waiting > 0) this.options.output.serve();
    }
  }

  // ---- the decoder's sink ----

  onBlock(piece: number, begin: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.isClosed) return;
    this.silence.received(this.nowMs);
    this.phase = 'open';
    this.download.onBlock(piece, begin, bytes, start, end, this.nowMs);
  }

  onMessage(message: WireMessage): void {
    if (this.isClosed) return;
    this.silence.received(this.nowMs);
    const before = this.phase;
    this.phase = phaseAfter(before, message.type);
    switch (message.type) {
      case 'choke':
        this.budget.charge();
        if (!this.download.peerChokes) this.download.onChoke();
        return;
      case 'unchoke':
        this.budget.charge();
        this.download.onUnchoke();
        return;
      case 'interested':
        this.budget.charge();
        this.peerInterested = true;
        return;
      case 'not-interested':
        this.budget.charge();
        this.peerInterested = false;
        return;
      case 'have':
        this.theirPieces.onHave(message.piece);
        return;
      case 'bitfield':
        this.theirPieces.onBitfield(message.bits, before === 'opening');
        return;
      case 'request':
        this.onRequest(message.piece, message.begin, message.lengthBytes);
        return;
      case 'cancel':
        this.budget.charge();
        this.serving.cancel(message.piece, message.begin, message.lengthBytes);
        return;
      case 'have-all':
      case 'have-none':
      case 'reject':
      case 'suggest':
      case 'allowed-fast':
        return this.fast.onMessage(message, before === 'opening', this.nowMs);
      case 'extended':
        this.extensions.onMessage(message.id, message.payload, this.nowMs);
        return;
      case 'unknown':
        this.budget.charge(message.lengthBytes);
        return;
      case 'keep-alive':
      case 'port':
        this.budget.charge();
        return;
      default:
        assertNever(message);
    }
  }

  private onRequest(piece: number, begin: number, lengthBytes: number): void {
    if (!this.serving.request(piece, begin, lengthBytes)) return this.budget.charge();
    this.newRequests = true;
    this.budget.welcome();
    this.budget.chargeAnswer(this.serving.partOfBlock(piece, lengthBytes));
  }

  /** The peer lost a piece (BEP 54). With the fast extension, it rejects our requests for it. */
  private onLost(piece: number): void {
    if (!this.theirPieces.onLost(piece)) return;
    if (this.options.fast) this.download.giveUp(piece);
    else this.download.withdraw(piece);
  }

  private use(content: SessionContent): void {
    const { geometry } = content;
    this.decoder.setPieceCount(geometry.pieceCount);
    this.serving.open(content);
    this.download.open(geometry);
    this.theirPieces.open(geometry.pieceCount);
    this.theirHints.open(geometry.pieceCount);
  }

  private fail(error: unknown): void {
    const { reason, detail, record } = failureOf(this.connection, error);
    if (record) this.options.output.fact(record);
    this.close(reason, detail);
  }
}
