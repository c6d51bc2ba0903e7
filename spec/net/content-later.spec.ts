// A torrent that is open on a peer thread before its content is known: peers connect, are dialled
// and are read, and the transfer begins when the content follows.

import { expect } from 'chai';
import type { PeerTorrent } from '../../lib/messages/peer-thread';
import { WireWriter } from '../../lib/wire/encoder';
import { HostilePeer } from '../support/hostile/peer';
import { patternBytes } from '../support/pair';
import { Actor, emptyCopy, INFO_HASH, torrentOf } from './actor';
import type { KnownTorrent } from './actor';

const PIECE_BYTES = 32_768;
const LENGTH_BYTES = 20 * PIECE_BYTES;

function wholeTorrent(): KnownTorrent {
  const buffer = new SharedArrayBuffer(LENGTH_BYTES);
  new Uint8Array(buffer).set(patternBytes(LENGTH_BYTES));
  const storage = { module: 'memory', key: 'm', root: '/', options: { buffers: { f: buffer } } };
  const files = [{ path: 'f', lengthBytes: LENGTH_BYTES }];
  return torrentOf({ pieceLengthBytes: PIECE_BYTES, files, storage, have: 'all' });
}

/** All that is known of a torrent at first. */
function unknown({ torrent, infoHash }: PeerTorrent): PeerTorrent {
  return { torrent, infoHash, private: false, content: undefined };
}

function words(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.take() ?? new Uint8Array(0);
}

describe('net/peer-thread: content that is known later', () => {
  const actors: Actor[] = [];
  function actor(thread: number): Actor {
    const made = new Actor({ thread });
    actors.push(made);
    return made;
  }
  afterEach(async () => {
    await Promise.all(actors.splice(0).map((made) => made.stop()));
  });

  /** A peer whose messages reached a torrent without content. */
  async function earlyPeer(
    target: Actor,
    write: (writer: WireWriter) => void,
  ): Promise<{ peer: HostilePeer; connection: number }> {
    const port = await target.listen();
    const peer = await HostilePeer.connect(port);
    peer.sendHandshake(INFO_HASH);
    peer.send(words((writer) => (write(writer), writer.interested())));
    const { connection } = await target.fact('peer-interest'); // so all before it was read
    return { peer, connection };
  }

  for (const dials of ['the one that knows nothing', 'its peer'] as const) {
    it(`downloads once the content is known, when ${dials} dialled`, async () => {
      const [seeder, leecher] = [actor(1), actor(2)];
      const whole = wholeTorrent();
      const wanted = emptyCopy(whole);
      seeder.order({ type: 'open-torrent', torrent: whole });
      leecher.order({ type: 'open-torrent', torrent: unknown(wanted) });
      seeder.seed();
      const downloaded = leecher.download(wanted);
      const [dialler, listener] = dials === 'its peer' ? [seeder, leecher] : [leecher, seeder];
      const port = await listener.listen();
      dialler.order({ type: 'dial', dial: 5, torrent: 1, host: '127.0.0.1', port });
      await leecher.fact('extended-handshake'); // its bitfield came before
      expect(leecher.of('peer-bitfield')).to.deep.equal([]);
      leecher.order({ type: 'torrent-content', torrent: 1, content: wanted.content });
      expect((await downloaded).equals(patternBytes(LENGTH_BYTES))).to.equal(true);
      expect(leecher.of('peer-bitfield')).to.have.length(1);
      expect(leecher.of('connected')).to.have.length(1);
    });
  }

  it('reports bitfield and haves as one when the content comes, and later ones as ever', async () => {
    const target = actor(1);
    const { content, ...rest } = emptyCopy(wholeTorrent());
    target.order({ type: 'open-torrent', torrent: unknown({ ...rest, content }) });
    const { peer, connection } = await earlyPeer(target, (writer) => {
      writer.bitfield(Uint8Array.of(0x80, 0, 0));
      writer.have(17);
    });
    expect([...target.of('peer-bitfield'), ...target.of('peer-have')]).to.deep.equal([]);
    target.order({ type: 'torrent-content', torrent: 1, content });
    const { bits } = await target.fact('peer-bitfield');
    expect([...bits]).to.deep.equal([0x80, 0, 0x40]);
    peer.send(words((writer) => writer.have(3)));
    const have = await target.fact('peer-have');
    expect(have).to.deep.equal({ type: 'peer-have', connection, pieces: [3] });
    peer.end();
  });

  it('serves nothing before, and announces and serves its pieces from then on', async () => {
    const target = actor(1);
    const whole = wholeTorrent();
    target.order({ type: 'open-torrent', torrent: unknown(whole) });
    target.seed();
    const { peer } = await earlyPeer(target, (writer) => writer.request(2, 0, 16_384));
    target.order({ type: 'torrent-content', torrent: 1, content: whole.content });
    const haveOfTheLast = Buffer.from([0, 0, 0, 5, 4, 0, 0, 0, 19]);
    while (!peer.received.includes(haveOfTheLast)) await peer.receive(peer.received.length + 1);
    peer.send(words((writer) => writer.request(1, 0, 16_384)));
    const wanted = patternBytes(LENGTH_BYTES).subarray(PIECE_BYTES, PIECE_BYTES + 16_384);
    while (!peer.received.includes(wanted)) await peer.receive(peer.received.length + 1);
    const unanswered = patternBytes(LENGTH_BYTES).subarray(2 * PIECE_BYTES, 2 * PIECE_BYTES + 64);
    expect(peer.received.includes(unanswered)).to.equal(false);
    peer.end();
  });

  it('closes only the peers whose messages contradict the content', async () => {
    const target = actor(1);
    const { content, ...rest } = emptyCopy(wholeTorrent());
    target.order({ type: 'open-torrent', torrent: unknown({ ...rest, content }) });
    const { connection, peer } = await earlyPeer(target, (writer) =>
      writer.bitfield(Uint8Array.of(255)),
    );
    const port = target.of('listening')[0]?.port ?? 0;
    const good = await HostilePeer.connect(port);
    good.sendHandshake(INFO_HASH);
    good.send(words((writer) => (writer.have(4), writer.interested())));
    await target.fact('peer-interest', (fact) => fact.connection !== connection);
    target.order({ type: 'torrent-content', torrent: 1, content });
    const closed = await target.fact('closed');
    expect(closed).to.deep.include({ connection, reason: 'bad-bitfield' });
    expect((await target.fact('peer-bitfield')).connection).to.not.equal(connection);
    await peer.closed;
    good.end();
  });

  it('accepts content only once, and none for a closed torrent', async () => {
    const target = actor(1);
    const whole = wholeTorrent();
    const shorter = { pieceCount: 1, totalLengthBytes: 5, files: [{ path: 'f', lengthBytes: 5 }] };
    target.order({ type: 'torrent-content', torrent: 1, content: whole.content });
    target.order({ type: 'open-torrent', torrent: whole });
    target.order({
      type: 'torrent-content',
      torrent: 1,
      content: { ...whole.content, ...shorter },
    });
    const { peer } = await earlyPeer(target, (writer) =>
      writer.bitfield(Uint8Array.of(255, 255, 0xf0)),
    );
    expect([...(await target.fact('peer-bitfield')).bits]).to.deep.equal([255, 255, 0xf0]);
    peer.end();
  });
});
