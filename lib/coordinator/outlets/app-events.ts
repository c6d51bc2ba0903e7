// Sends events to the app thread, no faster than it handles them: one batch is in flight, and the
// next leaves when the app has handled it. Meanwhile newer figures and endings replace older ones,
// piece numbers accumulate, and of other events the oldest unimportant ones are dropped first.

import type { AppMessage, EngineEvent } from '../../messages/control';
import type { Clock } from './clock';
import { EventQueue, Latest } from '../../threads/latest';

/**
 * Waiting events. Enough for a busy second while the app is blocked; 10,000 small records take some
 * 2 MB.
 */
const MAX_WAITING_EVENTS = 10_000;

/**
 * Lines of the wire trace that wait for a slow app: some 2 MB, 20 MiB if each is 1 KiB long.
 * Further lines are dropped and counted.
 */
const MAX_TRACE_LINES = 20_000;

/** Shortest interval between batches. `complete`, `error` and `removed` do not wait for it. */
const INTERVAL_MS = 50;

type StatsEvent = Extract<EngineEvent, { type: 'stats' }>;
type EndEvent = Extract<EngineEvent, { type: 'complete' | 'error' | 'removed' }>;

export class AppEvents {
  private readonly send: (events: readonly EngineEvent[]) => void;
  private readonly clock: Clock;
  private readonly stats = new Latest<number, StatsEvent>();
  /**
   * For each torrent, the pieces array of an event that already waits: more pieces are added to it.
   */
  private readonly pieces = new Map<number, number[]>();
  /** The last event of each kind per torrent. An app may be waiting for one, so none is dropped. */
  private readonly ends = new Latest<string, EndEvent>();
  private readonly others = new EventQueue<EngineEvent>(MAX_WAITING_EVENTS);
  private traceLines: string[] = [];
  private lostLines = 0;
  private listening = true;
  private urgent = false;
  private lastSentMs = -Infinity;
  /** Cancels the flush that is due after the interval. */
  private cancelTimer: (() => void) | undefined;
  /** Cancels the flush that is due in this turn of the event loop. */
  private cancelSoon: (() => void) | undefined;

  constructor(send: (events: readonly EngineEvent[]) => void, clock: Clock) {
    this.send = send;
    this.clock = clock;
  }

  /** Queues an event. It is sent soon if the app is ready for a batch. */
  emit(event: EngineEvent): void {
    switch (event.type) {
      case 'stats':
        this.stats.put(event.torrent, event);
        break;
      case 'pieces':
        this.gather(event.torrent, event.pieces);
        break;
      case 'peer-connected':
      case 'peer-closed':
        // Keeps the order: pieces that follow one of these events get an event of their own.
        if (this.others.size < MAX_WAITING_EVENTS / 2) this.pieces.delete(event.torrent);
        this.others.push(event, 'low');
        break;
      case 'peer-rejected':
        this.others.push(event, 'low');
        break;
      case 'metadata':
        // One each time that the output is opened; the app causes further ones by `resume`.
        this.others.push(event, 'kept');
        break;
      case 'trace':
        this.keepLines(event);
        break;
      case 'log':
        this.others.push(
          event,
          event.level === 'error' || event.level === 'fatal' ? 'high' : 'low',
        );
        break;
      case 'piece-failed':
      case 'tracker':
        this.others.push(event, 'high');
        break;
      case 'complete':
      case 'error':
      case 'removed':
        this.ends.put(`${event.type} ${event.torrent}`, event);
        this.urgent = true;
        break;
    }
    this.schedule();
  }

  private schedule(): void {
    if (!this.listening) return;
    const waitMs = this.urgent ? 0 : this.lastSentMs + INTERVAL_MS - this.clock.nowMs();
    if (waitMs > 0) this.cancelTimer ??= this.clock.after(waitMs, () => this.flush());
    else this.cancelSoon ??= this.clock.soon(() => this.flush());
  }

  /** The app has handled the last batch. */
  onMessage(message: AppMessage): void {
    if (message.type !== 'events-handled') return;
    this.listening = true;
    if (this.waiting > 0) this.schedule();
  }

  /** Sends everything that waits, whether or not the app is ready: used when the engine closes. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelSoon?.();
    this.cancelTimer = undefined;
    this.cancelSoon = undefined;
    this.urgent = false;
    const events: EngineEvent[] = [];
    this.pieces.clear();
    if (this.traceLines.length > 0) {
      events.push({ type: 'trace', lines: this.traceLines, lost: this.lostLines });
      this.traceLines = [];
      this.lostLines = 0;
    }
    // Figures follow the events that they count, endings come last: a listener to an ending sees
    // the final figures.
    events.push(...this.others.take(), ...this.stats.take().values());
    events.push(...this.ends.take().values());
    if (events.length === 0) return;
    this.listening = false;
    this.lastSentMs = this.clock.nowMs();
    this.send(events);
  }

  private get waiting(): number {
    const waiting = this.stats.size + this.ends.size + this.others.size;
    return waiting + this.traceLines.length;
  }

  private keepLines({ lines, lost }: Extract<EngineEvent, { type: 'trace' }>): void {
    const room = MAX_TRACE_LINES - this.traceLines.length;
    this.traceLines.push(...lines.slice(0, room));
    this.lostLines += lost + Math.max(0, lines.length - room);
  }

  private gather(torrent: number, pieces: readonly number[]): void {
    const waiting = this.pieces.get(torrent);
    if (waiting) {
      waiting.push(...pieces);
      return;
    }
    const gathered = [...pieces];
    this.pieces.set(torrent, gathered);
    this.others.push({ type: 'pieces', torrent, pieces: gathered }, 'kept');
  }
}
