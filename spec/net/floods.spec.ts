// Peers that send cheap messages as fast as they can: they are read at a bounded rate, none is
// closed, and others are served meanwhile.
import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { WireWriter } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import { encodeExtendedHandshake } from '../../lib/wire/extended-handshake';
import { HANDSHAKE_LENGTH_BYTES } from '../../lib/wire/handshake';
import { HostilePeer } from '../support/hostile/peer';
import { patternBytes } from '../support/pair';
import { Actor, INFO_HASH, torrentOf } from './actor';

const PIECE_BYTES = 65_536;
const FILE_BYTES = 16 * PIECE_BYTES;
/** Four reads of a peer thread at the least: the pause comes before the last of them. */
const FLOOD_BYTES = 2 ** 20;

const FLOODS: Record<string, (writer: WireWriter) => void> = {
  'keep-alives': (writer) => writer.keepAlive(),
  'chokes and unchokes': (writer) => {
    writer.choke();
    writer.unchoke();
  },
  'changes of interest': (writer) => {
    writer.interested();
    writer.notInterested();
  },
  'the same have': (writer) => writer.have(3),
  'late bitfields': (writer) => writer.bitfield(Uint8Array.of(0, 0)),
  'extended handshakes': (writer) =>
    writer.extended(0, encodeExtendedHandshake({ extensions: {} })),
  'unknown extended messages': (writer) => writer.extended(7, new Uint8Array(2)),
  'requests while choked': (writer) => writer.request(0, 0, 16_384),
  'cancels of nothing': (writer) => writer.cancel(0, 0, 16_384),
};

function words(write: (writer: WireWriter) => void): Buffer {
  const writer = new WireWriter();
  write(writer);
  return Buffer.from(writer.take() ?? []);
}

describe('net/floods', () => {
  let actor: Actor;
  let port: number;
  /** Stands still until the spec lets it run, a thousand times as fast as time does. */
  let frozen = true;
  const peers: HostilePeer[] = [];

  async function greeted(peerId: string, localAddress = '127.0.0.1'): Promise<HostilePeer> {
    const peer = await HostilePeer.connect(port, '127.0.0.1', localAddress);
    peers.push(peer);
    peer.sendHandshake(INFO_HASH, Buffer.from(peerId));
    await peer.receive(HANDSHAKE_LENGTH_BYTES);
    return peer;
  }

  beforeEach(async () => {
    frozen = true;
    const startMs = performance.now();
    let nowMs = startMs;
    actor = new Actor({
      idleTimeoutMs: 1e9,
      maxHandshakes: 200,
      nowMs: () => {
        if (!frozen) nowMs = startMs + 1000 * (performance.now() - startMs);
        return nowMs;
      },
    });
    const buffer = new SharedArrayBuffer(FILE_BYTES);
    new Uint8Array(buffer).set(patternBytes(FILE_BYTES));
    const storage = { module: 'memory', key: 'm', root: '/', options: { buffers: { f: buffer } } };
    const files = [{ path: 'f', lengthBytes: FILE_BYTES }];
    const torrent = torrentOf({ pieceLengthBytes: PIECE_BYTES, files, storage, have: 'all' });
    actor.order({ type: 'open-torrent', torrent });
    actor.seed();
    port = await actor.listen();
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.end();
    await actor.stop();
    expect(actor.of('log')).to.deep.equal([]);
  });

  for (const [what, say] of Object.entries(FLOODS)) {
    it(`leaves ${what} unread beyond their budget, and serves others`, async () => {
      const flooder = await greeted('-XX0000-the-flooder!');
      const { connection } = await actor.fact('connected');
      const one = words(say);
      flooder.send(words((writer) => writer.bitfield(Uint8Array.of(0, 0))));
      flooder.send(Buffer.alloc(Math.ceil(FLOOD_BYTES / one.length) * one.length, one));
      flooder.send(words((writer) => writer.have(5)));

      const honest = await greeted('-XX0000-honest-peer-');
      honest.send(words((writer) => writer.interested()));
      const unchoke = Buffer.from([0, 0, 0, 1, 1]);
      while (!honest.received.includes(unchoke, HANDSHAKE_LENGTH_BYTES)) {
        await honest.receive(honest.received.length + 1);
      }
      honest.forget();
      const pieces = [...Array(16).keys()];
      honest.send(words((writer) => pieces.forEach((p) => writer.request(p, 0, PIECE_BYTES))));
      const wantedBytes = 16 * (PIECE_HEADER_LENGTH_BYTES + PIECE_BYTES);
      expect(await honest.receive(wantedBytes)).to.have.length(wantedBytes);
      expect(actor.of('peer-have').flatMap((fact) => fact.pieces)).not.to.include(5);
      const stalled = await actor.fact('upload-stalled');
      expect(stalled, 'its slot is for others').to.include({ connection, stalled: true });

      frozen = false;
      const last = await actor.fact('peer-have', ({ pieces }) => pieces.includes(5));
      expect(last.connection).to.equal(connection);
      expect(actor.of('closed')).to.deep.equal([]);
    });
  }

  it('goes on reading a few flooders at a tick, those that have waited longest first', async () => {
    const FLOODERS = 9;
    const flood = words((writer) => {
      for (let time = 0; time < 20_000; time++) writer.keepAlive();
    });
    const order: number[] = [];
    for (let number = 0; number < FLOODERS; number++) {
      const flooder = await greeted(`-XX0000-flooder-no-${number}`);
      flooder.send(flood);
      const { localPort: port } = flooder.socket;
      const { connection } = await actor.fact('connected', (fact) => fact.port === port);
      await actor.fact('upload-stalled', (fact) => fact.connection === connection);
      flooder.send(words((writer) => writer.have(5)));
      order.push(connection);
    }
    frozen = false;
    await actor.fact('peer-have', (fact) => fact.connection === order.at(-1));
    const read = actor.of('peer-have').map((fact) => fact.connection);
    // Those of one tick are read as the system has them.
    const tickOf = (connection: number): number => Math.floor(order.indexOf(connection) / 2);
    expect(read.map(tickOf)).to.deep.equal([0, 0, 1, 1, 2, 2, 3, 3, 4]);
  });

  it('admits reconnecting peers at a bounded rate, and loses none', async () => {
    const COMING = 600;
    const visit = async (number: number): Promise<void> => {
      const visitor = await greeted(`-XX0000-${String(number).padStart(12, '0')}`);
      visitor.end();
    };
    for (let number = 0; number < COMING; number += 8) {
      await Promise.all([...Array(8).keys()].map((at) => visit(number + at)));
    }
    const other = await greeted('-XX0000-another-host', '127.0.0.2');
    other.send(words((writer) => writer.have(6)));
    expect((await actor.fact('peer-have')).pieces, 'others need not wait').to.deep.equal([6]);
    const last = await greeted('-XX0000-comes-last--');
    last.send(words((writer) => writer.have(5)));
    const met = actor.of('connected').length;
    expect(met).to.be.within(480, 520);

    frozen = false;
    await actor.fact('peer-have', ({ pieces }) => pieces.includes(5));
    const known = actor.of('connected').length + actor.of('rejected').length;
    expect(known).to.equal(COMING + 2);
  });
});
