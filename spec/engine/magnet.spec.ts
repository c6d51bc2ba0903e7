// Torrents that are added by a magnet link, in real engines.

import { expect } from 'chai';
import { encodeTorrent, formatMagnet, readTorrent } from '../../lib/index';
import { Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  nextEvent,
  untilStats,
  within,
} from '../support/swarm';

describe('engine: a magnet link', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());
  const payload = new Payload({ name: 'data.bin', lengthBytes: 200_000 });
  const link = formatMagnet({ ...payload.metainfo, trackers: [] });

  it('is in its swarm once it is added, and dials the peers of the link', async () => {
    const other = await swarm.engine();
    const known = await other.add(payload.torrent, { output: await swarm.folder() });
    const engine = await swarm.engine();
    const greeted = nextEvent(known, 'peerConnected');
    const torrent = await engine.add(`${link}&x.pe=127.0.0.1:${other.port}`, {
      output: await swarm.folder(),
    });
    expect(torrent.infoHash).to.equal(known.infoHash);
    expect(torrent.name).to.equal('data.bin');
    await within(greeted, 'the connection');
  });

  it('can be paused, resumed and removed before its metadata is known', async () => {
    const engine = await swarm.engine();
    const torrent = await engine.add(link, { output: await swarm.folder() });
    const stats = await untilStats(torrent, 'the phase', ({ phase }) => phase === 'metadata');
    expect(stats).to.deep.include({ totalBytes: undefined, pieceCount: undefined, doneBytes: 0 });
    expect(stats.metadata).to.deep.equal({ receivedBytes: 0, totalBytes: undefined, peers: 0 });
    await expectCode(engine.add(payload.torrent), 'already-added');
    await torrent.pause();
    await untilStats(torrent, 'the pause', ({ phase }) => phase === 'paused');
    await torrent.resume();
    await untilStats(torrent, 'the next run', ({ phase }) => phase === 'metadata');
    await torrent.remove();
    await expectCode(torrent.metadata, 'closed');
    await expectCode(torrent.completed, 'closed');
    const again = await engine.add(payload.torrent, { output: await swarm.folder() });
    await again.metadata;
  });

  it('is refused for a broken rule, and leaves nothing behind', async () => {
    const engine = await swarm.engine();
    await expectCode(engine.add('magnet:?dn=a'), 'bad-magnet');
    await expectCode(engine.add(`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`), 'v2-unsupported');
    expect(engine.torrents).to.deep.equal([]);
  });

  it('downloads with metadata from a peer, which it then gives to others', async () => {
    const source = await swarm.folder();
    await payload.write(source);
    const seeder = await swarm.engine();
    const seed = await seeder.add(payload.torrent, { output: source });
    await within(seed.completed, 'the seed');

    const output = await swarm.folder();
    const leecher = await swarm.engine();
    const torrent = await leecher.add(link, { output, peers: [`127.0.0.1:${seeder.port}`] });
    const events: string[] = [];
    const phases = new Set<string>();
    torrent.on('metadata', () => events.push('metadata'));
    torrent.on('pieces', () => events.at(-1) === 'pieces' || events.push('pieces'));
    torrent.on('complete', () => events.push('complete'));
    torrent.on('stats', ({ phase }) => phases.add(phase));
    const metainfo = await within(torrent.metadata, 'the metadata');
    expect(metainfo.infoBytes).to.deep.equal(payload.metainfo.infoBytes);
    expect(torrent).to.deep.include({ name: 'data.bin', totalBytes: 200_000 });
    await within(torrent.completed, 'the download');
    expect(events).to.deep.equal(['metadata', 'pieces', 'complete']);
    expect([...phases]).to.include('metadata');
    await payload.expectIn(output);
    const saved = await readTorrent(encodeTorrent(metainfo));
    expect(saved.infoHash).to.deep.equal(payload.metainfo.infoHash);

    await seeder.close();
    const third = await swarm.engine();
    const more = await swarm.folder();
    const last = await third.add(link, { output: more, peers: [`127.0.0.1:${leecher.port}`] });
    await within(last.completed, 'the second download');
    await payload.expectIn(more);
  });

  it('is complete at once if its data exists', async () => {
    const source = await swarm.folder();
    await payload.write(source);
    const seeder = await swarm.engine();
    await within((await seeder.add(payload.torrent, { output: source })).completed, 'the seed');
    const output = await swarm.folder();
    await payload.write(output);
    const engine = await swarm.engine();
    const torrent = await engine.add(link, { output, peers: [`127.0.0.1:${seeder.port}`] });
    await within(torrent.completed, 'the check');
    expect(torrent.stats()).to.include({ phase: 'seeding', downloadedBytes: 0 });
  });
});
