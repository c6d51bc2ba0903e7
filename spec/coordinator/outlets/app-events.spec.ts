// The events that a slow app gets. Batches leave after an interval of real time, so a spec asks
// for them with `flush` where it does not wait for an urgent one; none looks at a clock.

import { expect } from 'chai';
import { AppEvents } from '../../../lib/coordinator/outlets/app-events';
import { SYSTEM_CLOCK } from '../../../lib/coordinator/outlets/clock';
import type { EngineEvent } from '../../../lib/messages/control';
import type { LogLevel } from '../../../lib/text/log-levels';
import { SimEngine } from '../../support/sim-engine';

type Of<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;

const stats = (torrent: number, doneBytes: number): EngineEvent =>
  ({ type: 'stats', torrent, stats: { doneBytes } }) as unknown as EngineEvent;
const pieces = (torrent: number, ...numbers: number[]): EngineEvent => ({
  type: 'pieces',
  torrent,
  pieces: numbers,
});
const failed = (torrent: number, piece: number): EngineEvent => ({
  type: 'piece-failed',
  torrent,
  piece,
  suspects: [],
  banned: [],
});
const complete = (torrent: number): EngineEvent => ({ type: 'complete', torrent });
const error = (torrent: number, message: string): EngineEvent => ({
  type: 'error',
  torrent,
  error: { code: 'disk-full', message },
});

class App {
  readonly batches: (readonly EngineEvent[])[] = [];
  readonly events = new AppEvents((batch) => {
    this.batches.push(batch);
    this.#arrived();
  }, SYSTEM_CLOCK);
  #arrived: () => void = () => undefined;

  emit(...events: EngineEvent[]): void {
    for (const event of events) this.events.emit(event);
  }

  handled(): void {
    this.events.onMessage({ type: 'events-handled' });
  }

  /** All that has come, batch upon batch. */
  get received(): EngineEvent[] {
    return this.batches.flat();
  }

  of<Type extends EngineEvent['type']>(type: Type): Of<Type>[] {
    return this.received.filter((event): event is Of<Type> => event.type === type);
  }

  async batch(count: number): Promise<readonly EngineEvent[]> {
    while (this.batches.length < count) {
      await new Promise<void>((resolve) => (this.#arrived = resolve));
    }
    return this.batches[count - 1] ?? [];
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('coordinator/app-events', () => {
  it('has one batch out at a time', async () => {
    const app = new App();
    app.emit(failed(1, 1));
    expect(await app.batch(1)).to.deep.equal([failed(1, 1)]);
    app.emit(failed(1, 2), complete(1));
    await turns(20);
    expect(app.batches, 'the app is not done with the first').to.have.length(1);
    app.handled();
    expect(await app.batch(2)).to.deep.equal([failed(1, 2), complete(1)]);
    app.handled();
    await turns(20);
    expect(app.batches, 'nothing waits').to.have.length(2);
  });

  it('sends ends at once, even right after another batch', async () => {
    const app = new App();
    for (const end of [complete(1), error(1, 'full'), complete(2)]) {
      app.emit(end);
      await turns(3);
      expect(app.batches.at(-1)).to.deep.equal([end]);
      app.handled();
    }
  });

  it('sends pending figures together with the end of a torrent', async () => {
    const app = new App();
    app.emit(failed(1, 1));
    await app.batch(1);
    app.handled();
    app.emit(failed(1, 2), stats(1, 10), complete(1));
    await turns(3);
    expect(app.batches.at(-1)).to.deep.equal([failed(1, 2), stats(1, 10), complete(1)]);
    app.handled();
    app.events.flush();
    expect(app.batches, 'the interval has nothing left to send').to.have.length(2);
  });

  it('keeps 20,000 lines of a wire trace for a slow app, the first ones, and counts the others', () => {
    const app = new App();
    const lines = (first: number): string[] =>
      Array.from({ length: 1500 }, (_, at) => `${first + at}`);
    for (let batch = 0; batch < 20; batch++) {
      app.emit({ type: 'trace', lines: lines(batch * 1500), lost: batch === 3 ? 7 : 0 });
    }
    app.events.flush();
    app.emit({ type: 'trace', lines: ['after'], lost: 0 });
    app.events.flush();
    const [full, after] = app.of('trace');
    expect(full?.lines).to.have.length(20_000);
    expect([full?.lines[0], full?.lines.at(-1)]).to.deep.equal(['0', '19999']);
    expect(full?.lost).to.equal(20 * 1500 - 20_000 + 7);
    expect(after).to.deep.equal({ type: 'trace', lines: ['after'], lost: 0 });
  });

  it('replaces figures by newer ones, per torrent', () => {
    const app = new App();
    for (let doneBytes = 0; doneBytes < 1_000; doneBytes++) {
      app.emit(stats(1, doneBytes), stats(2, 2 * doneBytes));
    }
    app.events.flush();
    expect(app.received).to.deep.equal([stats(1, 999), stats(2, 1_998)]);
  });

  it('keeps pieces between the coming and going of peers, and figures behind both', () => {
    const app = new App();
    const connected = { type: 'peer-connected', torrent: 1 } as EngineEvent;
    const closed = { type: 'peer-closed', torrent: 1 } as EngineEvent;
    const figures = { type: 'stats', torrent: 1 } as EngineEvent;
    app.emit(figures, connected, pieces(1, 1), pieces(1, 2), closed, connected, pieces(1, 3));
    app.events.flush();
    expect(app.received).to.deep.equal([
      connected,
      pieces(1, 1, 2),
      closed,
      connected,
      pieces(1, 3),
      figures,
    ]);
  });

  it('gathers pieces, per torrent', () => {
    const app = new App();
    app.emit(pieces(1, 4), pieces(2, 9), pieces(1, 2, 3));
    app.events.flush();
    expect(app.received).to.deep.equal([pieces(1, 4, 2, 3), pieces(2, 9)]);
    app.emit(pieces(1, 5));
    app.events.flush();
    expect(app.received).to.have.length(3);
    expect(app.received[0], 'what has left stays as it was').to.deep.equal(pieces(1, 4, 2, 3));
  });

  it('loses no end, whatever else waits', () => {
    const app = new App();
    app.emit(complete(1), error(2, 'full'));
    for (let piece = 0; piece < 12_000; piece++) app.emit(failed(3, piece));
    app.emit(stats(1, 5), stats(2, 6));
    app.events.flush();
    expect(app.of('complete')).to.deep.equal([complete(1)]);
    expect(app.of('error')).to.deep.equal([error(2, 'full')]);
    const others = app.of('piece-failed');
    expect(others, 'of the others the newest are kept').to.have.length(10_000);
    expect(others.at(-1)?.piece).to.equal(11_999);
  });

  it('sends the last end of each kind, in the order they came, after the figures', () => {
    const app = new App();
    app.emit(error(1, 'first'), complete(1), error(1, 'second'), complete(2), stats(1, 7));
    app.events.flush();
    expect(app.received).to.deep.equal([stats(1, 7), complete(1), error(1, 'second'), complete(2)]);
  });

  it('sends a removal last', () => {
    const app = new App();
    const removed: EngineEvent = { type: 'removed', torrent: 1 };
    app.emit(pieces(1, 3), complete(1), removed, stats(1, 7));
    app.events.flush();
    expect(app.received).to.deep.equal([pieces(1, 3), stats(1, 7), complete(1), removed]);
  });

  it('flushes though the app does not listen, and sends no empty batch', () => {
    const app = new App();
    app.emit(complete(1));
    app.events.flush();
    app.emit(complete(2));
    app.events.flush();
    app.events.flush();
    expect(app.batches).to.deep.equal([[complete(1)], [complete(2)]]);
  });

  describe('on a clock that is moved by hand', () => {
    function start() {
      const engine = new SimEngine();
      const batches: (readonly EngineEvent[])[] = [];
      const events = new AppEvents((batch) => batches.push(batch), engine.clock);
      const emit = (...all: EngineEvent[]): void => all.forEach((event) => events.emit(event));
      const handled = (): void => events.onMessage({ type: 'events-handled' });
      return { batches, events, emit, handled, pass: (ms: number) => engine.passTimers(ms) };
    }
    const log = (level: LogLevel, message: string): EngineEvent => ({
      type: 'log',
      level,
      message,
      fields: {},
    });

    it('sends a batch at once, and the next 50 ms later, also after an end', () => {
      const { batches, emit, handled, pass } = start();
      emit(failed(1, 1), complete(1));
      pass(0);
      expect(batches.splice(0)).to.deep.equal([[failed(1, 1), complete(1)]]);
      handled();
      emit(failed(1, 2));
      pass(49);
      emit(failed(1, 3));
      expect(batches).to.deep.equal([]);
      pass(1);
      expect(batches.splice(0)).to.deep.equal([[failed(1, 2), failed(1, 3)]]);
      handled();
      pass(50);
      emit(failed(1, 4));
      pass(0);
      expect(batches).to.deep.equal([[failed(1, 4)]]);
    });

    it('waits for the app to handle a batch, whatever else it says', () => {
      const { batches, events, emit, handled, pass } = start();
      emit(failed(1, 1));
      pass(0);
      events.onMessage({ type: 'stats-wanted', torrent: 1 });
      const lines: EngineEvent = { type: 'trace', lines: ['a line'], lost: 0 };
      emit(lines);
      pass(1_000);
      expect(batches).to.have.length(1);
      handled();
      pass(0);
      expect(batches.slice(1)).to.deep.equal([[lines]]);
    });

    it('drops records and refused connections before errors and trackers, the oldest first', () => {
      const { batches, events, emit } = start();
      const refused: EngineEvent = {
        type: 'peer-rejected',
        host: '10.0.0.1',
        port: 1,
        reason: 'bad-handshake',
        detail: '',
      };
      const tracker = { type: 'tracker', torrent: 1, url: 'udp://a.example:80', ok: true };
      const important = [log('error', 'a'), log('fatal', 'b'), tracker as unknown as EngineEvent];
      emit(log('warn', 'oldest'), refused, ...important);
      for (let n = 0; n < 10_000; n++) emit(log(n % 2 === 0 ? 'info' : 'warn', String(n)));
      events.flush();
      const [batch = []] = batches;
      expect(batch).to.have.length(10_000);
      expect(batch.slice(0, 4)).to.deep.equal([...important, log('warn', '3')]);
      expect(batch.at(-1)).to.deep.equal(log('warn', '9999'));
    });
  });
});
