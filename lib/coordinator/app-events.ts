// What the app thread hears, and no faster than it listens: one batch is out at a time, and the next
// leaves when the app has said that it is done with it. Meanwhile figures are replaced by newer ones,
// piece numbers gather, and of other events the oldest unimportant ones are lost first.

import type { AppMessage, EngineEvent } from '../messages/control';
import { EventQueue, Latest } from '../threads/latest';

/** Enough for a busy second of an app that looks every few; 10,000 small records are some 2 MB. */
const MAX_WAITING_EVENTS = 10_000;

type StatsEvent = Extract<EngineEvent, { type: 'stats' }>;

export class AppEvents {
  readonly #send: (events: readonly EngineEvent[]) => void;
  readonly #stats = new Latest<number, StatsEvent>();
  readonly #pieces = new Map<number, number[]>();
  readonly #others = new EventQueue<EngineEvent>(MAX_WAITING_EVENTS);
  #listening = true;
  #scheduled = false;

  constructor(send: (events: readonly EngineEvent[]) => void) {
    this.#send = send;
  }

  /** Queues an event; it leaves at the end of this event-loop turn if the app listens. */
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
        this.#others.push(event, 'low');
        break;
      case 'log':
        this.#others.push(
          event,
          event.level === 'error' || event.level === 'fatal' ? 'high' : 'low',
        );
        break;
      case 'piece-failed':
      case 'tracker':
      case 'complete':
      case 'error':
        this.#others.push(event, 'high');
        break;
    }
    if (!this.#listening || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#listening) this.flush();
    });
  }

  /** The app has handled the last batch. */
  onMessage(message: AppMessage): void {
    if (message.type !== 'events-handled') return;
    this.#listening = true;
    this.flush();
  }

  /** Sends all that waits, whether the app listens or not: the last words of the engine. */
  flush(): void {
    const events: EngineEvent[] = [];
    for (const [torrent, pieces] of this.#pieces) events.push({ type: 'pieces', torrent, pieces });
    this.#pieces.clear();
    events.push(...this.#stats.take().values(), ...this.#others.take());
    if (events.length === 0) return;
    this.#listening = false;
    this.#send(events);
  }

  #gather(torrent: number, pieces: readonly number[]): void {
    const waiting = this.#pieces.get(torrent);
    if (waiting) waiting.push(...pieces);
    else this.#pieces.set(torrent, [...pieces]);
  }
}
