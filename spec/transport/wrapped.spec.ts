// A stream that wraps a stream: whole sessions run over a toy cipher, and what is shared stays plain.

import { expect } from 'chai';
import { TcpTransport } from '../../lib/transport/tcp';
import type { ByteStream, StreamHandler } from '../../lib/transport/stream';
import { Actor, emptyCopy, torrentOf } from '../net/actor';
import { HostilePeer } from '../support/hostile/peer';
import { patternBytes } from '../support/pair';
import { XorTransport } from '../support/xor-transport';

const KEY = 0x5a;
const LENGTH_BYTES = 3_000_000;

function torrent(number: number) {
  const content = patternBytes(LENGTH_BYTES);
  const buffer = new SharedArrayBuffer(LENGTH_BYTES);
  new Uint8Array(buffer).set(content);
  const whole = torrentOf({
    torrent: number,
    infoHash: Buffer.alloc(20, number),
    pieceLengthBytes: 262_144,
    files: [{ path: 'f', lengthBytes: LENGTH_BYTES }],
    storage: {
      module: 'memory',
      key: `m${number}`,
      root: '/',
      options: { buffers: { f: buffer } },
    },
    have: 'all',
  });
  return { content, whole };
}

const silent: StreamHandler = {
  onOpen: () => undefined,
  onBytes: () => undefined,
  onError: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

describe('transport/wrapped', () => {
  const actors: Actor[] = [];
  function actor(thread: number, key = KEY): Actor {
    const transport = new XorTransport(new TcpTransport(), key);
    const made = new Actor({ thread, transport });
    actors.push(made);
    return made;
  }
  afterEach(async () => {
    await Promise.all(actors.splice(0).map((made) => made.stop()));
  });

  it('carries sessions that dial and sessions that accept, each an upload and a download', async () => {
    const left = actor(1);
    const right = actor(2);
    const [first, second] = [torrent(1), torrent(2)];
    const [firstCopy, secondCopy] = [emptyCopy(first.whole), emptyCopy(second.whole)];
    left.order({ type: 'open-torrent', torrent: first.whole });
    right.order({ type: 'open-torrent', torrent: firstCopy });
    left.seed();
    const atRight = right.download(firstCopy);
    const port = await left.listen();
    right.order({ type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port });
    expect((await atRight).equals(first.content)).to.equal(true);

    // The other way: the one that accepted before dials, and takes.
    right.order({ type: 'open-torrent', torrent: second.whole });
    right.seed();
    const other = actor(3);
    other.order({ type: 'open-torrent', torrent: secondCopy });
    const atOther = other.download(secondCopy);
    const otherPort = await other.listen();
    right.order({ type: 'dial', dial: 2, torrent: 2, host: '127.0.0.1', port: otherPort });
    expect((await atOther).equals(second.content)).to.equal(true);
  });

  it('serves several at once from the same chunks', async () => {
    const seeder = actor(1);
    const { content, whole } = torrent(1);
    seeder.order({ type: 'open-torrent', torrent: whole });
    seeder.seed();
    const port = await seeder.listen();
    const downloads = [2, 3, 4].map((thread) => {
      const leecher = actor(thread);
      const copy = emptyCopy(whole);
      leecher.order({ type: 'open-torrent', torrent: copy });
      const downloaded = leecher.download(copy);
      leecher.order({ type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port });
      return downloaded;
    });
    for (const bytes of await Promise.all(downloads)) expect(bytes.equals(content)).to.equal(true);
  });

  it('leaves what is written untouched: the same bytes leave by two streams', async () => {
    const shared = patternBytes(100_000);
    const before = Buffer.from(shared);
    const sent = [0x11, 0x22].map(async (key) => {
      const far = await HostilePeer.listen();
      const transport = new XorTransport(new TcpTransport(), key);
      const target = { host: '127.0.0.1', port: far.port };
      const stream = await new Promise<ByteStream>((resolve) => {
        const dialled = transport.dial(target, { ...silent, onOpen: () => resolve(dialled) });
      });
      const peer = await far.peer;
      far.close();
      const flushed = new Promise<void>((resolve) => stream.write(shared, resolve));
      const received = await peer.receive(shared.length);
      await flushed;
      stream.destroy();
      await peer.closed;
      return received.equals(before.map((byte) => byte ^ key));
    });
    expect(await Promise.all(sent)).to.deep.equal([true, true]);
    expect(shared.equals(before)).to.equal(true);
  });

  it('does not meet one that has another key', async () => {
    const seeder = actor(1);
    const { whole } = torrent(1);
    seeder.order({ type: 'open-torrent', torrent: whole });
    const port = await seeder.listen();
    const stranger = actor(2, KEY + 1);
    stranger.order({ type: 'open-torrent', torrent: emptyCopy(whole) });
    stranger.order({ type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port });
    await stranger.fact('dial-failed');
    expect((await seeder.fact('rejected')).reason).to.equal('encrypted-handshake');
  });
});
