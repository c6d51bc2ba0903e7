// One peer connection: a socket under a handshake, then under a session. It decides nothing about
// the conversation; it moves bytes, watches the clock and reports exactly one end.

import type { Socket } from 'node:net';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { CLOSE_REASONS } from '../messages/close-reasons';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import type { Serving } from '../peer/serving';
import { PeerSession } from '../peer/session';
import { SlotUse } from '../peer/slot-use';
import type { SessionOutput } from '../peer/session-types';
import type { WireTap } from '../trace/tap';
import { WireWriter } from '../wire/encoder';
import { HandshakeDecoder, encodeHandshake, supportsExtensions } from '../wire/handshake';
import type { ConnectionContext } from './connection-context';
import { adoptSocket, dialSocket } from './sockets';
import type { TorrentSource } from './torrent-source';
import { TrafficRow } from './traffic-row';
import type { UploadPeer } from './upload';

/**
 * Small messages that a peer may leave unread before it is dropped: 1 MiB is 60,000 requests. A peer
 * that chokes and unchokes in a loop and reads nothing would else fill our memory.
 */
const MAX_UNREAD_BYTES = 1_048_576;

/** Who began it; decides how an end before the handshake is reported. */
type Origin = { readonly type: 'dialled'; readonly dial: number } | { readonly type: 'accepted' };

type State = 'dialling' | 'handshaking' | 'open' | 'closed';

export class Connection implements SessionOutput, UploadPeer {
  readonly id: number;
  private readonly context: ConnectionContext;
  private readonly origin: Origin;
  private readonly host: string;
  private readonly port: number;
  /** Undefined unless this connection is traced: then all it costs is the question. */
  private readonly tap: WireTap | undefined;
  private readonly writer = new WireWriter();
  private readonly handshake = new HandshakeDecoder();
  private socket: Socket | undefined;
  private state: State;
  private torrentSource: TorrentSource | undefined;
  private peerSession: PeerSession | undefined;
  /** When the present step before `open` has taken too long. */
  private stepDeadlineMs: number;
  private serveWanted = false;
  private readonly traffic = new TrafficRow();
  /** The peer has said too much of no use: what it says now waits in its own socket. */
  private paused = false;
  private readonly slotUse = new SlotUse();

  private constructor(
    context: ConnectionContext,
    id: number,
    origin: Origin,
    peer: { readonly host: string; readonly port: number },
  ) {
    const nowMs = context.nowMs();
    this.context = context;
    this.id = id;
    this.origin = origin;
    this.host = peer.host;
    this.port = peer.port;
    this.tap = context.tracer?.tap({ ...peer, connection: id, dialled: origin.type === 'dialled' });
    this.state = origin.type === 'dialled' ? 'dialling' : 'handshaking';
    const { dialTimeoutMs, handshakeTimeoutMs } = context.limits;
    this.stepDeadlineMs = nowMs + (this.state === 'dialling' ? dialTimeoutMs : handshakeTimeoutMs);
  }

  /** Connects to a peer of a torrent. */
  static dial(
    context: ConnectionContext,
    id: number,
    order: { readonly dial: number; readonly host: string; readonly port: number },
    source: TorrentSource,
  ): Connection {
    const origin: Origin = { type: 'dialled', dial: order.dial };
    const connection = new Connection(context, id, origin, order);
    connection.torrentSource = source;
    try {
      const socket = dialSocket(order, context.readBuffer, connection.onBytes);
      connection.attach(socket);
      socket.once('connect', () => connection.guard(() => connection.onConnect()));
    } catch (error) {
      // A host or port that Node refuses outright. Later, as every other failed dial.
      process.nextTick(() => connection.close('dial-failed', recordOf(error).message));
    }
    return connection;
  }

  /** Takes over a socket that the listener accepted. */
  static accept(
    context: ConnectionContext,
    id: number,
    accepted: Socket,
    peer: { readonly host: string; readonly port: number },
  ): Connection {
    const connection = new Connection(context, id, { type: 'accepted' }, peer);
    connection.attach(adoptSocket(accepted, context.readBuffer, connection.onBytes));
    connection.openTap();
    return connection;
  }

  /** Undefined before the handshake is complete. */
  get session(): PeerSession | undefined {
    return this.state === 'open' ? this.peerSession : undefined;
  }
  /** The torrent, once it is known which. */
  get torrent(): TorrentSource | undefined {
    return this.torrentSource;
  }

  // ---- for the actor ----

  /** Carries an order out; an error in it ends this connection only. */
  order(carryOut: (session: PeerSession) => void): void {
    this.guard(() => {
      if (this.state === 'open' && this.peerSession !== undefined) carryOut(this.peerSession);
    });
  }

  /** After orders: what they changed goes out in one write. */
  endTurn(): void {
    this.guard(() => {
      if (this.state !== 'open') return;
      this.peerSession?.endTurn();
      this.flush();
    });
  }

  tick(nowMs: number): void {
    this.guard(() => {
      if (this.state === 'dialling' || this.state === 'handshaking') this.checkStep(nowMs);
      if (this.state !== 'open' || this.peerSession === undefined) return;
      if (nowMs >= this.peerSession.nextDeadlineMs) this.peerSession.tick(nowMs);
      this.checkUpload(this.peerSession, nowMs);
      this.flush();
      this.paceReads(nowMs);
    });
  }

  /** Appends this connection's row of a `traffic` fact, if anything moved. */
  pushTraffic(rows: number[]): void {
    if (this.peerSession !== undefined) this.traffic.push(rows, this.peerSession);
  }

  // ---- SessionOutput ----

  fact(fact: PeerFact): void {
    this.tap?.fact(fact);
    this.context.send(fact);
  }

  serve(): void {
    this.serveWanted = true;
  }

  /** Ends the connection, whatever its state, and reports so once. */
  close(reason: CloseReason, detail: string): void {
    if (this.state === 'closed') return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    this.peerSession?.close(reason, detail); // calls back here, and finds the state closed
    this.context.uploader.forget(this);
    this.tap?.closed(reason, detail);
    this.socket?.destroy();
    this.context.send(this.endFact(wasOpen, reason, detail));
    this.context.onGone(this);
  }

  // ---- UploadPeer ----

  get source(): TorrentSource {
    if (this.torrentSource === undefined) {
      throw new MillraceError('unexpected', 'a connection serves before its handshake');
    }
    return this.torrentSource;
  }
  get serving(): Serving {
    if (this.peerSession === undefined) {
      throw new MillraceError('unexpected', 'a connection serves before its handshake');
    }
    return this.peerSession.serving;
  }
  get writable(): boolean {
    return this.state === 'open';
  }
  cork(): void {
    this.socket?.cork();
  }
  uncork(): void {
    this.socket?.uncork();
  }
  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.tap?.sent(bytes);
    if (onFlushed === undefined) {
      this.socket?.write(bytes);
      return;
    }
    this.socket?.write(bytes, () => this.guard(onFlushed));
  }
  noteServed(lengthBytes: number): void {
    this.peerSession?.noteServed(lengthBytes, this.context.nowMs());
  }

  // ---- the socket ----

  private attach(socket: Socket): void {
    this.socket = socket;
    socket.on('error', (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      const reason = this.state === 'dialling' ? 'dial-failed' : 'connection-error';
      this.close(this.refusesPlain ? 'plain-refused' : reason, `${code}: ${error.message}`);
    });
    const closed = (detail: string): void =>
      this.close(this.refusesPlain ? 'plain-refused' : 'remote-closed', detail);
    socket.on('end', () => closed('the peer ended the stream'));
    socket.on('close', () => closed('the connection was closed'));
  }

  /** It took our dial, was sent our handshake, and has not said a byte. */
  private get refusesPlain(): boolean {
    return this.origin.type === 'dialled' && this.state === 'handshaking' && this.handshake.isEmpty;
  }

  private openTap(): void {
    const { tap, socket } = this;
    const end = (host?: string, port?: number) => ({ host, port });
    tap?.opened(
      end(socket?.localAddress, socket?.localPort),
      end(socket?.remoteAddress, socket?.remotePort),
    );
  }

  private onConnect(): void {
    if (this.state !== 'dialling' || this.torrentSource === undefined) return;
    this.state = 'handshaking';
    this.openTap();
    this.stepDeadlineMs = this.context.nowMs() + this.context.limits.handshakeTimeoutMs;
    this.sendHandshake(this.torrentSource);
  }

  private readonly onBytes = (bytes: Uint8Array, start: number, end: number): void => {
    this.guard(() => {
      this.tap?.received(bytes, start, end);
      let position = start;
      if (this.state === 'handshaking') {
        position += this.handshake.feed(bytes, start, end);
        if (this.handshake.handshake === undefined) return;
        this.onHandshake();
      }
      if (this.state !== 'open' || this.peerSession === undefined) return;
      const nowMs = this.context.nowMs();
      if (position < end) this.peerSession.receive(bytes, position, end, nowMs);
      this.flush();
      this.paceReads(nowMs);
    });
  };

  private onHandshake(): void {
    const theirs = this.handshake.handshake;
    if (theirs === undefined) return;
    const { context } = this;
    const known = this.torrentSource ?? context.findTorrent(theirs.infoHash);
    if (known === undefined || known.closed || !equal(known.infoHash, theirs.infoHash)) {
      const hash = Buffer.from(theirs.infoHash).toString('hex');
      this.close('wrong-info-hash', `the peer handshook with info hash ${hash}`);
      return;
    }
    // Answered first: our dialling half must see who it is, or it would dial again and again.
    if (this.origin.type === 'accepted') this.sendHandshake(known);
    if (equal(theirs.peerId, context.peerId)) {
      this.close('self-connection', 'the peer has our own peer id');
      return;
    }
    this.torrentSource = known;
    this.state = 'open';
    context.onShaken(this);
    const nowMs = context.nowMs();
    const listenPort = context.listenPort();
    const session = new PeerSession(
      {
        connection: this.id,
        thread: context.thread,
        geometry: known.geometry,
        have: known.have,
        slab: context.slab,
        table: context.table,
        limits: context.limits,
        extensions: supportsExtensions(theirs.reserved),
        clientName: context.clientName,
        ...(listenPort === undefined ? {} : { listenPort }),
        // No peer ever sees this thread's random numbers, and `node:crypto` would slow its start.
        hashSeed: Math.floor(Math.random() * 2 ** 32),
        writer: this.writer,
        output: this,
      },
      nowMs,
    );
    this.peerSession = session;
    context.send({
      type: 'connected',
      connection: this.id,
      torrent: known.torrent,
      ...(this.origin.type === 'dialled' ? { dial: this.origin.dial } : {}),
      host: this.host,
      port: this.port,
      peerId: theirs.peerId,
    });
    session.start(nowMs);
  }

  private sendHandshake(source: TorrentSource): void {
    const handshake = encodeHandshake({ infoHash: source.infoHash, peerId: this.context.peerId });
    this.tap?.sent(handshake);
    this.socket?.write(handshake);
  }

  /** Everything said in this turn, in one write. */
  private flush(): void {
    const { socket, peerSession } = this;
    if (this.state !== 'open' || socket === undefined) return;
    const { uploader, nowMs } = this.context;
    const messages = this.writer.take();
    const serve = this.serveWanted;
    this.serveWanted = false;
    const together = serve && messages !== undefined;
    if (together) socket.cork();
    if (messages !== undefined) {
      this.tap?.sent(messages);
      socket.write(messages);
      peerSession?.noteSent(nowMs());
    }
    if (serve) uploader.pump(this);
    if (together) socket.uncork();
    if (socket.writableLength - uploader.queuedBytesOf(this) > MAX_UNREAD_BYTES) {
      this.close('not-reading', `the peer left more than ${MAX_UNREAD_BYTES} bytes unread`);
    }
  }

  /** After a flood the socket is not read until a tick finds its cost paid by time. */
  private paceReads(nowMs: number): void {
    const { socket, peerSession } = this;
    if (this.state !== 'open' || socket === undefined || peerSession === undefined) return;
    const paused = nowMs < peerSession.readAgainMs;
    if (paused === this.paused) return;
    this.paused = paused;
    if (paused) socket.pause();
    else socket.resume();
  }

  /** Does the peer use what it has of our upload? The choker wants to know, and not for ever. */
  private checkUpload(session: PeerSession, nowMs: number): void {
    const { uploader, limits, send } = this.context;
    const stalledMs = uploader.stalledMsOf(this, nowMs);
    const queuedBytes = uploader.queuedBytesOf(this);
    if (stalledMs >= limits.idleTimeoutMs) {
      this.close('idle-timeout', `the peer takes no data: ${queuedBytes} bytes wait`);
      return;
    }
    const { slotUse } = this;
    const { serving, uploadedBytes } = session;
    const { choked } = serving;
    const served = queuedBytes > 0 || serving.waiting > 0;
    const look = { stalledMs, choked, served, uploadedBytes, flooding: this.paused };
    if (!slotUse.look(look, nowMs)) return;
    send({ type: 'upload-stalled', connection: this.id, stalled: slotUse.isUnused });
  }

  private checkStep(nowMs: number): void {
    if (nowMs < this.stepDeadlineMs) return;
    const { dialTimeoutMs, handshakeTimeoutMs } = this.context.limits;
    if (this.state === 'dialling') {
      this.close('dial-timeout', `no answer in ${dialTimeoutMs} ms`);
    } else {
      this.close('handshake-timeout', `no whole handshake in ${handshakeTimeoutMs} ms`);
    }
  }

  private endFact(wasOpen: boolean, reason: CloseReason, detail: string): PeerFact {
    const session = this.peerSession;
    if (wasOpen && session !== undefined) {
      const rows: number[] = [];
      this.pushTraffic(rows);
      if (rows.length > 0) this.context.send({ type: 'traffic', rows });
      return {
        type: 'closed',
        connection: this.id,
        reason,
        detail,
        downloadedBytes: session.download.downloadedBytes,
        uploadedBytes: session.uploadedBytes,
      };
    }
    if (this.origin.type === 'dialled') {
      return { type: 'dial-failed', dial: this.origin.dial, reason, detail };
    }
    return { type: 'rejected', host: this.host, port: this.port, reason, detail };
  }

  /** Whatever goes wrong in here is this connection's end and nobody else's. */
  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const { code, message } = recordOf(error);
      if (Object.hasOwn(CLOSE_REASONS, code)) {
        this.close(code as CloseReason, message);
        return;
      }
      this.context.send({
        type: 'log',
        level: 'error',
        message: `a connection was closed by an internal error: ${message}`,
        fields: { connection: this.id, code },
      });
      this.close('connection-error', message);
    }
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
