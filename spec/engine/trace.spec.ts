// The wire trace and the account of closed peers, through every thread: from the peer threads to
// the app.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { CLOSE_REASONS } from '../../lib/index';
import type { TraceOptions } from '../../lib/index';
import { readPcapng, streamFrom } from '../support/pcapng-reader';
import { KIB, MIB, Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  nextEvent,
  untilStats,
  within,
} from '../support/swarm';

describe('engine: wire trace', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  async function download(trace: Omit<TraceOptions, 'file'>): Promise<{
    readonly file: string;
    readonly peer: string;
    readonly payload: Payload;
    close(): Promise<void>;
  }> {
    const payload = new Payload({ name: 'traced', lengthBytes: 2 * MIB + 5, seed: 7 });
    const file = join(await swarm.folder(), 'trace.pcapng');
    const seed = await swarm.seed(payload);
    const engine = await swarm.engine({ peerThreads: 2, trace: { file, ...trace } });
    const output = await swarm.folder();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    return { file, peer: seed.address, payload, close: () => engine.close() };
  }

  it('has both directions whole in its file, and the same in its lines', async () => {
    const lines: string[] = [];
    const onLines = (more: readonly string[]): void => void lines.push(...more);
    const { file, peer, payload, close } = await download({ payload: true, onLines });
    await close();
    const { packets } = readPcapng(await readFile(file));
    const blocks = Math.ceil(payload.lengthBytes / (16 * KIB));
    const sides = [...new Set(packets.map(({ from }) => from))];
    expect(sides).to.have.length(2);
    const [ours = '', theirs = ''] = sides; // we dialled: our SYN is the first
    expect(streamFrom(packets, ours).length).to.be.within(17 * blocks, payload.lengthBytes);
    expect(streamFrom(packets, theirs).length).to.be.above(payload.lengthBytes);
    expect(packets.every(({ checksum }) => checksum === 'good')).to.equal(true);
    const count = (what: RegExp): number => lines.filter((line) => what.test(line)).length;
    expect(count(/ → request /)).to.equal(blocks);
    expect(count(/ ← piece /)).to.equal(blocks);
    expect(count(/ [→←] handshake info_hash=/)).to.equal(2);
    expect(count(/ · closed reason=/)).to.equal(1);
    expect(lines.every((line) => line.includes(` ${peer} `))).to.equal(true);
  });

  it('ends at its limit without harm to the download', async () => {
    const { file, close } = await download({ payload: true, limitBytes: 512 * KIB });
    await close();
    const { size } = await stat(file);
    expect(size).to.be.at.most(512 * KIB);
    expect(readPcapng(await readFile(file)).packets.length).to.be.above(0);
  });

  it('has nothing of peers that were not chosen', async () => {
    const lines: string[] = [];
    const onLines = (more: readonly string[]): void => void lines.push(...more);
    const { file, close } = await download({ peers: ['192.0.2.1'], onLines });
    await close();
    expect(readPcapng(await readFile(file)).packets).to.deep.equal([]);
    expect(lines).to.deep.equal([]);
  });

  it('is refused before any thread starts when its file cannot be begun', async () => {
    const trace = { file: '/no/such/folder/x.pcapng' };
    await expectCode(swarm.engine({ trace }), 'trace-not-writable');
  });

  it('is refused where a FIFO would make everything wait for a reader', async function () {
    if (process.platform === 'win32') this.skip(); // it has no FIFOs among its files
    const file = join(await swarm.folder(), 'pipe');
    execFileSync('mkfifo', [file]);
    const error = await expectCode(swarm.engine({ trace: { file } }), 'trace-not-writable');
    expect(error.message).to.include(`${file} is a named pipe`);
  });
});

describe('engine: why connections ended', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('counts peers and refused connections, with codes that have a rule', async () => {
    const payload = new Payload({ name: 'ends', lengthBytes: MIB, seed: 8 });
    const engine = await swarm.engine({});
    const torrent = await engine.add(payload.torrent, { output: await swarm.folder() });
    await untilStats(torrent, 'the transfer', ({ phase }) => phase === 'downloading');
    const rejected = within(once(engine, 'peerRejected'), 'a refused connection');
    const stranger = connect(engine.port ?? 0, '127.0.0.1');
    stranger.on('error', () => undefined);
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    const [refused] = await rejected;
    expect(refused).to.include({ reason: 'encrypted-handshake', host: '127.0.0.1' });
    stranger.destroy();
    const closed = nextEvent<{ reason: string; detail: string }>(torrent, 'peerClosed');
    await torrent.addPeer('127.0.0.1:1');
    const { reason, detail } = await closed;
    expect(reason).to.equal('dial-failed');
    expect(detail).to.include('ECONNREFUSED');
    expect(Object.keys(CLOSE_REASONS)).to.include(reason);
    const { peersClosed, peersRejected } = await engine.stats();
    expect(peersClosed).to.deep.equal({ 'dial-failed': 1 });
    expect(peersRejected).to.deep.equal({ 'encrypted-handshake': 1 });
  });
});
