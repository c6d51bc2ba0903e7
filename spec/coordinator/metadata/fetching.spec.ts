// Metadata in the coordinator: from offers and pieces to a torrent that is checked, or to an error; bans; what is
// stored for the next run.

import { expect } from 'chai';
import { encode } from '../../../lib/bencode/encode';
import { METADATA_PIECE_BYTES } from '../../../lib/wire/metadata-message';
import { SimDesk } from '../../support/sim-desk';
import type { UnknownTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { addRequest, settled } from '../../support/sim-engine';
import type { SimEngineOptions } from '../../support/sim-engine';
import { KIB, sha1, simTorrent } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
/** Its metadata has two pieces. */
const LONG = { totalLengthBytes: 16_000 * KIB, pieceLengthBytes: 16 * KIB };

interface Scene {
  readonly desk: SimDesk;
  readonly unknown: UnknownTorrent;
  readonly info: Uint8Array;
}

async function scene(
  torrent = SHORT,
  options: SimEngineOptions = {},
  request = {},
): Promise<Scene> {
  const desk = new SimDesk(options);
  const unknown = await desk.addUnknown(torrent, [], request);
  const { infoBytes } = unknown.metainfo;
  if (infoBytes === undefined) throw new Error('it has no info');
  return { desk, unknown, info: infoBytes };
}

/** A peer connects and announces metadata. */
function join({ desk, unknown, info }: Scene, totalBytes = info.length): number {
  const connection = desk.connect(unknown, { have: [] });
  desk.engine.facts({ type: 'metadata-offer', connection, totalBytes });
  return connection;
}

/** Answers all requests at a peer; `spoil` changes what it sends. */
function give({ desk, info }: Scene, connection: number, spoil = false): void {
  for (const { piece, totalBytes = info.length } of desk.engine.ordersOf(
    'request-metadata',
    connection,
  )) {
    const start = piece * METADATA_PIECE_BYTES;
    const bytes = Uint8Array.from(info.subarray(start, start + METADATA_PIECE_BYTES));
    if (spoil) bytes[9] = 0;
    desk.engine.facts({ type: 'metadata-piece', connection, piece, totalBytes, bytes });
  }
}

describe('coordinator/metadata', () => {
  it('comes from a peer, and the torrent is checked and served to others', async () => {
    const all = await scene(SHORT, { settings: { peerThreads: 2 } });
    const { desk, unknown, info } = all;
    const { engine } = desk;
    const peer = join(all);
    expect(engine.ordersOf('request-metadata')).to.deep.equal([
      { type: 'request-metadata', connection: peer, piece: 0, totalBytes: info.length },
    ]);
    give(all, peer);
    const { job } = desk.takeJob('metadata');
    if (job.type !== 'metadata') throw new Error('another job');
    expect(Buffer.from(job.info).equals(info)).to.equal(true);
    expect(job).to.deep.include({ sha1: unknown.state.infoHash, wantPieceDigests: false });
    expect(unknown.state.phase).to.equal('metadata');
  });

  it('makes the torrent known, and its threads serve it', async () => {
    const all = await scene(SHORT, { settings: { peerThreads: 2 } }, ON_DISK);
    const { desk, unknown, info } = all;
    const { engine } = desk;
    give(all, join(all));
    await desk.answerJobs();
    expect(unknown.state.content?.metainfo).to.deep.include({ name: unknown.metainfo.name });
    expect(unknown.state.phase).to.equal('downloading');
    const orders = engine.ordersOf('torrent-info');
    expect(
      orders.map((order) => Buffer.from(order.info ?? new SharedArrayBuffer(0))),
    ).to.deep.equal(Array(2).fill(Buffer.from(info)));
    expect(engine.state.metadataCounts).to.deep.include({ fetched: 1, failed: 0 });
    expect(engine.state.metadataRoom.usedBytes).to.equal(0);
    expect(engine.disk.infos.get(unknown.state.infoHash)).to.deep.equal(Uint8Array.from(info));
    expect(engine.eventsOf('metadata')).to.have.length(1);
    expect(engine.logs).to.deep.equal([]);
  });

  it('keeps the trackers of the link', async () => {
    const trackers = [['http://tracker.example/announce']];
    const all = await scene({ ...SHORT, ...{ trackers } });
    give(all, join(all));
    await all.desk.answerJobs();
    expect(all.unknown.state.content?.metainfo.trackers).to.deep.equal(trackers);
  });

  it('is not served where it is private', async () => {
    const { metainfo } = simTorrent(SHORT);
    const info = encode({
      length: SHORT.totalLengthBytes,
      name: 'a',
      'piece length': SHORT.pieceLengthBytes,
      pieces: metainfo.pieceHashes,
      private: 1,
    });
    const desk = new SimDesk();
    const infoHash = Uint8Array.from(sha1(info));
    const request = { ...addRequest(metainfo), infoHash, metainfo: undefined };
    await desk.control.add(1, request);
    await settled();
    const state = desk.engine.state.torrents.get(1);
    if (state === undefined) throw new Error('not added');
    const unknown: UnknownTorrent = { ...simTorrent(SHORT), state, stored: new Uint8Array(0) };
    const all = { desk, unknown, info };
    give(all, join(all));
    await desk.answerJobs();
    expect(state.content?.metainfo.private).to.equal(true);
    expect(desk.engine.ordersOf('torrent-info').map((order) => order.info)).to.deep.equal([
      undefined,
    ]);
    expect(state.info).to.equal(undefined);
  });

  describe('that cannot be used', () => {
    it('fails the torrent, and says why', async () => {
      const info = encode({ name: 'a', 'piece length': 16_384, pieces: 'x'.repeat(19), length: 1 });
      const { metainfo } = simTorrent(SHORT);
      const desk = new SimDesk();
      const infoHash = Uint8Array.from(sha1(info));
      await desk.control.add(1, { ...addRequest(metainfo), infoHash, metainfo: undefined });
      await settled();
      const state = desk.engine.state.torrents.get(1);
      if (state === undefined) throw new Error('not added');
      const all = {
        desk,
        unknown: { ...simTorrent(SHORT), state, stored: new Uint8Array(0) },
        info,
      };
      give(all, join(all));
      await desk.answerJobs();
      expect(state.phase).to.equal('failed');
      const [event] = desk.engine.eventsOf('error');
      expect(event?.error.code).to.equal('bad-metainfo');
      expect(event?.error.message).to.match(
        /^the metadata has the right hash, but cannot be used: /,
      );
      expect(desk.engine.logs.splice(0).map(({ message }) => message.slice(0, 15))).to.deep.equal([
        'torrent stopped',
      ]);
      expect(desk.engine.state.metadataRoom.usedBytes).to.equal(0);
    });
  });

  it('bans the sender of a wrong copy, and asks the next one', async () => {
    const all = await scene();
    const { desk, unknown } = all;
    const liar = join(all);
    give(all, liar, true);
    const honest = join(all);
    await desk.answerJobs();
    expect(desk.engine.ordersOf('close', liar)[0]?.reason).to.equal('banned');
    expect(desk.engine.state.metadataCounts).to.deep.include({ failed: 1, liars: 1 });
    expect(desk.engine.ordersOf('request-metadata', liar)).to.have.length(1);
    give(all, honest);
    await desk.answerJobs();
    expect(unknown.state.phase).to.equal('downloading');
    expect(desk.engine.logs.splice(0)).to.have.length(1);
  });

  it('finds the sender of wrong data among several, by a right copy', async () => {
    const all = await scene(LONG);
    const { desk, unknown } = all;
    const [one, two] = [desk.connect(unknown, { have: [] }), desk.connect(unknown, { have: [] })];
    const totalBytes = all.info.length;
    desk.engine.facts(
      { type: 'metadata-offer', connection: one, totalBytes },
      { type: 'metadata-offer', connection: two, totalBytes },
    );
    // The first one was asked for all of it: it refuses a part.
    desk.engine.facts({ type: 'metadata-refused', connection: one, piece: 1 });
    desk.engine.pass(250);
    give(all, two, true);
    desk.engine.orders.splice(0);
    desk.engine.facts({
      type: 'metadata-piece',
      connection: one,
      piece: 0,
      totalBytes,
      bytes: Uint8Array.from(all.info.subarray(0, METADATA_PIECE_BYTES)),
    });
    await desk.answerJobs();
    expect(desk.engine.state.metadataCounts).to.deep.include({ failed: 1, liars: 0 });
    give(all, one);
    await desk.answerJobs();
    expect(unknown.state.phase).to.equal('downloading');
    expect(desk.engine.ordersOf('close').map(({ connection }) => connection)).to.deep.equal([two]);
    expect(desk.engine.logs.splice(0)).to.have.length(1);
  });

  it('is requested neither from a peer that is closing nor from one that is gone', async () => {
    const all = await scene(LONG);
    const { desk } = all;
    const peer = join(all);
    desk.close(peer);
    const gone = desk.connect(all.unknown, { have: [] });
    desk.close(gone);
    desk.engine.facts({ type: 'metadata-offer', connection: gone, totalBytes: 5 });
    desk.engine.orders.splice(0);
    desk.engine.pass(30_000);
    expect(desk.engine.ordersOf('request-metadata')).to.deep.equal([]);
    expect(all.unknown.state.metadata.peers).to.equal(0);
  });

  it('is shown while it comes', async () => {
    const all = await scene(LONG);
    const peer = join(all);
    const [first] = all.desk.engine.ordersOf('request-metadata', peer);
    const bytes = all.info.slice(0, METADATA_PIECE_BYTES);
    const totalBytes = all.info.length;
    all.desk.engine.facts({
      type: 'metadata-piece',
      connection: peer,
      piece: first?.piece ?? 9,
      totalBytes,
      bytes,
    });
    all.desk.engine.pass(250);
    const stats = all.desk.engine.eventsOf('stats').at(-1)?.stats;
    expect(stats?.metadata).to.deep.equal({
      receivedBytes: METADATA_PIECE_BYTES,
      totalBytes,
      peers: 1,
    });
  });

  it('lets its sender keep its place', async () => {
    const all = await scene(LONG);
    const peer = join(all);
    all.desk.engine.pass(50_000);
    const [state] = all.unknown.state.peers;
    expect(state?.lastPayloadMs).to.equal(0);
    give(all, peer);
    expect(state?.lastPayloadMs).to.equal(all.desk.engine.clockMs);
  });

  it('causes a warning if it is longer than the user allows', async () => {
    const all = await scene();
    for (let n = 0; n < 3; n++) join(all, 2 ** 25 + 1);
    const [warning, ...more] = all.desk.engine.logs.splice(0);
    expect(warning?.message).to.include('longer than maxMetadataBytes allows');
    expect(more).to.deep.equal([]);
    expect(all.desk.engine.ordersOf('request-metadata')).to.deep.equal([]);
  });

  it('begins again after a pause, and after an error of ours', async () => {
    const all = await scene();
    const { desk, unknown } = all;
    give(all, join(all));
    const waiting = desk.takeJob('metadata');
    await desk.control.pause(unknown.state.id);
    expect(desk.engine.state.metadataRoom.usedBytes).to.equal(0);
    waiting.reject(new Error('its answer is late'));
    await settled();
    await desk.control.resume(unknown.state.id);
    desk.engine.orders.splice(0);
    for (const { id } of [...unknown.state.peers]) desk.close(id);
    give(all, join(all));
    desk.takeJob('metadata').reject(new Error('three workers died'));
    await settled();
    expect(unknown.state.phase).to.equal('failed');
    await desk.control.resume(unknown.state.id);
    desk.engine.orders.splice(0);
    for (const { id } of [...unknown.state.peers]) desk.close(id);
    give(all, join(all));
    await desk.answerJobs();
    expect(unknown.state.phase).to.equal('downloading');
    expect(desk.engine.logs.splice(0)).to.have.length(1);
  });

  describe('of an earlier run', () => {
    async function again(change: (info: Uint8Array) => Uint8Array | Error): Promise<Scene> {
      const desk = new SimDesk();
      const { metainfo } = simTorrent(SHORT);
      const kept = change(Uint8Array.from(metainfo.infoBytes ?? []));
      const hash = Buffer.from(metainfo.infoHash).toString('hex');
      if (!(kept instanceof Error)) desk.engine.disk.infos.set(hash, kept);
      else
        desk.engine.disk.infos.get = () => {
          throw kept;
        };
      const unknown = await desk.addUnknown(SHORT, [], ON_DISK);
      await desk.answerJobs();
      return { desk, unknown, info: metainfo.infoBytes ?? new Uint8Array(0) };
    }

    it('is used without a peer', async () => {
      const { desk, unknown } = await again((info) => info);
      expect(unknown.state.phase).to.equal('downloading');
      expect(desk.engine.state.metadataCounts).to.deep.include({ stored: 1, fetched: 0 });
      expect(desk.engine.ordersOf('torrent-info')).to.have.length(1);
    });

    it('is not used where it is damaged or cannot be read: peers have it', async () => {
      for (const change of [
        (info: Uint8Array) => info.fill(7, 3, 4),
        () => new Uint8Array(0),
        () => new Error('EIO'),
      ]) {
        const all = await again(change);
        expect(all.unknown.state.phase).to.equal('metadata');
        expect(all.desk.engine.logs.splice(0)[0]?.message).to.include('peers are asked for it');
        if (all.desk.engine.disk.infos.size === 0) continue; // Its disk is broken for good.
        give(all, join(all));
        await all.desk.answerJobs();
        expect(all.unknown.state.phase).to.equal('downloading');
        const { infoHash } = all.unknown.state;
        expect(all.desk.engine.disk.infos.get(infoHash), 'kept anew').to.deep.equal(all.info);
      }
    });

    it('is deleted by a removal that forgets', async () => {
      const { desk, unknown } = await again((info) => info);
      await desk.remove({ ...unknown, state: unknown.state }, true);
      expect(desk.engine.disk.infos.size).to.equal(0);
    });

    it('causes a warning and no error if it could not be stored', async () => {
      const all = await scene(SHORT, {}, ON_DISK);
      all.desk.engine.disk.failing = { save: new Error('ENOSPC') };
      give(all, join(all));
      await settled();
      const job = all.desk.takeJob('metadata');
      all.desk.engine.jobs.push(job);
      await all.desk.answerJobs();
      expect(all.desk.engine.logs.splice(0)[0]?.message).to.include('could not be kept');
      expect(all.unknown.state.phase).to.not.equal('metadata');
    });
  });
});
