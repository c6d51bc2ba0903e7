// The coordinator as its thread assembles it, with peer threads that a spec plays: calls, events and
// orders get to where they belong.

import { expect } from 'chai';
import { MessageChannel } from 'node:worker_threads';
import { runEngine } from '../../lib/coordinator/run';
import type { PeerThreads, PeerThreadsListener } from '../../lib/coordinator/outlets/peer-threads';
import { MillraceError } from '../../lib/errors/millrace-error';
import { BlockTable } from '../../lib/memory/block-table';
import { Slab } from '../../lib/memory/slab';
import type { AppMessage, EngineControl, EngineEvent } from '../../lib/messages/control';
import type { PeerOrder } from '../../lib/messages/peer-thread';
import { wrapControl } from '../../lib/threads/control';
import { TypedPort } from '../../lib/threads/typed-port';
import { addRequest, SIM_SETTINGS } from '../support/sim-engine';
import { KIB, simTorrent } from '../support/sim-torrent';
import { until } from '../support/until';

/** A torrent without a byte, of which nothing is written: no verify worker is started for it. */
const EMPTY = { totalLengthBytes: 0, pieceLengthBytes: 64 * KIB };
const PEER = { host: '10.4.0.1', port: 7000 };

/** Peer threads without threads: the spec reads their orders and reports for them. */
class PlayedThreads {
  readonly orders: { readonly thread: number; readonly order: PeerOrder }[] = [];
  readonly calls: string[] = [];
  reports: PeerThreadsListener | undefined;

  listen(listener: PeerThreadsListener): void {
    this.reports = listener;
  }

  ready(): Promise<void> {
    this.calls.push('ready');
    return Promise.resolve();
  }

  order(thread: number, order: PeerOrder): void {
    this.orders.push({ thread, order });
  }

  kill(thread: number): boolean {
    this.calls.push(`kill ${thread}`);
    return true;
  }

  stop(): Promise<void> {
    this.calls.push('stop');
    return Promise.resolve();
  }
}

describe('coordinator/run', () => {
  const ends: (() => Promise<unknown>)[] = [];

  /** An engine, and the app's ends of its ports. */
  function start(logLevel: 'debug' | 'warn' = 'warn') {
    const calls = new MessageChannel();
    const messages = new MessageChannel();
    const slab = Slab.allocate(1024 * KIB);
    const { unitCount } = slab;
    const threads = new PlayedThreads();
    runEngine({
      settings: { ...SIM_SETTINGS, peerThreads: 2, memoryBytes: 512 * KIB, logLevel },
      control: calls.port1,
      events: messages.port1,
      threads: threads as unknown as PeerThreads,
      slab,
      table: new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(unitCount)), unitCount),
      peerId: Buffer.from('-MR0000-someone-else'),
      maxBytes: 512 * KIB,
    });
    const { reports } = threads;
    if (reports === undefined) throw new Error('it listens to no thread');
    const events: EngineEvent[] = [];
    const app = new TypedPort<AppMessage, EngineEvent>(messages.port2, {
      onMessage: (event) => void events.push(event),
      onBatchEnd: () => app.send({ type: 'events-handled' }),
      onError: (error) => {
        throw error;
      },
    });
    const control = wrapControl<EngineControl>(calls.port2, new Promise(() => undefined));
    const ended = [calls.port2, messages.port2].map(
      (port) => new Promise((resolve) => port.once('close', resolve)),
    );
    let closing: Promise<unknown> | undefined;
    const close = (): Promise<unknown> =>
      (closing ??= control.close().then(() => Promise.all(ended)));
    ends.push(close);
    const eventOf = async <Type extends EngineEvent['type']>(type: Type) => {
      const found = () =>
        events.find((event): event is Extract<EngineEvent, { type: Type }> => event.type === type);
      await until(() => found() !== undefined, `the event ${type}`);
      return found();
    };
    const logs = () => events.flatMap((event) => (event.type === 'log' ? [event] : []));
    return { threads, reports, control, app, events, eventOf, logs, close };
  }

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  const trackers = [['http://127.0.0.1:1/announce']];
  const request = addRequest(simTorrent({ ...EMPTY, trackers }).metainfo, { download: false });

  it('starts when the peer threads are ready, and knows the port that they opened', async () => {
    const { threads, reports, control } = start();
    reports.onListening(4711);
    const stats = await control.start();
    expect(stats).to.include({ port: 4711, peerThreads: 2, memoryLimitBytes: 512 * KIB });
    expect(threads.calls).to.deep.equal(['ready']);
  });

  it('orders what the app wants, and reports what becomes of it', async () => {
    const { threads, reports, control, app, events, eventOf } = start();
    await control.add(1, request);
    const ordersOf = (type: PeerOrder['type']) =>
      threads.orders.filter(({ order }) => order.type === type);
    await until(() => ordersOf('open-torrent').length === 2, 'its opening');
    expect(ordersOf('open-torrent').map(({ thread }) => thread)).to.deep.equal([0, 1]);
    // Nobody listens at this address of its tracker.
    expect(await eventOf('tracker')).to.include({ torrent: 1, ok: false });
    await control.addPeers(1, [PEER]);
    await until(() => ordersOf('dial').length === 1, 'a dial');
    const fact = {
      type: 'dial-failed',
      dial: 1,
      reason: 'dial-failed',
      detail: 'refused',
    } as const;
    reports.onFacts(0, [fact]);
    expect(await eventOf('peer-closed')).to.include({ ...PEER, detail: 'refused' });

    // Figures come by themselves while there is something to do, and on request.
    const connection = { connection: 32, torrent: 1, ...PEER };
    reports.onFacts(0, [{ type: 'connected', peerId: new Uint8Array(20), ...connection }]);
    const figures = () => events.filter(({ type }) => type === 'stats').length;
    const before = figures();
    await until(() => figures() >= before + 3, 'figures with three ticks');
    await control.pause(1);
    app.send({ type: 'stats-wanted', torrent: 1 });
    await until(
      () => events.some((event) => event.type === 'stats' && event.stats.phase === 'paused'),
      'the figures of a paused torrent',
    );
  });

  describe('the log', () => {
    const fields = { ...PEER, reason: 'bad-handshake', detail: 'GET / HTTP' } as const;
    const rejected = { type: 'rejected', ...fields } as const;

    it('gets what its level allows, with the part of the engine', async () => {
      const { reports, eventOf } = start('debug');
      reports.onFacts(0, [rejected]);
      expect(await eventOf('peer-rejected')).to.deep.equal({ ...rejected, type: 'peer-rejected' });
      expect(await eventOf('log')).to.deep.equal({
        type: 'log',
        level: 'debug',
        message: 'an incoming connection was refused',
        fields: { component: 'coordinator', ...fields },
      });
    });

    it('gets none below its level', async () => {
      const { reports, eventOf, logs } = start('warn');
      reports.onFacts(0, [rejected]);
      await eventOf('peer-rejected');
      expect(logs()).to.deep.equal([]);
    });

    it('gets what a peer thread logs, with its number; lines of the trace are events', async () => {
      const { reports, eventOf } = start();
      const record = { level: 'warn', message: 'a handle could not be closed' } as const;
      const trace = { type: 'trace', lines: ['a line'], lost: 2 } as const;
      reports.onFacts(1, [{ type: 'log', ...record, fields: { code: 'EIO' } }, trace]);
      expect(await eventOf('trace')).to.deep.equal(trace);
      const fields = { component: 'peers', thread: 1, code: 'EIO' };
      expect(await eventOf('log')).to.deep.equal({ type: 'log', ...record, fields });
    });

    it('gets what goes wrong with peer threads', async () => {
      const { reports, control, logs } = start();
      const death = new MillraceError('thread-died', 'out of memory');
      reports.onDied(1, death);
      reports.onFailed(new MillraceError('listen-failed', 'the port is taken'));
      reports.onError(new Error('not an array'));
      reports.onRestarted(1);
      await until(() => logs().length === 3, 'three records');
      const [died, failed, lost] = logs();
      expect(died?.fields).to.include({ component: 'peers', thread: 1, error: death.message });
      expect(failed).to.include({ level: 'error', message: 'a peer thread failed' });
      expect(failed?.fields).to.deep.equal({ component: 'peers', error: 'the port is taken' });
      expect(lost).to.include({ level: 'error', message: 'facts were lost' });
      expect(lost?.fields['error']).to.match(/^Error: not an array\n {4}at /);
      expect((await control.stats()).threadRestarts).to.equal(1);
    });
  });

  it('kills the thread that a spec names: a peer thread, or a verify worker if there is one', async () => {
    const { threads, control } = start();
    expect(await control.killThread('peer', 1)).to.equal(true);
    expect(await control.killThread('verify', 0), 'none runs yet').to.equal(false);
    expect(threads.calls).to.deep.equal(['kill 1']);
  });

  it('sends what is left and leaves no port open when it is closed', async () => {
    const { threads, control, events, close } = start();
    await control.add(1, request);
    await close();
    expect(threads.calls).to.deep.equal(['stop']);
    const phases = events.flatMap((event) => (event.type === 'stats' ? [event.stats.phase] : []));
    expect(phases.at(-1)).to.equal('closed');
  });
});
