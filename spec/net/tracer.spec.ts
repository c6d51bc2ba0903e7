// Peer threads that trace: one file for all of them, bounded, and lines that may be lost but counted.

import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beginTrace, traceStatus } from '../../lib/api/trace';
import type { TraceOptions } from '../../lib/api/trace';
import type { PeerFact } from '../../lib/messages/peer-thread';
import type { TraceSettings } from '../../lib/messages/trace';
import { Tracer } from '../../lib/net/tracer';
import type { WireTap } from '../../lib/trace/tap';
import { readPcapng, streamFrom } from '../support/pcapng-reader';

const LOCAL = { host: '127.0.0.1', port: 7000 };

describe('net: tracer', () => {
  let folder = '';
  let file = '';
  const facts: PeerFact[] = [];

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'millrace-tracer-'));
    file = path.join(folder, 'a.pcapng');
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => void (facts.length = 0));

  function begin(options: TraceOptions): TraceSettings {
    const settings = beginTrace(options, '1.2.3');
    if (settings === undefined) throw new Error('no trace');
    return settings;
  }

  function tracerOf(settings: TraceSettings): Tracer {
    return new Tracer(settings, (fact) => facts.push(fact));
  }

  function open(tracer: Tracer, connection: number): WireTap {
    const about = { connection, host: '127.0.0.1', port: 6000 + connection, dialled: true };
    const tap = tracer.tap(about);
    if (tap === undefined) throw new Error('not chosen');
    tap.opened(LOCAL, { host: about.host, port: about.port });
    return tap;
  }

  it('gathers the packets of all threads in one file, each connection in order', () => {
    const settings = begin({ file });
    const tracers = [0, 1, 2].map(() => tracerOf(settings));
    const taps = tracers.map((tracer, thread) => open(tracer, thread + 1));
    for (let turn = 0; turn < 50; turn++) {
      for (const tap of taps) tap.received(Buffer.alloc(9000, turn), 0, 9000);
      tracers[turn % 3]?.flush();
    }
    for (const tap of taps) tap.closed('shutting-down', '');
    for (const tracer of tracers) tracer.close();
    const { application, packets } = readPcapng(readFileSync(file));
    expect(application).to.equal('Millrace 1.2.3');
    for (const connection of [1, 2, 3]) {
      const stream = streamFrom(packets, `7f000001:${6000 + connection}`);
      expect(stream.length).to.equal(450_000);
    }
    expect(facts).to.deep.equal([]);
    const status = { file, writtenBytes: statSync(file).size, stopped: undefined };
    expect(traceStatus(settings)).to.deep.equal(status);
  });

  it('never exceeds the file limit, ends the trace in every thread, and reports it once', () => {
    const settings = begin({ file, limitBytes: 100_000, payload: true });
    const tracers = [0, 1].map(() => tracerOf(settings));
    const taps = tracers.map((tracer, thread) => open(tracer, thread + 1));
    for (let turn = 0; turn < 40; turn++) {
      for (const tap of taps) tap.received(Buffer.alloc(5000), 0, 5000);
      for (const tracer of tracers) tracer.flush();
    }
    const { length } = readFileSync(file);
    expect(length).to.be.within(80_000, 100_000);
    expect(() => readPcapng(readFileSync(file))).not.to.throw();
    expect(facts.map((fact) => fact.type === 'log' && [fact.level, fact.message])).to.deep.equal([
      ['warn', 'the wire trace ends: it has reached its limit of 100000 bytes'],
    ]);
    expect(traceStatus(settings)).to.include({ writtenBytes: length, stopped: 'limit' });
    expect(tracers.map(({ packets }) => packets)).to.deep.equal([undefined, undefined]);
    for (const tracer of tracers) tracer.close();
  });

  it('fills the file up to its limit with packets of the batch that reaches it', () => {
    const settings = begin({ file, limitBytes: 100_000 });
    const tracer = tracerOf(settings);
    const tap = open(tracer, 1);
    tap.received(Buffer.alloc(68), 0, 68);
    const keepAlives = Buffer.alloc(4 * 3000); // more than 70 bytes of file for each
    tap.received(keepAlives, 0, keepAlives.length);
    tracer.close();
    const { length } = readFileSync(file);
    expect(length).to.be.within(99_900, 100_000);
    const { packets } = readPcapng(readFileSync(file));
    expect(streamFrom(packets, '7f000001:6001').length).to.be.within(4 * 1000, 4 * 2000);
    expect(traceStatus(settings)).to.deep.equal({ file, writtenBytes: length, stopped: 'limit' });
  });

  it('writes before the tick when much waits', () => {
    const tracer = tracerOf(begin({ file, payload: true }));
    const tap = open(tracer, 1);
    for (let turn = 0; turn < 100; turn++) tap.received(Buffer.alloc(10_000), 0, 10_000);
    expect(statSync(file).size).to.be.above(500_000);
    expect(tracer.packets?.lengthBytes).to.be.below(400_000);
    tracer.close();
  });

  it('ends with an error record when the file cannot be written', () => {
    const settings = begin({ file: path.join(folder, 'gone.pcapng') });
    const elsewhere = { ...settings, file: path.join(folder, 'no', 'such', 'folder') };
    const tracer = tracerOf(elsewhere);
    open(tracer, 1);
    tracer.flush();
    expect(facts[0]).to.include({ type: 'log', level: 'error' });
    expect(traceStatus(settings)?.stopped).to.equal('failed');
    tracer.close();
  });

  it('taps only the chosen', () => {
    const tracer = tracerOf(begin({ file, peers: ['192.0.2.1', '[::1]:2'] }));
    const about = { connection: 1, port: 2, dialled: false };
    expect(tracer.tap({ ...about, host: '127.0.0.1' })).to.equal(undefined);
    expect(tracer.tap({ ...about, host: '192.0.2.1' })).not.to.equal(undefined);
    expect(tracer.tap({ ...about, host: '::1' })).not.to.equal(undefined);
    expect(tracer.tap({ ...about, host: '::1', port: 3 })).to.equal(undefined);
    tracer.close();
  });

  it('sends lines in batches, and counts those that found no room', () => {
    const tracer = tracerOf(begin({ onLines: () => undefined }));
    const tap = open(tracer, 1);
    tap.received(Buffer.alloc(68), 0, 68);
    const keepAlives = Buffer.alloc(4 * 3000);
    tap.received(keepAlives, 0, keepAlives.length);
    tracer.flush();
    tracer.flush();
    tap.closed('remote-closed', '');
    tracer.close();
    const batches = facts.map((fact) => fact.type === 'trace' && [fact.lines.length, fact.lost]);
    expect(batches).to.deep.equal([
      [2000, 1002],
      [1, 0],
    ]);
  });
});

describe('api: trace options', () => {
  const wrong: readonly [object, RegExp][] = [
    [{}, /needs a file, onLines, or both/],
    [{ file: '' }, /trace\.file must be the path/],
    [{ file: 7 }, /trace\.file must be the path/],
    [{ onLines: true }, /trace\.onLines must be a function/],
    [{ file: 'x', payload: 1 }, /trace\.payload must be true or false/],
    [{ file: 'x', limitBytes: 65_535 }, /trace\.limitBytes must be a whole number from 65536 to/],
    [{ file: 'x', limitBytes: 1.5e6 + 0.5 }, /trace\.limitBytes/],
    [{ file: 'x', peers: ['a:0'] }, /HOST, HOST:PORT or \[IPV6\]:PORT.*not "a:0"/],
    [{ file: 'x', peers: ['[1.2.3.4]:1'] }, /trace\.peers/],
    [{ file: 'x', peers: ['a b'] }, /trace\.peers/],
  ];
  for (const [options, says] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => beginTrace(options as TraceOptions, '1'))
        .to.throw(says)
        .with.property('code', 'bad-option');
    });
  }

  it('reports why a file cannot be created', () => {
    expect(() => beginTrace({ file: '/no/such/folder/x.pcapng' }, '1'))
      .to.throw(/cannot open .*: no such file or folder; name a file in a folder that exists/)
      .with.property('code', 'trace-not-writable');
  });

  it('reads peers with and without ports', () => {
    const peers = ['h', 'h:1', '::1', '[::1]', '[::1]:2', '192.0.2.1:3'];
    expect(beginTrace({ onLines: () => undefined, peers }, '1')?.peers).to.deep.equal([
      { host: 'h' },
      { host: 'h', port: 1 },
      { host: '::1' },
      { host: '::1' },
      { host: '::1', port: 2 },
      { host: '192.0.2.1', port: 3 },
    ]);
  });
});
