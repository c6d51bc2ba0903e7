// Events to the app thread, no faster than it handles them: one batch is out at a time, and the next leaves
// when the app has handled it. Meanwhile figures and ends are replaced by
// newer ones, piece numbers gather, and of other events the oldest unimportant ones are lost first.

import type { AppMessage, EngineEvent } from '../messages/control';
import type { Clock } from './clock';
import { EventQueue, Latest } from '../threads/latest';

/** Enough for a busy second of an app that looks every few; 10,000 small records are some 2 MB. */
const MAX_WAITING_EVENTS = 10_000;

/**
 * Lines of the wire trace that wait for a slow app: some 2 MB, 20 MiB if each has its 1 KiB. Later ones
 * are lost, and counted.
 */
const MAX_TRACE_LINES = 20_000;

/** Batches leave at most this often, but for those that somebody waits for: an end, good or bad. */
const INTERVAL_MS = 50;

type StatsEvent = Extract<EngineEvent, { type: 'stats' }>;
type EndEvent = Extract<EngineEvent, { type: 'complete' | 'error' | 'removed' }>;

export class AppEvents {
  readonly #send: (events: readonly EngineEvent[]) => void;
  readonly #clock: Clock;
  readonly #stats = new Latest<number, StatsEvent>();
  /** Where the next pieces of a torrent are gathered: in an event that waits already. */
  readonly #pieces = new Map<number, number[]>();
  /** The last of each kind per torrent: somebody waits for them, so none is ever lost. */
  readonly #ends = new Latest<string, EndEvent>();
  readonly #others = new EventQueue<EngineEvent>(MAX_WAITING_EVENTS);
  #traceLines: string[] = [];
  #lostLines = 0;
  #listening = true;
  #urgent = false;
  #lastSentMs = -Infinity;
  /** Cancels the flush that is due later … */
  #cancelTimer: (() => void) | undefined;
  /** … and the one that is due at once. */
  #cancelSoon: (() => void) | undefined;

  constructor(send: (events: readonly EngineEvent[]) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Queues an event; it leaves soon if the app listens. */
  emit(event: EngineEvent): void {
    switch (event.type) {
      case 'stats':
        this.#stats.put(event.torrent, event);
        break;
      case 'pieces':
        this.#gather(event.torrent, event.pieces);
        break;
      case 'peer-connected':
      case 'peer-closed':
        // What comes later stays later: pieces between two of these get an event of their own.
        if (this.#others.size < MAX_WAITING_EVENTS / 2) this.#pieces.delete(event.torrent);
        this.#others.push(event, 'low');
        break;
      case 'peer-rejected':
        this.#others.push(event, 'low');
        break;
      case 'trace':
        this.#keepLines(event);
        break;
      case 'log':
        this.#others.push(
          event,
          event.level === 'error' || event.level === 'fatal' ? 'high' : 'low',
        );
        break;
      case 'piece-failed':
      case 'tracker':
        this.#others.push(event, 'high');
        break;
      case 'complete':
      case 'error':
      case 'removed':
        this.#ends.put(`${event.type} ${event.torrent}`, event);
        this.#urgent = true;
        break;
    }
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#listening) return;
    const waitMs = this.#urgent ? 0 : this.#lastSentMs + INTERVAL_MS - this.#clock.nowMs();
    if (waitMs > 0) this.#cancelTimer ??= this.#clock.after(waitMs, () => this.flush());
    else this.#cancelSoon ??= this.#clock.soon(() => this.flush());
  }

  /** The app has handled the last batch. */
  onMessage(message: AppMessage): void {
    if (message.type !== 'events-handled') return;
    this.#listening = true;
    if (this.#waiting > 0) this.#schedule();
  }

  /** Sends all that waits, whether the app listens or not: the last words of the engine. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelSoon?.();
    this.#cancelTimer = undefined;
    this.#cancelSoon = undefined;
    this.#urgent = false;
    const events: EngineEvent[] = [];
    this.#pieces.clear();
    if (this.#traceLines.length > 0) {
      events.push({ type: 'trace', lines: this.#traceLines, lost: this.#lostLines });
      this.#traceLines = [];
      this.#lostLines = 0;
    }
    // Figures come after what they count, ends last: a listener to an end finds the final figures.
    events.push(...this.#others.take(), ...this.#stats.take().values());
    events.push(...this.#ends.take().values());
    if (events.length === 0) return;
    this.#listening = false;
    this.#lastSentMs = this.#clock.nowMs();
    this.#send(events);
  }

  get #waiting(): number {
    const waiting = this.#stats.size + this.#ends.size + this.#others.size;
    return waiting + this.#traceLines.length;
  }

  #keepLines({ lines, lost }: Extract<EngineEvent, { type: 'trace' }>): void {
    const room = MAX_TRACE_LINES - this.#traceLines.length;
    this.#traceLines.push(...lines.slice(0, room));
    this.#lostLines += lost + Math.max(0, lines.length - room);
  }

  #gather(torrent: number, pieces: readonly number[]): void {
    const waiting = this.#pieces.get(torrent);
    if (waiting) {
      waiting.push(...pieces);
      return;
    }
    const gathered = [...pieces];
    this.#pieces.set(torrent, gathered);
    this.#others.push({ type: 'pieces', torrent, pieces: gathered }, 'kept');
  }
}
