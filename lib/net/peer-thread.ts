// The actor of a peer thread: one switch over its orders, one tick over its connections. It owns
// its connections until they end, and decides neither which pieces are requested nor who is choked.

import { toHex } from '../bytes/hex';
import { assertNever, recordOf } from '../errors/millrace-error';
import { LogThrottle } from '../errors/log-throttle';
import { systemAdvice, systemReason } from '../errors/system-error';
import { BlockTable } from '../memory/block-table';
import { Slab } from '../memory/slab';
import type { CloseReason } from '../messages/close-reasons';
import type {
  OrderOf as Order,
  PeerFact,
  PeerOrder,
  PeerThreadStart,
} from '../messages/peer-thread';
import type { PeerSession } from '../peer/session';
import { DOWN, ThreadRates, UP } from '../rate/thread-rates';
import type { LogLevel } from '../text/log-levels';
import type { IncomingStream, Listener, Transport } from '../transport/stream';
import { bindingTo } from '../transport/binding';
import { TcpTransport } from '../transport/tcp';
import { BindingWatch } from './binding-watch';
import { Connection } from './connection';
import type { ConnectionContext, ThreadConnection } from './connection-context';
import { ConnectionIds } from './connection-ids';
import { Entrance } from './entrance';
import { FILTERED, PeerFilter } from './peer-filter';
import { ReadTurns } from './read-turns';
import { loadTracer } from './load-tracer';
import { OpenTorrent } from './open-torrent';
import type { TorrentNews } from './open-torrent';
import { TrafficReports } from './traffic-reports';
import { Uploader } from './upload/uploader';

/**
 * One timer for all connections, and none without connections: short enough for a rate sample of
 * 100 ms, long enough to be cheap.
 */
export const TICK_MS = 125;

/**
 * Detail of an incoming connection that is refused, or closed for another one, before its
 * handshake.
 */
const OVERRUN = 'too many connections have not shaken hands yet';

export interface PeerThreadOptions {
  readonly start: PeerThreadStart;
  readonly send: (fact: PeerFact) => void;
  /** The thread's work is over: `stopped` was sent, and nothing keeps the thread alive. */
  readonly onStopped: () => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Defaults to TCP. */
  readonly transport?: Transport;
  /** First counter value in connection numbers: a restarted thread must not repeat numbers. */
  readonly firstConnection?: number;
  /** Utilisation of the event loop since the last call, 0 to 1. */
  readonly loopBusy?: () => number;
}

export class PeerThread {
  private readonly start: PeerThreadStart;
  private readonly send: (fact: PeerFact) => void;
  private readonly onStopped: () => void;
  private readonly nowMs: () => number;
  private readonly context: ConnectionContext;
  private readonly uploader: Uploader;
  private readonly readTurns = new ReadTurns();
  private readonly rates: ThreadRates;
  private listener: Listener | undefined;
  private readonly connections = new Map<number, Connection>();
  private readonly entrance: Entrance;
  private readonly filter: PeerFilter;
  private readonly binding: BindingWatch;
  private readonly torrents = new Map<number, OpenTorrent>();
  /** The torrents by info hash, in hex. */
  private readonly byInfoHash = new Map<string, OpenTorrent>();
  /** Connections that got orders in this batch: each is flushed once, at its end. */
  private readonly touched = new Set<ThreadConnection>();
  private ticker: NodeJS.Timeout | undefined;
  private listenPort: number | undefined;
  private readonly ids: ConnectionIds;
  private readonly reports: TrafficReports;
  private stopping = false;
  private readonly notAccepted = new LogThrottle();

  constructor(options: PeerThreadOptions) {
    const { start, send, nowMs } = options;
    const { ipFilter, bind, announcePort, dscp } = start.network;
    const own = bind === undefined ? undefined : bindingTo(bind);
    this.start = start;
    this.send = send;
    this.onStopped = options.onStopped;
    this.nowMs = nowMs;
    this.ids = new ConnectionIds(start.thread, options.firstConnection ?? 0);
    this.filter = new PeerFilter(ipFilter);
    this.binding = new BindingWatch(own);
    this.entrance = new Entrance(start.limits.maxHandshakes);
    this.rates = new ThreadRates((rows) => send({ type: 'rates', rows }));
    this.uploader = new Uploader(start.limits.uploadBufferBytes, send, nowMs);
    this.context = {
      thread: start.thread,
      peerId: start.peerId,
      clientName: `Millrace ${start.version}`,
      limits: start.limits,
      slab: Slab.over(start.slab),
      table: new BlockTable(start.blockTable),
      transport: options.transport ?? new TcpTransport({ own, dscp }),
      mayReach: (address) => !this.filter.refuses(address),
      uploader: this.uploader,
      readTurns: this.readTurns,
      rates: this.rates,
      tracer: start.trace === undefined ? undefined : loadTracer(start.trace, send),
      nowMs,
      send,
      findTorrent: (infoHash) => this.byInfoHash.get(toHex(infoHash)),
      listenPort: () => announcePort ?? this.listenPort,
      mayEnter: (connection) => this.entrance.mayEnter(connection, nowMs()),
      onGone: (connection) => this.onGone(connection),
    };
    this.reports = new TrafficReports(send, options.loopBusy ?? (() => 0), nowMs());
    send({ type: 'ready' });
  }

  handle(order: PeerOrder): void {
    switch (order.type) {
      case 'listen':
        return this.onListen(order);
      case 'ip-filter':
        return this.filter.replace(order.buffer, this.connections.values());
      case 'open-torrent':
        return this.onOpenTorrent(order);
      case 'torrent-content':
        return this.onTorrentContent(order);
      case 'torrent-info':
      case 'torrent-private':
      case 'upload-only':
        return this.onTorrentNews(order);
      case 'close-torrent':
        return this.onCloseTorrent(order);
      case 'swarm':
        // Each session sends the change with its next turn or tick.
        this.torrents.get(order.torrent)?.swarm?.update(order.ipv4, order.ipv6);
        return;
      case 'dial':
        return this.onDial(order);
      case 'lease':
        return this.onSession(order.lease.connection, (s) => s.lease(order.lease, this.nowMs()));
      case 'cancel-lease':
        return this.onSession(order.connection, (session) =>
          session.cancelLease(order.piece, order.generation, this.nowMs()),
        );
      case 'request-metadata':
        return this.onSession(order.connection, (s) => s.orderExtension(order, this.nowMs()));
      case 'have':
        return this.onHave(order);
      case 'reveal':
        return this.onSession(order.connection, (session) => session.reveal(order.piece));
      case 'conceal':
        return this.onConceal(order);
      case 'interest':
        return this.onSession(order.connection, (session) =>
          session.setInterested(order.interested, this.nowMs()),
        );
      case 'choke':
        return this.onSession(order.connection, (session) => session.setChoked(order.choked));
      case 'limit-rates':
        this.rates.limit(order.torrent, DOWN, order.down, this.nowMs());
        return this.rates.limit(order.torrent, UP, order.up, this.nowMs());
      case 'grant-rates':
        return this.rates.grant(order.rows, this.nowMs());
      case 'allow-fast':
        return this.onSession(order.connection, (session) => session.allowFast(order.pieces));
      case 'listen-port':
        this.listenPort = order.port;
        return;
      case 'close':
        this.connections.get(order.connection)?.close(order.reason, 'closed by the coordinator');
        return;
      case 'stop':
        return this.onStop();
      default:
        assertNever(order);
    }
  }

  /** Called after a batch of orders: sends everything that they produced. */
  endBatch(): void {
    for (const connection of this.touched) connection.endTurn();
    this.touched.clear();
  }

  /** An error that belongs to no connection: it is logged, and the thread continues. */
  reportError(error: unknown): void {
    const { code, message } = recordOf(error);
    this.log('error', `an error in peer thread ${this.start.thread}: ${message}`, { code });
  }

  // ---- orders ----

  private onSession(connection: number, carryOut: (session: PeerSession) => void): void {
    const target = this.connections.get(connection);
    if (target === undefined) return; // It has ended, and its fact is on its way.
    target.order(carryOut);
    this.touched.add(target);
  }

  private onListen(order: Order<'listen'>): void {
    this.listener?.close();
    const { port, host, share = 'alone' } = order;
    this.listener = this.context.transport.listen(
      { port, host, share },
      {
        onListening: (taken) => this.onListening(taken),
        onFailed: (code, message) => this.send({ type: 'listen-failed', code, message }),
        onIncoming: (incoming) => this.onIncoming(incoming),
        onError: (error) => this.onNotAccepted(error),
      },
    );
  }

  private onOpenTorrent(order: Order<'open-torrent'>): void {
    const source = new OpenTorrent(order.torrent);
    this.torrents.set(source.torrent, source);
    this.byInfoHash.set(toHex(source.infoHash), source);
  }

  private onTorrentContent(order: Order<'torrent-content'>): void {
    const source = this.torrents.get(order.torrent);
    if (source === undefined || source.content !== undefined) return;
    const content = source.open(order.content);
    for (const connection of this.connections.values()) {
      if (connection.torrent !== source) continue;
      connection.order((session) => {
        this.touched.add(connection);
        session.open(content, this.nowMs());
      });
    }
  }

  /** Something about a torrent has changed of which its peers get to know. */
  private onTorrentNews(order: TorrentNews): void {
    const source = this.torrents.get(order.torrent);
    if (source === undefined) return;
    source.note(order);
    for (const connection of this.connections.values()) {
      if (connection.torrent !== source) continue;
      connection.order((session) => session.orderExtension(order, this.nowMs()));
      this.touched.add(connection);
    }
  }

  private onCloseTorrent(order: Order<'close-torrent'>): void {
    const source = this.torrents.get(order.torrent);
    if (source === undefined) {
      this.send({ type: 'torrent-closed', torrent: order.torrent });
      return;
    }
    this.forgetTorrent(source);
    for (const connection of [...this.connections.values()]) {
      if (connection.torrent === source) connection.close(order.reason, 'the torrent was closed');
    }
    void this.closeSource(source).then(() =>
      this.send({ type: 'torrent-closed', torrent: order.torrent }),
    );
  }

  private onDial(order: Order<'dial'>): void {
    const { dial } = order;
    const source = this.torrents.get(order.torrent);
    if (source === undefined || this.stopping) {
      const reason = this.stopping ? 'shutting-down' : 'torrent-closed';
      this.send({ type: 'dial-failed', dial, reason, detail: 'the torrent is not open' });
      return;
    }
    if (this.filter.refuses(order.host)) {
      this.send({ type: 'dial-failed', dial, reason: 'ip-filter', detail: FILTERED });
      return;
    }
    if (this.full) {
      const detail = `${this.connections.size} connections are open`;
      this.send({ type: 'dial-failed', dial, reason: 'too-many-connections', detail });
      return;
    }
    this.add(Connection.dial(this.context, this.ids.next(), order, source));
  }

  private onHave(order: Order<'have'>): void {
    const source = this.torrents.get(order.torrent);
    if (source === undefined) return;
    for (const connection of this.connections.values()) {
      if (connection.torrent !== source) continue;
      connection.order((session) => {
        // Peers get it with the next message to them, or at the next tick.
        if (session.haveAnnounced(order.pieces)) this.touched.add(connection);
      });
    }
  }

  private onConceal({ torrent, concealed }: Order<'conceal'>): void {
    const source = this.torrents.get(torrent);
    if (source?.content === undefined) return;
    source.content.concealed = concealed;
    if (concealed) return;
    for (const connection of this.connections.values()) {
      if (connection.torrent !== source) continue;
      connection.order((session) => session.revealAll());
      this.touched.add(connection);
    }
  }

  private onStop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.stopTicking();
    this.listener?.close();
    for (const connection of [...this.connections.values()]) {
      connection.close('shutting-down', 'the engine is closing');
    }
    this.context.tracer?.close();
    const sources = [...this.torrents.values()];
    for (const source of sources) this.forgetTorrent(source);
    void Promise.all(sources.map((source) => this.closeSource(source))).then(() => {
      this.send({ type: 'stopped' });
      this.onStopped();
    });
  }

  // ---- connections ----

  private get full(): boolean {
    const { maxConnections } = this.start.limits;
    return this.connections.size - this.entrance.taken >= maxConnections;
  }

  private onIncoming(incoming: IncomingStream): void {
    const { from } = incoming;
    const refuse = (reason: CloseReason, detail: string): void => {
      incoming.refuse();
      this.send({ type: 'rejected', ...from, reason, detail });
    };
    if (this.filter.refuses(from.host)) return refuse('ip-filter', FILTERED);
    if (this.stopping || this.full) {
      const reason = this.stopping ? 'shutting-down' : 'too-many-connections';
      return refuse(reason, `${this.connections.size} connections are open`);
    }
    const id = this.ids.next();
    const { admitted, instead } = this.entrance.accept(id, from.host, this.nowMs());
    if (instead !== undefined) this.connections.get(instead)?.close('gave-way', OVERRUN);
    if (!admitted) return refuse('too-many-connections', OVERRUN);
    try {
      this.add(Connection.accept(this.context, id, incoming));
    } catch (error) {
      this.entrance.giveBack(id);
      incoming.refuse();
      this.reportError(error);
    }
  }

  private onNotAccepted(error: NodeJS.ErrnoException): void {
    const times = this.notAccepted.note(this.nowMs());
    if (times === undefined) return;
    const why = systemReason(error) + systemAdvice(error.code);
    this.log('warn', `incoming connections cannot be accepted: ${why}`, { times });
  }

  private onListening(port: number): void {
    this.listenPort = port;
    this.send({ type: 'listening', port });
  }

  private add(connection: Connection): void {
    this.connections.set(connection.id, connection);
    this.ticker ??= setInterval(() => this.tick(), TICK_MS);
  }

  private onGone(connection: ThreadConnection): void {
    this.connections.delete(connection.id);
    this.entrance.leave(connection);
    this.touched.delete(connection);
  }

  // ---- torrents ----

  private forgetTorrent(source: OpenTorrent): void {
    source.shut();
    this.rates.forget(source.torrent);
    this.torrents.delete(source.torrent);
    // The same torrent may have been opened again under another number.
    const key = toHex(source.infoHash);
    if (this.byInfoHash.get(key) === source) this.byInfoHash.delete(key);
  }

  private async closeSource(source: OpenTorrent): Promise<void> {
    if (source.content !== undefined) this.uploader.closeContent(source.content);
    try {
      await source.close();
    } catch (error) {
      this.reportError(error);
    }
  }

  // ---- time ----

  private tick(): void {
    const nowMs = this.nowMs();
    this.binding.tick(this.connections.values(), nowMs);
    for (const connection of [...this.connections.values()]) connection.tick(nowMs);
    this.entrance.letIn(nowMs);
    this.readTurns.tick();
    this.uploader.tick(nowMs);
    this.context.tracer?.flush();
    this.reports.tick(this.connections, nowMs, TICK_MS);
    if (this.connections.size === 0 && !this.reports.isOneDue && this.uploader.isEmpty)
      this.stopTicking();
  }

  private stopTicking(): void {
    clearInterval(this.ticker);
    this.ticker = undefined;
  }

  private log(
    level: LogLevel,
    message: string,
    fields: Readonly<Record<string, string | number | boolean>> = {},
  ): void {
    this.send({ type: 'log', level, message, fields });
  }
}
