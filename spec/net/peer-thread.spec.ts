// The actor's orders and facts: dialling, torrents, uploads that fail, errors of our own, the end.
import { expect } from 'chai';
import net from 'node:net';
import { Bitfield } from '../../lib/bytes/bitfield';
import { WireWriter } from '../../lib/wire/encoder';
import { HANDSHAKE_LENGTH_BYTES } from '../../lib/wire/handshake';
import { freePort } from '../support/free-port';
import { HostilePeer } from '../support/hostile/peer';
import { patternBytes } from '../support/pair';
import { until } from '../support/until';
import { Actor, INFO_HASH, torrentOf } from './actor';

const PIECE_BYTES = 65_536;

/** `presentBytes` of a file of `lengthBytes` exist. */
function torrent(
  have: 'all' | readonly number[],
  lengthBytes = 1_048_576,
  presentBytes = lengthBytes,
) {
  const buffer = new SharedArrayBuffer(presentBytes);
  new Uint8Array(buffer).set(patternBytes(lengthBytes).subarray(0, presentBytes));
  const storage = { module: 'memory', key: 'm', root: '/', options: { buffers: { f: buffer } } };
  const files = [{ path: 'f', lengthBytes }];
  return torrentOf({ pieceLengthBytes: PIECE_BYTES, files, storage, have });
}

function words(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.take() ?? new Uint8Array(0);
}

/** The intervals that are set from now on and not cleared. */
function watchIntervals(): Set<unknown> & { end(): void } {
  const { setInterval: set, clearInterval: clear } = globalThis;
  const live = Object.assign(new Set<unknown>(), {
    end: () => void Object.assign(globalThis, { setInterval: set, clearInterval: clear }),
  });
  Object.assign(globalThis, {
    setInterval: (...args: Parameters<typeof set>): unknown => {
      const timer = set(...args);
      live.add(timer);
      return timer;
    },
    clearInterval: (timer: NodeJS.Timeout | undefined): void => {
      live.delete(timer);
      clear(timer);
    },
  });
  return live;
}

describe('net/peer-thread', () => {
  let actor: Actor;
  beforeEach(() => {
    actor = new Actor({ thread: 3 });
    actor.seed();
  });
  afterEach(() => actor.stop());

  it('a dial without a descriptor is our lack, not a failure of the peer', async () => {
    const { connect } = net;
    const full = Object.assign(new Error('connect EMFILE 127.0.0.1:9'), { code: 'EMFILE' });
    net.connect = (() => {
      const socket = new net.Socket();
      process.nextTick(() => socket.destroy(full));
      return socket;
    }) as typeof net.connect;
    try {
      actor.order({ type: 'open-torrent', torrent: torrent('all') });
      actor.order({ type: 'dial', dial: 7, torrent: 1, host: '127.0.0.1', port: 9 });
      const { dial, reason, detail } = await actor.fact('dial-failed');
      expect({ dial, reason }).to.deep.equal({ dial: 7, reason: 'local-limit' });
      expect(detail).to.include('ulimit -n').and.include('raise that limit');
    } finally {
      net.connect = connect;
    }
  });

  it('connections that cannot be accepted are logged once a minute', async () => {
    const { createServer } = net;
    let server: net.Server | undefined;
    net.createServer = ((...args: Parameters<typeof createServer>) =>
      (server = createServer(...args))) as typeof createServer;
    let nowMs = 0;
    const listening = new Actor({ thread: 0, nowMs: () => nowMs });
    try {
      await listening.listen();
      const full = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' });
      for (nowMs = 0; nowMs <= 60_000; nowMs += 100) server?.emit('error', full);
      const logs = listening.of('log');
      expect(logs.map(({ level, fields }) => [level, fields?.times])).to.deep.equal([
        ['warn', 1],
        ['warn', 600],
      ]);
      expect(logs[0]?.message).to.match(/^incoming connections cannot be accepted: .*ulimit -n/);
    } finally {
      net.createServer = createServer;
      await listening.stop();
    }
  });

  /** A peer that the actor dialled, past the handshake. */
  async function dialled(): Promise<{ peer: HostilePeer; connection: number }> {
    const far = await HostilePeer.listen();
    actor.order({ type: 'dial', dial: far.port, torrent: 1, host: '127.0.0.1', port: far.port });
    const peer = await far.peer;
    far.close();
    const ours = await peer.receive(HANDSHAKE_LENGTH_BYTES);
    expect(ours.subarray(28, 48).equals(INFO_HASH)).to.equal(true);
    peer.sendHandshake(INFO_HASH);
    const { connection } = await actor.fact('connected', (fact) => fact.dial === far.port);
    return { peer, connection };
  }

  it('is ready', () => {
    expect(actor.facts[0]).to.deep.equal({ type: 'ready' });
  });

  it('listens on both families by default, and reports the addresses', async () => {
    actor.order({ type: 'listen', port: 0 }, { type: 'open-torrent', torrent: torrent('all') });
    const { port } = await actor.fact('listening');
    const peer = await HostilePeer.connect(port);
    peer.sendHandshake(INFO_HASH);
    expect((await actor.fact('connected')).host).to.equal('127.0.0.1');
    peer.end();
  });

  it('reports why it cannot listen', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    actor.order({ type: 'listen', port, host: '127.0.0.1' });
    expect((await actor.fact('listen-failed')).code).to.equal('EADDRINUSE');
    taken.close();
  });

  it('knows a peer that closes at a plain handshake from one that closes in its own', async () => {
    for (const [sentBytes, reason] of [
      [0, 'plain-refused'],
      [10, 'remote-closed'],
    ] as const) {
      const far = await HostilePeer.listen();
      actor.order({ type: 'open-torrent', torrent: torrent('all') });
      const { port } = far;
      actor.order({ type: 'dial', dial: port, torrent: 1, host: '127.0.0.1', port });
      const peer = await far.peer;
      far.close();
      const handshake = await peer.receive(HANDSHAKE_LENGTH_BYTES);
      peer.send(handshake.subarray(0, sentBytes));
      peer.end();
      const failed = await actor.fact('dial-failed', ({ dial }) => dial === port);
      expect(failed.reason).to.equal(reason);
    }
  });

  it('reports every failed dial once, with its reason', async () => {
    const port = await freePort();
    actor.order(
      { type: 'open-torrent', torrent: torrent('all') },
      { type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port },
      { type: 'dial', dial: 2, torrent: 1, host: '127.0.0.1', port: 70_000 },
      { type: 'dial', dial: 3, torrent: 2, host: '127.0.0.1', port },
    );
    const reasons = new Map<number, string>();
    for (const dial of [1, 2, 3]) {
      reasons.set(dial, (await actor.fact('dial-failed', (f) => f.dial === dial)).reason);
    }
    expect([...reasons]).to.deep.equal([
      [1, 'dial-failed'],
      [2, 'dial-failed'],
      [3, 'torrent-closed'],
    ]);
    expect(actor.of('dial-failed')).to.have.length(3);
  });

  it('fails a dial whose far side speaks of another torrent, or is encrypted', async () => {
    actor.order({ type: 'open-torrent', torrent: torrent('all') });
    for (const [dial, reason] of [
      [1, 'wrong-info-hash'],
      [2, 'encrypted-handshake'],
    ] as const) {
      const far = await HostilePeer.listen();
      actor.order({ type: 'dial', dial, torrent: 1, host: '127.0.0.1', port: far.port });
      const peer = await far.peer;
      if (dial === 1) peer.sendHandshake(new Uint8Array(20));
      else peer.send(Uint8Array.of(1));
      expect((await actor.fact('dial-failed', (f) => f.dial === dial)).reason).to.equal(reason);
      await peer.closed;
      far.close();
    }
  });

  it('closes a torrent: its dials and connections end, its hash is forgotten', async () => {
    actor.order({ type: 'open-torrent', torrent: torrent('all') });
    const port = await actor.listen();
    const { peer, connection } = await dialled();
    actor.order({ type: 'close-torrent', torrent: 1, reason: 'torrent-closed' });
    expect(await actor.fact('closed')).to.deep.include({ connection, reason: 'torrent-closed' });
    await actor.fact('torrent-closed');
    await peer.closed;
    const late = await HostilePeer.connect(port);
    late.sendHandshake(INFO_HASH);
    await late.closed;
    expect((await actor.fact('rejected')).reason).to.equal('wrong-info-hash');
    actor.order({ type: 'close-torrent', torrent: 1, reason: 'torrent-closed' });
    expect(actor.of('torrent-closed')).to.have.length(2);
  });

  it('announces new pieces and serves them, not what was on disk before', async () => {
    const mine = torrent([0]);
    const file = new Uint8Array(
      (mine.content.storage.options as { buffers: { f: SharedArrayBuffer } }).buffers.f,
    );
    file.fill(0, PIECE_BYTES); // only piece 0 is there
    actor.order({ type: 'open-torrent', torrent: mine });
    const { peer } = await dialled();
    peer.send(words((w) => (w.interested(), w.request(0, 0, 16_384))));
    const { connection } = await actor.fact('peer-interest');
    peer.send(words((w) => w.request(0, 0, 16_384)));
    const bitfieldAndUnchoke = 7 + 5;
    await peer.receive(HANDSHAKE_LENGTH_BYTES + bitfieldAndUnchoke);
    // Piece 1 arrives, is verified, and is announced.
    file.set(patternBytes(1_048_576).subarray(PIECE_BYTES, 2 * PIECE_BYTES), PIECE_BYTES);
    new Bitfield(mine.content.pieceCount, new Uint8Array(mine.content.have)).set(1);
    actor.order({ type: 'have', torrent: 1, pieces: [1] });
    peer.send(words((w) => w.request(1, 0, 16_384)));
    const wanted = patternBytes(1_048_576).subarray(PIECE_BYTES, PIECE_BYTES + 16_384);
    while (!peer.received.includes(wanted)) await peer.receive(peer.received.length + 1);
    expect(peer.received.includes(Buffer.from([0, 0, 0, 5, 4, 0, 0, 0, 1]))).to.equal(true);
    actor.order({ type: 'close', connection, reason: 'not-useful' });
    expect((await actor.fact('closed')).reason).to.equal('not-useful');
  });

  it('reports a file that cannot be read, and goes on with what can', async () => {
    // The second half of the file is gone.
    actor.order({ type: 'open-torrent', torrent: torrent('all', 1_048_576, 524_288) });
    const { peer } = await dialled();
    peer.send(words((w) => w.interested()));
    await actor.fact('peer-interest');
    const unchoke = Buffer.from([0, 0, 0, 1, 1]);
    while (!peer.received.includes(unchoke, HANDSHAKE_LENGTH_BYTES)) {
      await peer.receive(peer.received.length + 1);
    }
    peer.send(words((w) => (w.request(12, 0, 16_384), w.request(1, 0, 16_384))));
    expect(await actor.fact('read-failed')).to.deep.include({
      torrent: 1,
      code: 'short-read',
      path: 'f',
    });
    const wanted = patternBytes(1_048_576).subarray(PIECE_BYTES, PIECE_BYTES + 16_384);
    while (!peer.received.includes(wanted)) await peer.receive(peer.received.length + 1);
    expect(actor.of('closed')).to.deep.equal([]);
    peer.end();
  });

  it('an error of its own ends that connection with a log, and no other', async () => {
    actor.order({ type: 'open-torrent', torrent: torrent('all') });
    const first = await dialled();
    const second = await dialled();
    actor.order({ type: 'interest', connection: first.connection, interested: true });
    first.peer.send(words((w) => w.unchoke()));
    await actor.fact('appetite');
    const broken = { piece: 0, firstBlock: 99, blockCount: 1, generation: 1, segments: [0, 1] };
    actor.table.assign(0, 1);
    const lease = { connection: first.connection, epoch: 0, ...broken };
    actor.order({ type: 'lease', lease });
    const closed = await actor.fact('closed');
    expect(closed).to.deep.include({ connection: first.connection, reason: 'connection-error' });
    expect(actor.of('log').map((fact) => fact.level)).to.deep.equal(['error']);
    second.peer.send(words((w) => w.unchoke()));
    await actor.fact('peer-choke', (fact) => fact.connection === second.connection);
  });

  it('keeps a timer while somebody is connected, and none before and after', async () => {
    const live = watchIntervals();
    try {
      actor.order({ type: 'open-torrent', torrent: torrent('all') });
      await actor.listen();
      expect(live.size).to.equal(0);
      for (let n = 0; n < 2; n++) {
        const { peer, connection } = await dialled();
        expect(live.size).to.equal(1);
        peer.end();
        await actor.fact('closed', (fact) => fact.connection === connection);
        await until(() => live.size === 0, 'the end of its timers');
      }
    } finally {
      live.end();
    }
  });

  it('ignores orders for connections that are gone', () => {
    const connection = 999;
    actor.order(
      { type: 'interest', connection, interested: true },
      { type: 'choke', connection, choked: false },
      { type: 'close', connection, reason: 'banned' },
      { type: 'cancel-lease', connection, piece: 0, generation: 1 },
      { type: 'have', torrent: 77, pieces: [1] },
    );
    expect(actor.facts).to.have.length(1);
  });

  it('stops: every connection closed once, then stopped, and a second stop changes nothing', async () => {
    actor.order({ type: 'open-torrent', torrent: torrent('all') });
    await actor.listen();
    const { peer } = await dialled();
    actor.order({ type: 'stop' }, { type: 'stop' });
    await actor.fact('stopped');
    await peer.closed;
    expect(actor.stopped).to.equal(true);
    expect(actor.of('closed').map((fact) => fact.reason)).to.deep.equal(['shutting-down']);
    expect(actor.facts.at(-1)?.type).to.equal('stopped');
    expect(actor.of('stopped')).to.have.length(1);
  });
});
