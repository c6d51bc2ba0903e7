// An open connection: a session over a stream. Reads go into the session, and the messages of a
// turn are sent in one write, besides its uploads.

import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import { EXTENSIONS } from '../peer/extensions/list';
import { PeerSession } from '../peer/session';
import { SessionRates } from '../peer/session-rates';
import type { RatedDriver } from '../peer/session-rates';
import { SlotUse } from '../peer/slot-use';
import type { SessionOutput } from '../peer/session-types';
import type { WireTap } from '../trace/tap';
import type { ByteStream, EndPoint } from '../transport/stream';
import { WireWriter } from '../wire/encoder';
import type { ConnectionContext } from './connection-context';
import type { OpenTorrent } from './open-torrent';
import type { PausedReader } from './read-turns';
import { TrafficRow } from './traffic-row';
import { Upload } from './upload/upload';

/**
 * Small messages that a peer may leave unread before it is closed: 1 MiB is 60,000 requests. A peer
 * that chokes and unchokes in a loop and reads nothing could otherwise fill our memory.
 */
const MAX_UNREAD_BYTES = 1_048_576;

/** What a conversation needs from its connection. */
export interface Line {
  readonly id: number;
  readonly context: ConnectionContext;
  readonly stream: ByteStream;
  /** Undefined unless this connection is traced. */
  readonly tap: WireTap | undefined;
  /** Runs `work`; an error in it ends only this connection. */
  readonly guard: (work: () => void) => void;
  readonly close: (reason: CloseReason, detail: string) => void;
}

/** Extensions that the peer's handshake announced: the extension protocol (BEP 10), the fast extension (BEP 6). */
export interface Supported {
  readonly extensions: boolean;
  readonly fast: boolean;
}

export class Conversation implements SessionOutput, PausedReader, RatedDriver {
  readonly session: PeerSession;
  private readonly line: Line;
  private readonly theySupport: Supported;
  private readonly source: OpenTorrent;
  private readonly writer = new WireWriter();
  private readonly traffic = new TrafficRow();
  private readonly rates: SessionRates;
  private readonly slotUse = new SlotUse();
  /** Undefined until the peer has requested something. */
  private upload: Upload | undefined;
  private serveWanted = false;
  /** The peer has exceeded its message budget: its data waits in its stream. */
  private paused = false;
  /** The session writes more once the bytes written so far have been sent. */
  private writing = false;
  /** Requests in flight exceed a lowered rate limit: the stream is not read. */
  private heldBack = false;

  constructor(line: Line, remote: EndPoint, source: OpenTorrent, theySupport: Supported) {
    this.theySupport = theySupport;
    this.line = line;
    this.source = source;
    const { context } = line;
    const listenPort = context.listenPort();
    this.session = new PeerSession(
      {
        connection: line.id,
        thread: context.thread,
        remote,
        swarm: source.swarm,
        content: source.content,
        info: source.info,
        slab: context.slab,
        table: context.table,
        limits: context.limits,
        extensionProtocol: theySupport.extensions,
        fast: theySupport.fast,
        extensions: EXTENSIONS,
        clientName: context.clientName,
        ...(listenPort === undefined ? {} : { listenPort }),
        // No peer ever sees this thread's random numbers, and `node:crypto` would slow its start
        // down.
        hashSeed: Math.floor(Math.random() * 2 ** 32),
        writer: this.writer,
        output: this,
      },
      context.nowMs(),
    );
    this.rates = new SessionRates(source.torrent, this.session, this);
  }

  /** Reports the handshake, and sends the first messages. */
  start(peer: EndPoint & { readonly peerId: Uint8Array; readonly dial?: number }): void {
    const { id: connection, context } = this.line;
    const { torrent } = this.source;
    const { fast } = this.theySupport;
    context.send({ type: 'connected', connection, torrent, fast, ...peer });
    context.rates.join(this.rates, context.nowMs());
    this.session.start(context.nowMs());
  }

  /** Handles received bytes, possibly none. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const nowMs = this.line.context.nowMs();
    if (start < end) this.session.receive(bytes, start, end, nowMs);
    this.flush();
    this.paceReads(nowMs);
    if (this.session.download.isHeldBack) this.holdBack();
  }

  /** Called after orders: sends what they changed in one write. */
  endTurn(): void {
    this.session.endTurn();
    this.flush();
  }

  tick(nowMs: number): void {
    if (this.heldBack) this.session.excuse(nowMs);
    if (nowMs >= this.session.nextDeadlineMs) this.session.tick(nowMs);
    this.checkUpload(nowMs);
    this.flush();
    this.paceReads(nowMs);
  }

  /** Appends this connection's row of a `traffic` fact, if it transferred anything. */
  pushTraffic(rows: number[]): void {
    this.traffic.push(rows, this.session);
  }

  /** The connection has ended: nothing more is written. */
  end(reason: CloseReason, detail: string): void {
    this.session.close(reason, detail);
    this.upload?.end();
    this.line.context.rates.leave(this.rates);
    this.line.context.readTurns.forget(this);
  }

  /** Sends the last figures and the end, as facts. */
  reportEnd(reason: CloseReason, detail: string): void {
    const { id: connection, context } = this.line;
    const rows: number[] = [];
    this.pushTraffic(rows);
    if (rows.length > 0) context.send({ type: 'traffic', rows });
    const { downloadedBytes } = this.session.download;
    const { uploadedBytes } = this.session;
    context.send({ type: 'closed', connection, reason, detail, downloadedBytes, uploadedBytes });
  }

  // ---- RatedDriver ----

  requestMore(): void {
    this.line.guard(() => {
      const { context, stream } = this.line;
      if (this.heldBack) {
        this.heldBack = false;
        if (!this.paused) stream.resume();
      }
      this.session.goOn(context.nowMs());
      this.flush();
    });
  }

  serveMore(): void {
    this.upload?.resume();
  }

  private holdBack(): void {
    this.session.download.allowance?.wait();
    if (this.heldBack) return;
    this.heldBack = true;
    this.line.stream.pause();
  }

  // ---- SessionOutput ----

  fact(fact: PeerFact): void {
    this.line.tap?.fact(fact);
    this.line.context.send(fact);
  }

  serve(): void {
    this.serveWanted = true;
  }

  close(reason: CloseReason, detail: string): void {
    this.line.close(reason, detail);
  }

  /** Sends all messages of this turn in one write. */
  private flush(): void {
    if (this.session.closed) return;
    const { stream, tap, context } = this.line;
    const messages = this.writer.take();
    const serve = this.serveWanted;
    this.serveWanted = false;
    const together = serve && messages !== undefined;
    if (together) stream.cork();
    if (messages !== undefined) {
      tap?.sent(messages);
      stream.write(messages, this.onSent());
      this.session.noteSent(context.nowMs());
    }
    if (serve) this.serveNow();
    if (together) stream.uncork();
    if (stream.queuedBytes - this.queuedBytes > MAX_UNREAD_BYTES) {
      this.close('not-reading', `the peer left more than ${MAX_UNREAD_BYTES} bytes unread`);
    }
  }

  /** Continues what is too long for one write; undefined if there is nothing, or a callback is set already. */
  private onSent(): (() => void) | undefined {
    if (this.writing || !this.session.isWriting) return undefined;
    this.writing = true;
    return () =>
      this.line.guard(() => {
        this.writing = false;
        this.session.writeOn(this.line.context.nowMs());
        this.flush();
      });
  }

  private serveNow(): void {
    const { line, session } = this;
    const { content } = this.source;
    if (content === undefined) return; // Nothing is served yet.
    this.upload ??= new Upload(line.context.uploader, line, content, session);
    this.upload.pump();
  }

  /** Payload that the stream has not sent. */
  private get queuedBytes(): number {
    return this.upload?.queuedBytes ?? 0;
  }

  /** After a flood, the socket is not read until the budget has recovered, and then in its turn. */
  private paceReads(nowMs: number): void {
    const paused = nowMs < this.session.readAgainMs;
    if (paused === this.paused || this.session.closed) return;
    if (!paused) return this.line.context.readTurns.wait(this);
    this.paused = true;
    this.line.stream.pause();
  }

  readOn(): void {
    this.paused = false;
    if (!this.heldBack) this.line.stream.resume();
  }

  /** Checks whether the peer uses its upload slot, for the choker. */
  private checkUpload(nowMs: number): void {
    const { limits, send } = this.line.context;
    const stalledMs = this.upload?.stalledMs(nowMs) ?? 0;
    const { queuedBytes } = this;
    if (stalledMs >= limits.idleTimeoutMs) {
      this.close('idle-timeout', `the peer takes no data: ${queuedBytes} bytes wait`);
      return;
    }
    const { serving, uploadedBytes } = this.session;
    const { choked } = serving;
    const served = queuedBytes > 0 || serving.waiting > 0;
    const look = { stalledMs, choked, served, uploadedBytes, flooding: this.paused };
    if (!this.slotUse.look(look, nowMs)) return;
    send({ type: 'upload-stalled', connection: this.line.id, stalled: this.slotUse.isUnused });
  }
}
