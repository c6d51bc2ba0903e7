// The public API from its first call to its last: verbs, figures, events, and their order.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type {
  AddOptions,
  Coordinator,
  MillraceError,
  Torrent,
  TorrentStats,
} from '../../lib/index';
import { FaultyDisk } from '../support/storages/faults';
import { MIB, Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  expectError,
  nextEvent,
  untilMemoryIsBack,
  untilStats,
  within,
} from '../support/swarm';

describe('engine life cycle', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('downloads from another engine, byte for byte, with its events in order', async () => {
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
    const events: string[] = [];
    const pieces: number[] = [];
    torrent.on('peerConnected', () => events.push('peer'));
    torrent.on('pieces', (event) => pieces.push(...event.pieces));
    torrent.on('pieces', () => events.at(-1) === 'pieces' || events.push('pieces'));
    torrent.on('complete', () => events.push('complete'));
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(events).to.deep.equal(['peer', 'pieces', 'complete']);
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

  it('pauses and resumes in the middle of a piece', async () => {
    const payload = new Payload({ lengthBytes: 2 * MIB });
    const output = await swarm.folder();
    const seed = await swarm.seed(payload, { gateAfterBlocks: 21 });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    await untilStats(torrent, 'a piece', (stats) => stats.piecesDone >= 1);
    await torrent.pause();
    const paused = await untilStats(torrent, 'the pause', (stats) => stats.phase === 'paused');
    expect(paused.memoryBytes).to.equal(0);
    await within(
      seed.until(() => seed.connected === 0),
      'the peer to be closed',
    );
    await untilMemoryIsBack(engine);
    seed.open();
    await torrent.resume();
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(seed.bytesSent).to.be.lessThan(payload.lengthBytes + 22 * 16_384);
    await untilMemoryIsBack(engine);
  });

  it('is not slowed or paused by a slow reader of its progress', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const seed = await swarm.seed(payload, { bytesPerSec: 800_000 });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    const phases: string[] = [];
    torrent.on('stats', (stats) => phases.push(stats.phase));
    const seen: TorrentStats[] = [];
    for await (const stats of torrent.progress({ intervalMs: 1 })) {
      seen.push(stats);
      if (seen.length === 1) await within(torrent.completed, 'the download');
    }
    expect(phases).not.to.include('paused');
    expect(seen.at(-1)).to.include({ doneBytes: MIB });
    const again: TorrentStats[] = [];
    for await (const stats of torrent.progress()) again.push(stats);
    expect(again).to.have.length(1);
  });

  it('goes on with an interrupted check after a pause, and fetches nothing that exists', async () => {
    const payload = new Payload({ lengthBytes: 8 * MIB, pieceLengthBytes: 65_536 });
    const output = await swarm.folder();
    await payload.write(output);
    const seed = await swarm.seed(payload);
    const disk = new FaultyDisk();
    disk.shutGate();
    const engine = await swarm.engine();
    swarm.onClose(async () => disk.openGate());
    const torrent = await engine.add(payload.torrent, {
      output,
      peers: [seed.address],
      storage: disk.ref,
    });
    await torrent.pause();
    disk.openGate();
    await torrent.resume();
    await within(torrent.completed, 'the check');
    expect(torrent.stats().downloadedBytes).to.equal(0);
    expect(seed.bytesSent).to.equal(0);
  });

  it('looks at existing data again when a check was cut short by a close', async () => {
    const payload = new Payload({ lengthBytes: 16 * MIB, pieceLengthBytes: 65_536 });
    const output = await swarm.folder();
    await payload.write(output);
    const engine = await swarm.engine();
    const first = await engine.add(payload.torrent, { output });
    await first.close();
    const second = await engine.add(payload.torrent, { output });
    await within(second.completed, 'the check'); // nobody else has the data
  });

  it('removes, forgets and adds again; refuses the same torrent twice', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    await payload.write(output);
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.metainfo, { output });
    await within(torrent.completed, 'the check');
    await expectCode(engine.add(payload.torrent, { output }), 'already-added');
    const closed = nextEvent(torrent, 'closed');
    await torrent.remove({ forget: true });
    await closed;
    expect(await readdir(join(output, '.millrace'))).to.deep.equal([]);
    expect(torrent.closed).to.equal(true);
    expect(torrent.stats().phase).to.equal('closed');
    expect(engine.torrents).to.deep.equal([]);
    await torrent.remove();
    await expectCode(torrent.pause(), 'closed');
    const again = await engine.add(payload.torrent, { output });
    await within(again.completed, 'the second check');
  });

  it('ends what an AbortSignal aborts, and leaves nothing of it', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expectError(swarm.engine({ signal: aborted }), reason);
    const starting = new AbortController();
    const start = swarm.engine({ signal: starting.signal });
    starting.abort(reason);
    await expectError(start, reason);

    const engine = await swarm.engine();
    await expectError(engine.add(payload.torrent, { output, signal: aborted }), reason);
    const adding = new AbortController();
    const add = engine.add(payload.torrent, { output, signal: adding.signal });
    // Once the call is on its way, before any message of another thread is taken.
    process.nextTick(() => adding.abort(reason));
    await expectError(add, reason);

    const added = new AbortController();
    const torrent = await readd(engine, payload, { output, signal: added.signal });
    const reading = new AbortController();
    const progress = (async () => {
      for await (const _stats of torrent.progress({ signal: reading.signal }))
        reading.abort(reason);
    })();
    await expectError(progress, reason);
    const closed = nextEvent(torrent, 'closed');
    added.abort(reason);
    await closed;
    await expectCode(torrent.completed, 'closed');
    expect(engine.torrents).to.deep.equal([]);
  });

  it('answers every call with one typed error once it is closed', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    let torrent: Torrent | undefined;
    let engine: Coordinator | undefined;
    const progress: TorrentStats[] = [];
    {
      await using scoped = await swarm.engine();
      engine = scoped;
      torrent = await scoped.add(payload.torrent, { output });
      await untilStats(torrent, 'the start', ({ phase }) => phase === 'downloading');
    }
    await expectCode(torrent.completed, 'closed');
    for await (const stats of torrent.progress()) progress.push(stats);
    expect(progress.map(({ phase }) => phase)).to.deep.equal(['closed']);
    await expectCode(engine.add(payload.torrent, { output }), 'closed');
    await expectCode(engine.stats(), 'closed');
    await expectCode(torrent.addPeer('127.0.0.1:1'), 'closed');
    await torrent.close();
    await engine.close();
  });

  it('rejects every pending and later call when the coordinator thread dies', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const seed = await swarm.seed(payload, { gateAfterBlocks: 1 });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    const progress = (async () => {
      for await (const _stats of torrent.progress());
    })();
    const pending = [torrent.completed, progress, torrent.pause(), engine.stats()];
    const closed = nextEvent(torrent, 'closed');
    const settled = Promise.allSettled(pending);
    await engine.killThread('coordinator');
    await closed;
    const [completed, read] = await within(settled, 'pending calls');
    for (const outcome of [completed, read])
      expect((outcome as PromiseRejectedResult).reason).to.include({ code: 'coordinator-died' });
    await expectCode(engine.add(payload.torrent, { output }), 'coordinator-died');
    await expectCode(torrent.resume(), 'coordinator-died');
    await engine.close();

    const second = await swarm.engine();
    const again = await second.add(payload.torrent, { output, peers: [seed.address] });
    seed.open();
    await within(again.completed, 'the download in another engine');
    await payload.expectIn(output);
  });
});

async function readd(engine: Coordinator, payload: Payload, options: AddOptions): Promise<Torrent> {
  // The aborted add is undone behind the scenes; until then the torrent is still there.
  for (;;) {
    try {
      return await engine.add(payload.torrent, options);
    } catch (error) {
      if ((error as MillraceError).code !== 'already-added') throw error;
    }
  }
}
