// The wire trace as an option of `download` and `seed`, and the account of peers that were closed.

import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { fakeApi, fakeStats, FakeIo, millrace } from '../fakes';
import type { TraceOptions, TraceStatus } from '../../../lib/index';
import type { Api } from '../../../lib/cli/context';

const WRONG: readonly [argv: string[], says: RegExp][] = [
  [['--trace', ''], /must not be empty/],
  [['--trace-peer', 'h'], /need --trace/],
  [['--trace-payload'], /need --trace/],
  [['--trace-limit', '5'], /need --trace/],
  [['--trace', 'x', '--trace-limit', '0'], /from 1 MiB to 1 TiB, such as 500M or 2G/],
  [['--trace', 'x', '--trace-peer', 'h:0'], /port from 1 to 65535/],
  [['--trace', 'x', '--trace-peer', '[h]:1'], /HOST, HOST:PORT, \[IPV6\] or \[IPV6\]:PORT/],
  [['--trace', '-', '--trace-payload'], /need a FILE/],
  [['--trace', '-', '--trace-limit', '5'], /need a FILE/],
  [['--trace', '-', '--json'], /both want stdout/],
];

function traceOf(calls: unknown[][]): TraceOptions | undefined {
  return (calls[0]?.[1] as { trace?: TraceOptions }).trace;
}

describe('cli --trace', () => {
  for (const [argv, says] of WRONG) {
    it(`refuses: ${argv.join(' ')}`, async () => {
      const { api, engine } = fakeApi();
      const { exitCode, io } = await millrace(['download', 'x', ...argv], { api });
      expect(io.err).to.match(says);
      expect(exitCode).to.equal(2);
      expect(engine.calls).to.deep.equal([]);
    });
  }

  it('is off by default', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => torrent.complete();
    await millrace(['download', 'x'], { api });
    expect(traceOf(engine.calls)).to.equal(undefined);
  });

  it('hands its options on in the units of the library', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => torrent.complete();
    const argv = ['download', 'x', '--trace', 'a.pcapng', '--trace-limit', '2', '--trace-payload'];
    argv.push('--trace-peer', 'h', '--trace-peer', '[::1]:6881', '--json');
    const { exitCode } = await millrace(argv, { api });
    expect(exitCode).to.equal(0);
    expect(traceOf(engine.calls)).to.deep.equal({
      file: 'a.pcapng',
      peers: ['h', '[::1]:6881'],
      payload: true,
      limitBytes: 2 * 1024 * 1024,
    });
  });

  it('prints lines on stdout with -, reports how many were lost, and draws no bar', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => {
      traceOf(engine.calls)?.onLines?.(['one', 'two'], 0);
      traceOf(engine.calls)?.onLines?.(['three'], 7);
      torrent.set({ downloadedBytes: 1 });
      torrent.complete();
    };
    const io = new FakeIo(true);
    await millrace(['download', 'x', '--trace', '-'], { api, io });
    expect(io.out.split('\n').slice(0, 4)).to.deep.equal([
      'one',
      'two',
      'three',
      '(7 lines came faster than they were read, and are lost)',
    ]);
    expect(io.err).to.include('100.0 %').and.not.include('\u001b');
  });

  for (const [stopped, says] of [
    ['limit', /^millrace: the trace in \/a ended at its limit: --trace-limit sets another\n/m],
    ['failed', /^millrace: the trace in \/a ended because it could not be written\n/m],
    [undefined, /^$/],
  ] as const) {
    it(`reports after the end whether the trace was ${stopped ?? 'whole'}`, async () => {
      const status: TraceStatus = { file: '/a', writtenBytes: 1, stopped };
      const { api, engine } = fakeApi();
      const { Coordinator } = api as { Coordinator: { start(options: unknown): Promise<object> } };
      const start = async (options: unknown): Promise<object> =>
        Object.assign(await Coordinator.start(options), { trace: status });
      engine.onAdded = (torrent) => torrent.complete();
      const traced = { ...api, Coordinator: { start } } as unknown as Api;
      const { io } = await millrace(['download', 'x', '--quiet', '--trace', '/a'], { api: traced });
      expect(io.err).to.match(says);
    });
  }
});

describe('cli: the account of closed peers', () => {
  const closed = { 'bad-bitfield': 2, 'remote-closed': 9, 'dial-failed': 2 };

  it('is the last line of a download, most frequent reason first', async () => {
    const { api, engine } = fakeApi();
    engine.closed = closed;
    engine.onAdded = (torrent) => torrent.complete();
    const { io } = await millrace(['download', 'x'], { api });
    expect(io.out).to.match(
      /^done: .*\npeers closed: 13 \(remote-closed 9, bad-bitfield 2, dial-failed 2\)\n$/,
    );
  });

  it('is reported for a failed download, too', async () => {
    const { api, engine } = fakeApi();
    engine.closed = closed;
    const argv = ['download', 'x', '--stall-timeout', '0.01'];
    const { exitCode, io } = await millrace(argv, { api });
    expect([exitCode, io.out.split(' (')[0]]).to.deep.equal([1, 'peers closed: 13']);
  });

  it('is an object with --json, before an error and with nothing closed, too', async () => {
    const { api, engine } = fakeApi();
    engine.closed = closed;
    const argv = ['download', 'x', '--stall-timeout', '0.01', '--json'];
    const { io } = await millrace(argv, { api });
    const account = {
      type: 'peers-closed',
      rejectedTotal: 0,
      rejectedReasons: {},
      addressesRefused: 0,
      encryptedOnly: [],
      reachedPeers: 0,
    };
    expect(io.json().at(-2)).to.deep.equal({ ...account, total: 13, reasons: closed });
    expect(io.json().at(-1)).to.include({ type: 'error', code: 'stalled' });
    engine.closed = {};
    const again = await millrace(argv, { api });
    expect(again.io.json().at(-2)).to.deep.equal({ ...account, total: 0, reasons: {} });
  });

  it('is left out when the engine is dead, and when quiet', async () => {
    const dead = Object.assign(new EventEmitter(), {
      port: 1,
      trace: undefined,
      add: () => Promise.reject(new Error('dead')),
      stats: () => Promise.reject(new Error('dead')),
      close: () => Promise.resolve(),
    });
    const { api } = fakeApi({ Coordinator: { start: () => Promise.resolve(dead) } });
    const { io } = await millrace(['download', 'x', '--json'], { api });
    expect(io.json().map(({ type }) => type)).to.deep.equal(['error']);
    const quiet = fakeApi();
    quiet.engine.closed = closed;
    quiet.engine.onAdded = (torrent) => torrent.complete();
    expect((await millrace(['download', 'x', '--quiet'], quiet)).io.out).to.equal('');
  });

  it('also reports refused connections, one by one and counted', async () => {
    let engineOf: EventEmitter | undefined;
    const { api, engine } = fakeApi();
    const { Coordinator } = api as { Coordinator: { start(options: unknown): Promise<object> } };
    const start = async (options: unknown): Promise<object> => {
      const coordinator = (await Coordinator.start(options)) as EventEmitter;
      engineOf = coordinator;
      const stats = { peersClosed: {}, peersRejected: { 'encrypted-handshake': 1 } };
      return Object.assign(coordinator, { stats: () => Promise.resolve(stats) });
    };
    const refused = { host: '::1', port: 5, reason: 'encrypted-handshake', detail: 'byte 7' };
    engine.onAdded = (torrent) => {
      engineOf?.emit('peerRejected', refused);
      torrent.set(fakeStats());
      torrent.complete();
    };
    const traced = { ...api, Coordinator: { start } } as unknown as Api;
    const { io } = await millrace(['download', 'x', '--json'], { api: traced });
    const lines = io.json();
    expect(lines[1]).to.deep.equal({ type: 'peer-rejected', ...refused });
    expect(lines.at(-1)).to.deep.include({ rejectedTotal: 1, total: 0, encryptedOnly: ['::1'] });
    const text = await millrace(['download', 'x'], { api: traced });
    expect(text.io.out).to.match(/\nrefused: 1 \(encrypted-handshake 1\)\n1 of 1 peer .*: ::1\n$/);
  });
});
