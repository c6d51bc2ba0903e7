// One dial against peers on loopback: honest ones and lying ones.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { probePeer } from '../../lib/doctor/probe-peer';
import type { PeerProbeOptions } from '../../lib/doctor/probe-peer';
import type { PeerAnswers } from '../../lib/doctor/peer-finding';
import { WireWriter } from '../../lib/wire/encoder';
import { encodeExtendedHandshake } from '../../lib/wire/extended-handshake';
import { encodeHandshake } from '../../lib/wire/handshake';
import { freePort } from '../support/free-port';
import { HostilePeer } from '../support/hostile/peer';
import { KIB, Payload } from '../support/payload';
import { Swarm, within } from '../support/swarm';

/** 20 pieces: the last byte of a bitfield has four spare bits. */
const PIECES = 20;
const INFO_HASH = Buffer.from('the-very-same-torrent');
const infoHash = INFO_HASH.subarray(0, 20);
const peerId = Buffer.from('-MR0000-the-doctor-1');
const theirId = Buffer.from('-XX0000-hostile-peer');
const NAME = encodeExtendedHandshake({ extensions: {}, client: 'Thing 1.0' });
/** Never reached but by those who wait for nothing. */
const LONG_MS = 30_000;

function bytesOf(say: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  say(writer);
  return writer.take() ?? new Uint8Array(0);
}

const name = bytesOf((writer) => writer.extended(0, NAME));
const all = Uint8Array.of(0xff, 0xff, 0xf0);
const bitfield = (bits: Uint8Array): Uint8Array => bytesOf((writer) => writer.bitfield(bits));
const have = (...pieces: number[]): Uint8Array =>
  bytesOf((writer) => pieces.forEach((piece) => writer.have(piece)));

describe('doctor: a dial', () => {
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  async function probe(
    script: (peer: HostilePeer) => unknown,
    change: Partial<PeerProbeOptions> = {},
  ): Promise<PeerAnswers> {
    const { port, peer, close } = await HostilePeer.listen();
    swarm.onClose(async () => close());
    const never = new AbortController().signal;
    const options = { host: '127.0.0.1', port, infoHash, peerId, pieceCount: PIECES };
    const answers = probePeer({
      ...options,
      timeoutMs: LONG_MS,
      quietMs: 5,
      signal: never,
      ...change,
    });
    const far = await peer;
    close(); // A second dial, with encryption, finds nobody.
    await script(far);
    const found = await within(answers, 'the end of the dial');
    await within(far.closed, 'the socket to go');
    return found;
  }

  /** Completes a handshake for this torrent, then sends these bytes. */
  const honest =
    (...parts: readonly Uint8Array[]) =>
    async (peer: HostilePeer): Promise<void> => {
      await peer.receive(68);
      // In one write: a pause between them could look like the end.
      peer.send(Buffer.concat([encodeHandshake({ infoHash, peerId: theirId }), ...parts]));
    };

  it('learns every piece and the client name, and sends a correct handshake', async () => {
    let received: Buffer = Buffer.alloc(0);
    // It ends because everything has come, not by a time limit or silence.
    const found = await probe(
      async (peer) => {
        received = await peer.receive(68);
        await honest(bitfield(all), name)(peer);
      },
      { quietMs: LONG_MS },
    );
    expect(found).to.include({ outcome: 'talks', client: 'Thing 1.0', detail: undefined });
    expect(found.pieces?.isFull()).to.equal(true);
    expect(received).to.deep.equal(Buffer.from(encodeHandshake({ infoHash, peerId })));
  });

  describe('for a magnet link', () => {
    const offer = (parts: object, extensions: Record<string, number> = { ut_metadata: 3 }) =>
      bytesOf((writer) =>
        writer.extended(
          0,
          encodeExtendedHandshake({ extensions, client: 'T' }, [parts as Record<string, number>]),
        ),
      );
    const unknown = { pieceCount: undefined };

    it('learns whether it has the metadata and every piece', async () => {
      const size = offer({ metadata_size: 12_345 });
      const whole = await probe(honest(bitfield(all), size), { ...unknown, quietMs: LONG_MS });
      expect(whole).to.include({ outcome: 'talks', whole: true, metadataBytes: 12_345 });
      expect(whole.pieces).to.equal(undefined);
      const part = await probe(honest(bitfield(Uint8Array.of(0xff, 0xfe, 0xf0)), have(7)), unknown);
      expect(part).to.include({ outcome: 'talks', whole: false, metadataBytes: undefined });
      const seed = await probe(honest(Uint8Array.of(0, 0, 0, 1, 14), size), unknown);
      expect(seed).to.include({ whole: true, metadataBytes: 12_345 });
    });

    it('takes no size for an offer without the extension, and none that is no size', async () => {
      for (const part of [
        offer({ metadata_size: 5 }, {}),
        offer({ metadata_size: 5 }, { ut_metadata: 0 }),
        offer({ metadata_size: 0 }),
        offer({ metadata_size: -1 }),
        offer({ metadata_size: 'x' }),
        offer({}),
      ]) {
        const found = await probe(honest(part), unknown);
        expect(found).to.include({ outcome: 'talks', whole: false, metadataBytes: undefined });
      }
    });

    it('is not misled by bits', async () => {
      for (const [bits, whole] of [
        [[0xff], true],
        [[0x80], true],
        [[0xff, 0x80], true],
        [[0xff, 0x00], false],
        [[0x00], false],
        [[0xfe, 0xff], false],
        [[0xff, 0xa0], false],
        [[0xff, 0x7f], false],
      ] as const) {
        const found = await probe(honest(bitfield(Uint8Array.from(bits))), unknown);
        expect(found.whole, String(bits)).to.equal(whole);
      }
    });
  });

  it('adds up a bitfield and what comes behind it', async () => {
    const found = await probe(honest(bitfield(Uint8Array.of(0x80, 0, 0x10)), have(3, 4, 3)));
    expect(found.outcome).to.equal('talks');
    const pieces = [...Array(PIECES).keys()].filter((piece) => found.pieces?.get(piece));
    expect(pieces).to.deep.equal([0, 3, 4, 19]);
  });

  it('treats a peer that sends nothing about pieces as one that has none', async () => {
    const found = await probe(honest());
    expect(found.outcome).to.equal('talks');
    expect(found.pieces?.count()).to.equal(0);
  });

  it('accepts `have all` (BEP 6) although it was not negotiated', async () => {
    const found = await probe(honest(Uint8Array.of(0, 0, 0, 1, 14)));
    expect(found.pieces?.isFull()).to.equal(true);
  });

  it('understands one that sends byte by byte', async () => {
    const parts = [encodeHandshake({ infoHash, peerId: theirId }), name, bitfield(all)];
    const found = await probe((peer) => peer.trickle(Buffer.concat(parts)), { quietMs: LONG_MS });
    expect(found.pieces?.isFull()).to.equal(true);
  });

  it('counts the pieces of a peer that closes the connection', async () => {
    const found = await probe(async (peer) => {
      await honest(have(7))(peer);
      peer.socket.end();
    });
    expect(found.outcome).to.equal('talks');
    expect(found.pieces?.count()).to.equal(1);
  });

  it('asks a seed of another make', async () => {
    const payload = new Payload({ lengthBytes: 200 * KIB, pieceLengthBytes: 16 * KIB });
    const seed = await swarm.seed(payload, { pieces: [0, 12] });
    const { infoHash: hash, pieceCount } = payload.metainfo;
    const { signal } = new AbortController();
    const where = { host: '127.0.0.1', port: seed.port, infoHash: hash, peerId, pieceCount };
    const found = await probePeer({ ...where, timeoutMs: LONG_MS, quietMs: 100, signal });
    expect(found.outcome).to.equal('talks');
    expect([found.pieces?.get(0), found.pieces?.get(1), found.pieces?.get(12)]).to.deep.equal([
      true,
      false,
      true,
    ]);
  });

  it('reports a port without a listener', async () => {
    const port = await freePort();
    const { signal } = new AbortController();
    const where = { host: '127.0.0.1', port, infoHash, peerId, pieceCount: PIECES };
    const found = await probePeer({ ...where, timeoutMs: LONG_MS, signal });
    expect(found).to.include({ outcome: 'refused', pieces: undefined });
  });

  it('reports a peer that sends nothing', async () => {
    const found = await probe(() => undefined, { timeoutMs: 500 });
    expect(found.outcome).to.equal('silent');
  });

  it('finds one that hangs up, and one that does so in the middle of a handshake', async () => {
    const first = await probe((peer) => peer.end());
    const second = await probe((peer) => {
      peer.send(encodeHandshake({ infoHash, peerId: infoHash }).subarray(0, 50));
      peer.socket.end();
    });
    expect([first.outcome, second.outcome]).to.deep.equal(['closed', 'closed']);
  });

  describe('of one that closes at a plain handshake', () => {
    /** Answers the first bytes of each connection; undefined closes it. */
    async function outcomeOf(
      answer: (received: Buffer) => Uint8Array | undefined,
    ): Promise<string> {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (bytes) => {
          const reply = answer(bytes);
          if (reply === undefined) socket.end();
          else socket.write(reply);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      swarm.onClose(async () => void server.close());
      const { port } = server.address() as AddressInfo;
      const { signal } = new AbortController();
      const where = { host: '127.0.0.1', port, infoHash, peerId, pieceCount: PIECES };
      const { outcome } = await probePeer({ ...where, timeoutMs: LONG_MS, signal });
      return outcome;
    }

    it('recognises encryption by the answer to a key', async () => {
      const keys: Buffer[] = [];
      const outcome = await outcomeOf((received) => {
        if (received[0] === 19) return undefined;
        keys.push(received);
        return new Uint8Array(200).fill(0xa5); // a key and some padding
      });
      expect(outcome).to.equal('encrypted');
      expect(keys.map(({ length }) => length)).to.deep.equal([96]);
      expect(keys[0]?.[0], 'below the prime').to.equal(0);
    });

    it('and nothing of one that closes at everything', async () => {
      expect(await outcomeOf(() => undefined)).to.equal('closed');
    });

    it('nor of one that answers a key in plain', async () => {
      const plain = encodeHandshake({ infoHash, peerId: theirId });
      const outcome = await outcomeOf((received) => (received[0] === 19 ? undefined : plain));
      expect(outcome).to.equal('closed');
    });
  });

  it('finds one of another torrent', async () => {
    const found = await probe((peer) => peer.sendHandshake(Buffer.alloc(20, 1)));
    expect(found).to.include({ outcome: 'other-torrent', pieces: undefined });
  });

  it('finds what is no peer: another protocol, noise, an echo', async () => {
    const web = await probe((peer) => peer.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const noise = await probe((peer) => peer.send(Buffer.alloc(1000, 0x13)));
    const echo = await probe(async (peer) => peer.send(await peer.receive(68)));
    expect([web, noise, echo].map(({ outcome }) => outcome)).to.deep.equal(
      Array(3).fill('not-plain'),
    );
  });

  const LIES: readonly [string, Uint8Array][] = [
    ['a bitfield that is too long', bitfield(new Uint8Array(4))],
    ['a bitfield that is too short', bitfield(new Uint8Array(2))],
    ['a piece that does not exist', have(PIECES)],
    ['a message of 2 GiB', Uint8Array.of(0x80, 0, 0, 0, 7)],
    ['a broken extended handshake', bytesOf((writer) => writer.extended(0, Buffer.from('x')))],
  ];
  for (const [what, bytes] of LIES) {
    it(`believes nothing of one that sends ${what}`, async () => {
      const found = await probe(honest(have(1), bytes), { quietMs: LONG_MS });
      expect(found).to.include({ outcome: 'breaks-rules', pieces: undefined });
      expect(found.detail).to.be.a('string');
    });
  }

  it('reads a bitfield with spare bits set, as other clients do', async () => {
    const found = await probe(honest(bitfield(Uint8Array.of(0xff, 0xff, 0xff))));
    expect(found).to.include({ outcome: 'talks' });
    expect([...(found.pieces?.bytes ?? [])]).to.deep.equal([0xff, 0xff, 0xf0]);
  });

  it('does not listen for ever to one that never stops', async () => {
    const chatter = Buffer.concat([have(1), new Uint8Array(400), have(1)]);
    const found = await probe(async (peer) => {
      await honest()(peer);
      const go = (): void => {
        if (!peer.socket.destroyed) peer.socket.write(chatter, () => setImmediate(go));
      };
      go();
    });
    expect(found.outcome).to.equal('talks');
    expect(found.pieces?.count()).to.equal(1);
  });

  it('ends at once when its signal aborts', async () => {
    const stop = new AbortController();
    const found = await probe(() => stop.abort(), { signal: stop.signal });
    expect(found.outcome).to.be.oneOf(['silent', 'no-connection']);
    const again = await probePeer({
      host: '127.0.0.1',
      port: 1,
      infoHash,
      peerId,
      pieceCount: PIECES,
      timeoutMs: LONG_MS,
      signal: stop.signal,
    });
    expect(again.outcome).to.equal('no-connection');
  });
});
