// The public API from its first call to its last: verbs, figures, events, and their order.

import { expect } from 'chai';
import { MillraceError } from '../../lib/index';
import type { TorrentStats } from '../../lib/index';
import { MIB, Payload } from '../support/payload';
import { Swarm, nextEvent, untilMemoryIsBack, untilStats, within } from '../support/swarm';

describe('engine life cycle', () => {
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('downloads from a seed of its own kind, byte for byte, and tells it in order', async () => {
    const payload = new Payload({
      name: 'folder',
      files: { 'a/one': 1_500_000, empty: 0, 'b.bin': 700_001, tail: 3 },
      pieceLengthBytes: 65_536,
    });
    const source = await swarm.folder();
    const output = await swarm.folder();
    await payload.write(source);
    const seeder = await swarm.engine();
    const seeding = await seeder.add(payload.torrent, { output: source });
    await within(seeding.completed, 'the seed to be whole');
    const leecher = await swarm.engine();
    const torrent = await leecher.add(payload.torrent, {
      output,
      peers: [`127.0.0.1:${seeder.port}`],
    });
    const told: string[] = [];
    const pieces: number[] = [];
    torrent.on('peerConnected', () => told.push('peer'));
    torrent.on('pieces', (event) => pieces.push(...event.pieces));
    torrent.on('pieces', () => told.at(-1) === 'pieces' || told.push('pieces'));
    torrent.on('complete', () => told.push('complete'));
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(told).to.deep.equal(['peer', 'pieces', 'complete']);
    expect(pieces.sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: payload.metainfo.pieceCount }, (_, piece) => piece),
    );
    expect(torrent.stats()).to.include({
      phase: 'seeding',
      doneBytes: payload.lengthBytes,
      piecesDone: payload.metainfo.pieceCount,
      downloadedBytes: payload.lengthBytes,
      wastedBytes: 0,
    });
    await untilMemoryIsBack(leecher);
  });
});
