// What a raw TCP peer may do to a peer thread: its connection ends with one reason, the thread goes
// on.
import { expect } from 'chai';
import { WireWriter, writePieceHeader } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import { HANDSHAKE_LENGTH_BYTES, encodeHandshake } from '../../lib/wire/handshake';
import { HostilePeer } from '../support/hostile/peer';
import { patternBytes } from '../support/pair';
import { Actor, INFO_HASH, torrentOf } from './actor';

const FILE_BYTES = 1_000_000;
const PEER_ID = Buffer.from('-XX0000-hostile-peer');

function memoryTorrent(have: 'all' | readonly number[] = 'all', lengthBytes = FILE_BYTES) {
  const buffer = new SharedArrayBuffer(lengthBytes);
  new Uint8Array(buffer).set(patternBytes(lengthBytes));
  const storage = { module: 'memory', key: 'm', root: '/', options: { buffers: { f: buffer } } };
  const files = [{ path: 'f', lengthBytes: FILE_BYTES }];
  return torrentOf({ pieceLengthBytes: 65_536, files, storage, have });
}

function words(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.take() ?? new Uint8Array(0);
}

describe('net/hostile peers', () => {
  let actor: Actor;
  let port: number;
  const peers: HostilePeer[] = [];

  async function begin(options: ConstructorParameters<typeof Actor>[0] = {}): Promise<void> {
    actor = new Actor(options);
    actor.order({ type: 'open-torrent', torrent: memoryTorrent() });
    actor.seed();
    port = await actor.listen();
  }
  async function connect(): Promise<HostilePeer> {
    const peer = await HostilePeer.connect(port);
    peers.push(peer);
    return peer;
  }
  /** A peer past its handshake, with the bytes received so far dropped. */
  async function greeted(): Promise<HostilePeer> {
    const peer = await connect();
    peer.sendHandshake(INFO_HASH);
    await peer.receive(HANDSHAKE_LENGTH_BYTES);
    await actor.fact('connected', (fact) => fact.port === peer.socket.localPort);
    return peer;
  }
  async function greetedAndUnchoked(): Promise<HostilePeer> {
    const peer = await greeted();
    peer.send(words((w) => w.interested()));
    const unchoke = Buffer.from([0, 0, 0, 1, 1]);
    while (!peer.received.includes(unchoke, HANDSHAKE_LENGTH_BYTES)) {
      await peer.receive(peer.received.length + 1);
    }
    peer.forget();
    return peer;
  }
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.end();
    await actor.stop();
    expect(actor.of('log')).to.deep.equal([]);
  });

  describe('before the handshake', () => {
    beforeEach(() => begin());

    const CASES: readonly (readonly [string, string, Uint8Array])[] = [
      ['an encrypted handshake', 'encrypted-handshake', Uint8Array.of(0x7f, 1, 2, 3)],
      ['another protocol', 'bad-handshake', Buffer.from('\x13BitTorrent protocoX')],
      ['an HTTP request', 'encrypted-handshake', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
      [
        'another info hash',
        'wrong-info-hash',
        encodeHandshake({ infoHash: new Uint8Array(20), peerId: PEER_ID }),
      ],
    ];
    for (const [what, reason, bytes] of CASES) {
      it(`${what}: ${reason}, at once`, async () => {
        const peer = await connect();
        peer.send(bytes);
        await peer.closed;
        expect((await actor.fact('rejected')).reason).to.equal(reason);
        expect(peer.received).to.have.length(0);
        expect(actor.of('connected')).to.deep.equal([]);
      });
    }

    it('our own peer id: self-connection', async () => {
      const peer = await connect();
      peer.sendHandshake(INFO_HASH, Buffer.from(actor.start.peerId));
      await peer.closed;
      expect((await actor.fact('rejected')).reason).to.equal('self-connection');
    });

    it('a handshake that comes byte by byte, with a bitfield on its heels', async () => {
      const peer = await connect();
      const bitfield = words((w) => w.bitfield(Uint8Array.of(0x80, 0)));
      const handshake = encodeHandshake({ infoHash: INFO_HASH, peerId: PEER_ID });
      await peer.trickle(Buffer.concat([handshake, bitfield]));
      const fact = await actor.fact('peer-bitfield');
      expect(fact.bits).to.deep.equal(Uint8Array.of(0x80, 0));
      expect((await actor.fact('connected')).peerId).to.deep.equal(new Uint8Array(PEER_ID));
    });

    it('a handshake cut at every byte', async () => {
      const handshake = encodeHandshake({ infoHash: INFO_HASH, peerId: PEER_ID });
      for (let cut = 1; cut < HANDSHAKE_LENGTH_BYTES; cut++) {
        const peer = await connect();
        await peer.trickle(handshake.subarray(0, 1));
        peer.send(handshake.subarray(1, cut));
        await new Promise((resolve) => setImmediate(resolve));
        peer.send(handshake.subarray(cut));
        const received = await peer.receive(HANDSHAKE_LENGTH_BYTES);
        expect(received.subarray(28, 48).equals(INFO_HASH)).to.equal(true);
        peer.end();
        await peer.closed;
      }
    });

    it('a peer that goes away: exactly one fact', async () => {
      const peer = await connect();
      peer.end();
      expect((await actor.fact('rejected')).reason).to.match(/remote-closed|connection-error/);
      const other = await greeted();
      other.end();
      await actor.fact('closed');
      expect(actor.of('rejected')).to.have.length(1);
      expect(actor.of('closed')).to.have.length(1);
    });
  });

  it('silence before the handshake is over', async () => {
    await begin({ handshakeTimeoutMs: 50 });
    const peer = await connect();
    await peer.closed;
    expect((await actor.fact('rejected')).reason).to.equal('handshake-timeout');
  });

  it('more connections than allowed', async () => {
    await begin({ maxConnections: 2 });
    await greeted();
    const second = await greeted();
    const third = await connect();
    await third.closed;
    expect((await actor.fact('rejected')).reason).to.equal('too-many-connections');
    actor.order({ type: 'dial', dial: 9, torrent: 1, host: '127.0.0.1', port });
    expect((await actor.fact('dial-failed')).reason).to.equal('too-many-connections');
    second.end();
    await actor.fact('closed');
    await greeted();
  });

  it('more connections without a handshake than there are places for', async () => {
    await begin({ maxHandshakes: 2 });
    const [first] = [await connect(), await connect()];
    const third = await connect();
    await third.closed;
    expect((await actor.fact('rejected')).reason).to.equal('too-many-connections');
    first?.end();
    await actor.fact('rejected', ({ reason }) => reason === 'remote-closed');
    await greeted(); // its place is free at once, and so is that of who shook hands
    await greeted();
  });

  describe('after the handshake', () => {
    beforeEach(() => begin());

    const block = Buffer.alloc(PIECE_HEADER_LENGTH_BYTES + 16_384);
    writePieceHeader(block, 0, 0, 0, 16_384);
    const CASES: readonly (readonly [string, string, Uint8Array])[] = [
      ['a length of 2 GiB', 'message-too-long', Uint8Array.of(0x80, 0, 0, 0)],
      ['garbage', 'message-too-long', Buffer.alloc(1000, 0xa7)],
      ['a block never asked for', 'unrequested-piece', block],
      ['a bitfield too short', 'bad-bitfield', words((w) => w.bitfield(Buffer.alloc(1)))],
      ['a request past the end', 'bad-request', words((w) => w.request(0, 65_536, 16_384))],
      ['a piece that does not exist', 'bad-piece-index', words((w) => w.have(16))],
    ];
    for (const [what, reason, bytes] of CASES) {
      it(`${what}: ${reason}, and a bystander is served on`, async () => {
        const bystander = await greetedAndUnchoked();
        const peer = await greeted();
        peer.send(bytes);
        await peer.closed;
        const closed = await actor.fact('closed');
        expect(closed.reason).to.equal(reason);
        expect(actor.of('closed')).to.have.length(1);
        bystander.send(words((w) => w.request(1, 5, 100)));
        const received = await bystander.receive(PIECE_HEADER_LENGTH_BYTES + 100);
        const expected = patternBytes(FILE_BYTES).subarray(65_541, 65_641);
        expect(received.subarray(PIECE_HEADER_LENGTH_BYTES).equals(expected)).to.equal(true);
      });
    }

    it('more requests than we announced', async () => {
      const peer = await greetedAndUnchoked();
      peer.send(
        words((w) => {
          for (let index = 0; index < 20_000; index++) w.request(index % 15, 0, 65_536);
        }),
      );
      await peer.closed;
      expect((await actor.fact('closed')).reason).to.equal('request-flood');
    });

    it('a peer that asks and does not read: memory stays bounded and others are served', async () => {
      const greedy = await greetedAndUnchoked();
      greedy.socket.pause();
      for (let round = 0; round < 40; round++) {
        greedy.send(words((w) => [...Array(12).keys()].forEach((p) => w.request(p, 0, 65_536))));
      }
      const other = await greetedAndUnchoked();
      const asked = [...Array(14).keys()];
      other.send(words((w) => asked.forEach((piece) => w.request(piece, 0, 65_536))));
      const received = await other.receive(asked.length * (PIECE_HEADER_LENGTH_BYTES + 65_536));
      expect(received.length).to.equal(asked.length * (PIECE_HEADER_LENGTH_BYTES + 65_536));
      const uploaded = (): number =>
        actor.of('closed').reduce((sum, c) => sum + c.uploadedBytes, 0);
      greedy.end();
      await actor.fact('closed');
      // 40 × 12 × 64 KiB were asked for; the system's socket buffers and our watermark took less.
      expect(uploaded()).to.be.below(40 * 12 * 65_536);
    });
  });

  it('serves a peer while forty ask for all they may and read nothing', async () => {
    await begin({ requestQueue: 2000, uploadBufferBytes: 8_388_608 });
    const pieceBytes = 262_144;
    const lengthBytes = 128 * pieceBytes;
    const content = patternBytes(lengthBytes);
    const buffer = new SharedArrayBuffer(lengthBytes);
    new Uint8Array(buffer).set(content);
    const storage = { module: 'memory', key: 'l', root: '/', options: { buffers: { l: buffer } } };
    const torrent = torrentOf({
      torrent: 2,
      infoHash: Buffer.alloc(20, 7),
      pieceLengthBytes: pieceBytes,
      files: [{ path: 'l', lengthBytes }],
      storage,
      have: 'all',
    });
    actor.order({ type: 'open-torrent', torrent });
    const ask = (first: number, pieces: number) =>
      words((w) => {
        for (let at = 0; at < 16 * pieces; at++) {
          w.request((first + (at >> 4)) % 128, (at & 15) * 16_384, 16_384);
        }
      });
    const connections: number[] = [];
    for (let number = 0; number < 40; number++) {
      const hog = await connect();
      hog.sendHandshake(
        torrent.infoHash,
        Buffer.from(`-XX0000-hog-${number + 10_000_000}`.slice(0, 20)),
      );
      hog.send(words((w) => w.interested()));
      const unchoke = Buffer.from([0, 0, 0, 1, 1]);
      while (!hog.received.includes(unchoke, HANDSHAKE_LENGTH_BYTES)) {
        await hog.receive(hog.received.length + 1);
      }
      hog.socket.pause();
      hog.send(ask(3 * number, 100)); // 25 MiB: more than the system's buffers hold
      const port = hog.socket.localPort;
      connections.push((await actor.fact('connected', (f) => f.port === port)).connection);
    }
    for (const connection of connections) {
      await actor.fact('upload-stalled', (f) => f.connection === connection && f.stalled);
    }
    const reader = await connect();
    reader.sendHandshake(torrent.infoHash);
    reader.send(words((w) => w.interested()));
    await reader.receive(HANDSHAKE_LENGTH_BYTES + 5);
    const { length: start } = reader.received;
    reader.send(ask(0, 64));
    const wanted = 64 * 16 * (PIECE_HEADER_LENGTH_BYTES + 16_384);
    const received = await reader.receive(start + wanted);
    expect(received.length).to.be.at.least(wanted);
    const last = received.subarray(-16_384);
    expect(last.equals(content.subarray(64 * pieceBytes - 16_384, 64 * pieceBytes))).to.equal(true);
    expect(actor.of('closed')).to.deep.equal([]);
  });

  it('closes a peer that sends nothing for too long', async () => {
    await begin({ idleTimeoutMs: 100 });
    const peer = await greeted();
    await peer.closed;
    expect((await actor.fact('closed')).reason).to.equal('idle-timeout');
  });

  it('takes requests back from a peer that answers a byte at a time', async () => {
    await begin({ requestTimeoutMs: 100 });
    const peer = await greeted();
    const { connection } = await actor.fact('connected');
    actor.order({ type: 'interest', connection, interested: true });
    peer.send(words((w) => w.unchoke()));
    const { epoch } = await actor.fact('appetite');
    actor.table.assign(7, 3);
    const run = { piece: 1, firstBlock: 0, blockCount: 1, generation: 3, segments: [7, 1] };
    actor.order({ type: 'lease', lease: { connection, epoch, ...run } });
    const trickle = peer.trickle(Uint8Array.of(0, 0, 64, 9, 7, 0, 0, 0, 1));
    expect(await actor.fact('lease-returned')).to.deep.include({ piece: 1, generation: 3 });
    await trickle;
    expect(actor.of('closed')).to.deep.equal([]);
  });
});
