// One peer connection from its first step to its end: dialled or accepted, shaken hands, let in, then
// under a conversation. It watches the clock of the steps and reports exactly one end.

import type { Socket } from 'node:net';
import { recordOf } from '../errors/millrace-error';
import { isLackOfOurs, systemAdvice, systemReason } from '../errors/system-error';
import { CLOSE_REASONS } from '../messages/close-reasons';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import type { PeerSession } from '../peer/session';
import type { WireTap } from '../trace/tap';
import { HandshakeDecoder, encodeHandshake, supportsExtensions } from '../wire/handshake';
import type { Handshake } from '../wire/messages';
import type { ConnectionContext } from './connection-context';
import { Conversation } from './conversation';
import { adoptSocket, dialSocket } from './sockets';
import type { OpenTorrent } from './open-torrent';

/** Who began it; decides how an end before the handshake is reported. */
type Origin = { readonly type: 'dialled'; readonly dial: number } | { readonly type: 'accepted' };

/** `waiting`: hands are shaken, and many others are to be let in before it. */
type State = 'dialling' | 'handshaking' | 'waiting' | 'open' | 'closed';

export class Connection {
  readonly id: number;
  readonly host: string;
  private readonly context: ConnectionContext;
  private readonly origin: Origin;
  private readonly port: number;
  /** Undefined unless this connection is traced: then all it costs is the question. */
  private readonly tap: WireTap | undefined;
  private readonly handshake = new HandshakeDecoder();
  private socket: Socket | undefined;
  private state: State;
  private torrentSource: OpenTorrent | undefined;
  private conversation: Conversation | undefined;
  /** What came behind the handshake of one that waits, in the same read. */
  private early = new Uint8Array();
  /** When the present step before `open` has taken too long. */
  private stepDeadlineMs: number;

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
    source: OpenTorrent,
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
    return this.state === 'open' ? this.conversation?.session : undefined;
  }
  /** The torrent, once it is known which. */
  get torrent(): OpenTorrent | undefined {
    return this.torrentSource;
  }

  // ---- for the actor ----

  /** Carries an order out; an error in it ends this connection only. */
  order(carryOut: (session: PeerSession) => void): void {
    this.guard(() => {
      const { session } = this;
      if (session !== undefined) carryOut(session);
    });
  }

  /** After orders: what they changed goes out in one write. */
  endTurn(): void {
    this.guard(() => {
      if (this.state === 'open') this.conversation?.endTurn();
    });
  }

  /** Its turn has come, after `mayEnter` had it wait. */
  enter(): void {
    this.guard(() => {
      const { handshake } = this.handshake;
      if (this.state !== 'waiting' || handshake === undefined) return;
      const { early } = this;
      this.early = new Uint8Array();
      this.open(handshake);
      this.socket?.resume();
      this.conversation?.receive(early, 0, early.length);
    });
  }

  tick(nowMs: number): void {
    this.guard(() => {
      if (this.state === 'dialling' || this.state === 'handshaking') this.checkStep(nowMs);
      if (this.state === 'open') this.conversation?.tick(nowMs);
    });
  }

  /** Appends this connection's row of a `traffic` fact, if anything moved. */
  pushTraffic(rows: number[]): void {
    this.conversation?.pushTraffic(rows);
  }

  /** Ends the connection, whatever its state, and reports so once. */
  close(reason: CloseReason, detail: string): void {
    if (this.state === 'closed') return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    if (this.conversation !== undefined) {
      this.conversation.session.close(reason, detail); // calls back here, and finds the state closed
      this.context.uploader.forget(this.conversation);
      this.context.readTurns.forget(this.conversation);
    }
    this.tap?.closed(reason, detail);
    this.socket?.destroy();
    this.context.send(this.endFact(wasOpen, reason, detail));
    this.context.onGone(this);
  }

  // ---- the socket ----

  private attach(socket: Socket): void {
    this.socket = socket;
    socket.on('error', (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      const dialling = this.state === 'dialling';
      if (dialling && isLackOfOurs(error))
        return this.close('local-limit', systemReason(error) + systemAdvice(code));
      const reason = dialling ? 'dial-failed' : 'connection-error';
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
        this.onHandshake(this.handshake.handshake, bytes.subarray(position, end));
      }
      if (this.state === 'open') this.conversation?.receive(bytes, position, end);
    });
  };

  private onHandshake(theirs: Handshake, rest: Uint8Array): void {
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
    if (this.origin.type === 'accepted' && !context.mayEnter(this)) {
      this.state = 'waiting';
      this.early = new Uint8Array(rest);
      this.socket?.pause();
      return;
    }
    this.open(theirs);
  }

  private open(theirs: Handshake): void {
    const { id, host, port, origin, context, socket, torrentSource, tap } = this;
    if (socket === undefined || torrentSource === undefined) return;
    this.state = 'open';
    const guard = (work: () => void): void => this.guard(work);
    const close = (reason: CloseReason, detail: string): void => this.close(reason, detail);
    const line = { id, context, socket, tap, guard, close };
    const extensions = supportsExtensions(theirs.reserved);
    this.conversation = new Conversation(line, torrentSource, extensions);
    context.send({
      type: 'connected',
      connection: id,
      torrent: torrentSource.torrent,
      ...(origin.type === 'dialled' ? { dial: origin.dial } : {}),
      host,
      port,
      peerId: theirs.peerId,
    });
    this.conversation.session.start(context.nowMs());
  }

  private sendHandshake(source: OpenTorrent): void {
    const handshake = encodeHandshake({ infoHash: source.infoHash, peerId: this.context.peerId });
    this.tap?.sent(handshake);
    this.socket?.write(handshake);
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
    const session = this.conversation?.session;
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
