// One peer connection from its first step to its end: dialled or accepted, handshake, entrance,
// conversation. It keeps the order of these steps, and reports exactly one end.

import type { CloseReason } from '../messages/close-reasons';
import { failureOf } from '../peer/failure';
import type { PeerSession } from '../peer/session';
import type { WireTap } from '../trace/tap';
import type { ByteStream, EndPoint, IncomingStream, StreamHandler } from '../transport/stream';
import { encodeHandshake, supportsExtensions, supportsFast } from '../wire/handshake';
import type { Handshake } from '../wire/messages';
import type { ConnectionContext, ThreadConnection } from './connection-context';
import { Conversation } from './conversation';
import { Opening } from './opening';
import type { OpenTorrent } from './open-torrent';

/** `waiting`: the handshake is complete, and others are let in first. */
type State = 'opening' | 'waiting' | 'open' | 'closed';

/** The end point of a stream that closed before it could be read. */
const NOWHERE = { host: undefined, port: undefined };

export class Connection implements StreamHandler, ThreadConnection {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  private readonly context: ConnectionContext;
  /** Undefined unless this connection is traced. */
  private readonly tap: WireTap | undefined;
  private readonly opening: Opening;
  private stream: ByteStream | undefined;
  private state: State = 'opening';
  private torrentSource: OpenTorrent | undefined;
  private conversation: Conversation | undefined;

  private constructor(context: ConnectionContext, id: number, peer: EndPoint, dial?: number) {
    this.context = context;
    this.id = id;
    const { host, port } = peer;
    this.host = host;
    this.port = port;
    this.tap = context.tracer?.tap({ host, port, connection: id, dialled: dial !== undefined });
    this.opening = new Opening(context, dial);
  }

  /** Connects to a peer of a torrent. */
  static dial(
    context: ConnectionContext,
    id: number,
    order: EndPoint & { readonly dial: number },
    source: OpenTorrent,
  ): Connection {
    const connection = new Connection(context, id, order, order.dial);
    connection.torrentSource = source;
    try {
      connection.stream = context.transport.dial(order, connection, context.mayReach);
    } catch (error) {
      // A host or port that is refused at once is reported later, like every failed dial.
      const { reason, detail } = connection.opening.endingBy(error as Error, true);
      process.nextTick(() => connection.close(reason, detail));
    }
    return connection;
  }

  /** Adopts a stream that the peer opened. */
  static accept(context: ConnectionContext, id: number, incoming: IncomingStream): Connection {
    const connection = new Connection(context, id, incoming.from);
    connection.stream = incoming.open(connection);
    connection.openTap();
    return connection;
  }

  /** Undefined before the handshake is complete. */
  get session(): PeerSession | undefined {
    return this.state === 'open' ? this.conversation?.session : undefined;
  }
  /** The address of the peer; the host as it was given while a name is being looked up. */
  get address(): string {
    return this.stream?.remote?.host ?? this.host;
  }
  /** Our own end; undefined until the stream is open. */
  get localAddress(): string | undefined {
    return this.stream?.local?.host;
  }
  get torrent(): OpenTorrent | undefined {
    return this.torrentSource;
  }

  // ---- for the actor ----

  /** Executes an order; an error in it ends only this connection. */
  order(carryOut: (session: PeerSession) => void): void {
    this.guard(() => {
      const { session } = this;
      if (session !== undefined) carryOut(session);
    });
  }

  endTurn(): void {
    this.guard(() => {
      if (this.state === 'open') this.conversation?.endTurn();
    });
  }

  enter(): void {
    this.guard(() => {
      const { handshake } = this.opening.decoder;
      if (this.state !== 'waiting' || handshake === undefined) return;
      const { early } = this.opening;
      this.opening.early = new Uint8Array();
      this.open(handshake);
      this.stream?.resume();
      this.conversation?.receive(early, 0, early.length);
    });
  }

  tick(nowMs: number): void {
    this.guard(() => {
      if (this.state === 'opening') {
        const late = this.opening.late(nowMs);
        if (late !== undefined) this.close(late.reason, late.detail);
      }
      if (this.state === 'open') this.conversation?.tick(nowMs);
    });
  }

  /** Appends this connection's row of a `traffic` fact, if it transferred anything. */
  pushTraffic(rows: number[]): void {
    this.conversation?.pushTraffic(rows);
  }

  /** Ends the connection in any state, and reports that once. */
  close(reason: CloseReason, detail: string): void {
    if (this.state === 'closed') return;
    const { context, conversation } = this;
    this.state = 'closed';
    conversation?.end(reason, detail); // Calls this method again, with the state closed.
    this.tap?.closed(reason, detail);
    this.stream?.destroy();
    if (conversation === undefined) context.send(this.opening.endFact(this, reason, detail));
    else conversation.reportEnd(reason, detail);
    context.onGone(this);
  }

  // ---- StreamHandler ----

  onOpen(): void {
    this.guard(() => {
      if (this.state !== 'opening' || this.torrentSource === undefined) return;
      this.opening.connected();
      this.openTap();
      this.sendHandshake(this.torrentSource);
    });
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.tap?.received(bytes, start, end);
      let position = start;
      if (this.state === 'opening') {
        const { decoder } = this.opening;
        position += decoder.feed(bytes, start, end);
        if (decoder.handshake === undefined) return;
        this.onHandshake(decoder.handshake, bytes.subarray(position, end));
      }
      if (this.state === 'open') this.conversation?.receive(bytes, position, end);
    } catch (error) {
      this.fail(error);
    }
  }

  onError(error: Error): void {
    const { reason, detail } = this.opening.endingBy(error, this.state === 'opening');
    this.closeByPeer(reason, detail);
  }

  onEnd(): void {
    this.closeByPeer('remote-closed', 'the peer ended the stream');
  }

  onClose(): void {
    this.closeByPeer('remote-closed', 'the connection was closed');
  }

  private closeByPeer(reason: CloseReason, detail: string): void {
    const refusesPlain = this.state === 'opening' && this.opening.refusesPlain;
    this.close(refusesPlain ? 'plain-refused' : reason, detail);
  }

  private openTap(): void {
    this.tap?.opened(this.stream?.local ?? NOWHERE, this.stream?.remote ?? NOWHERE);
  }

  // ---- the handshake ----

  private onHandshake(theirs: Handshake, rest: Uint8Array): void {
    const { context, opening } = this;
    const known = opening.torrentOf(theirs, this.torrentSource);
    if ('reason' in known) return this.close(known.reason, known.detail);
    const incoming = opening.dial === undefined;
    // Sent before the checks: if it is our own dial, that side must learn the peer id, or it would
    // dial again.
    if (incoming) this.sendHandshake(known);
    if (opening.isOurself(theirs))
      return this.close('self-connection', 'the peer has our own peer id');
    this.torrentSource = known;
    if (incoming && !context.mayEnter(this)) {
      this.state = 'waiting';
      opening.early = new Uint8Array(rest);
      this.stream?.pause();
      return;
    }
    this.open(theirs);
  }

  private open(theirs: Handshake): void {
    const { id, host, port, context, stream, torrentSource, tap } = this;
    if (stream === undefined || torrentSource === undefined) return;
    this.state = 'open';
    const guard = (work: () => void): void => this.guard(work);
    const close = (reason: CloseReason, detail: string): void => this.close(reason, detail);
    const line = { id, context, stream, tap, guard, close };
    const theySupport = {
      extensions: supportsExtensions(theirs.reserved),
      fast: supportsFast(theirs.reserved),
    };
    this.conversation = new Conversation(line, { host, port }, torrentSource, theySupport);
    this.conversation.start({ host, port, peerId: theirs.peerId, ...this.opening.origin });
  }

  private sendHandshake(source: OpenTorrent): void {
    const { infoHash } = source;
    const handshake = encodeHandshake({ infoHash, peerId: this.context.peerId, fast: true });
    this.tap?.sent(handshake);
    this.stream?.write(handshake);
  }

  /** Runs `work`; an error in it ends only this connection. */
  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    const { reason, detail, record } = failureOf(this.id, error);
    if (record) this.context.send(record);
    this.close(reason, detail);
  }
}
