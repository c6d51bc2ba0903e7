import { expect } from 'chai';
import type { FileIdentity } from '../../../lib/messages/storage';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);

describe('coordinator: data that is lost', () => {
  const failed = (code: string, path: string | undefined = 'sim-1.bin') => ({
    type: 'read-failed' as const,
    torrent: 1,
    code,
    message: 'sim-1.bin is missing or ends before byte 16384 of 1048576',
    path,
  });

  it('stops the torrent, and none of the file’s pieces is had any more', async () => {
    const trackers = [['http://tracker.example/announce']];
    const { desk, engine, torrent } = await SimDesk.with({ ...SHORT, trackers }, { good: ALL });
    const peer = desk.connect(torrent, { have: [] });
    engine.facts({ ...failed('short-read'), torrent: torrent.state.id });
    expect(torrent.state.phase).to.equal('failed');
    expect(torrent.state.content.possession.have.isEmpty()).to.equal(true);
    expect(torrent.state.content.possession.durability.durable.isEmpty()).to.equal(true);
    expect(torrent.state.content.toCheck.isFull()).to.equal(true);
    expect(torrent.state.content.possession.doneBytes).to.equal(0);
    expect(engine.ordersOf('close', peer)[0]?.reason).to.equal('torrent-failed');
    await torrent.state.lastAnnounces;
    expect(engine.announces.map(({ request }) => request.event)).to.deep.equal([
      'started',
      'stopped',
    ]);
    const [error] = engine.eventsOf('error');
    expect(error?.error.code).to.equal('data-missing');
    expect(error?.error.message).to.include('/nowhere').and.include('sim-1.bin');
  });

  it('names the disk where a read fails for another reason', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('EIO'), torrent: torrent.state.id });
    expect(engine.eventsOf('error')[0]?.error.code).to.equal('data-unreadable');
  });

  it('does not treat a temporary lack of system resources as lost data', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'])
      engine.facts({ ...failed(code), torrent: torrent.state.id });
    expect(torrent.state.phase).to.equal('seeding');
    expect(torrent.state.content.possession.have.isFull()).to.equal(true);
    expect(engine.eventsOf('error')).to.deep.equal([]);
  });

  it('passes over a torrent that is gone, or fails already', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('short-read'), torrent: 77 });
    for (let again = 0; again < 2; again++)
      engine.facts({ ...failed('short-read'), torrent: torrent.state.id });
    expect(engine.eventsOf('error')).to.have.length(1);
  });
});

describe('coordinator: files of a torrent that other programs touch', () => {
  const NAME = 'sim-1.bin';
  const FOUND = { sizeBytes: MIB, mtimeNs: 100n, device: 1n, inode: 1n };

  /** A seed whose files look as the spec decides. */
  async function seed() {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL, request: ON_DISK });
    const { state } = torrent;
    const { disk } = engine;
    disk.looks = 0;
    const pass = async (ms: number): Promise<void> => {
      engine.pass(ms);
      await desk.answerJobs();
    };
    return { desk, engine, state, disk, pass };
  }

  it('looks at the files of a seed that has peers twice a minute, not more often', async () => {
    const { desk, engine, state, disk, pass } = await seed();
    const [torrent] = desk.torrents.values();
    if (torrent) desk.connect(torrent, { have: [] });
    await pass(29_000);
    expect(disk.looks).to.equal(0);
    for (let second = 0; second < 61; second++) await pass(1_000);
    expect(disk.looks).to.equal(3);
    expect(state.phase).to.equal('seeding');
    expect(engine.logs).to.deep.equal([]);
  });

  it('wakes no seed at rest for that', async () => {
    const { engine, state, pass } = await seed();
    await pass(60_000);
    await pass(60_000);
    expect(state.restUntilMs).to.equal(Infinity);
    expect(engine.tickAtMs).to.equal(Infinity);
  });

  const harms: readonly (readonly [string, FileIdentity | undefined, string])[] = [
    ['removed', undefined, 'data-missing'],
    ['replaced', { ...FOUND, mtimeNs: 200n, inode: 2n }, 'data-changed'],
    ['cut', { ...FOUND, sizeBytes: 100, mtimeNs: 200n }, 'data-changed'],
    ['longer than it may be', { ...FOUND, sizeBytes: MIB + 1, mtimeNs: 200n }, 'data-changed'],
  ];
  for (const [what, now, code] of harms) {
    it(`fails a seed whose file is ${what}, although no peer reads it`, async () => {
      const { engine, state, disk, pass } = await seed();
      disk.file = now;
      await pass(30_000);
      expect(state.phase).to.equal('failed');
      expect(state.content.possession.have.isEmpty()).to.equal(true);
      const [error] = engine.eventsOf('error');
      expect(error?.error.code).to.equal(code);
      expect(error?.error.message).to.include(NAME);
    });
  }

  it('reads a file again that was touched, and goes on seeding when it is right', async () => {
    const { engine, state, disk, pass } = await seed();
    disk.file = { ...FOUND, mtimeNs: 200n };
    await pass(30_000);
    expect(state.content.piecesToCheck).to.equal(16);
    expect(state.phase).to.equal('seeding');
    expect(state.content.possession.have.isFull()).to.equal(true);
    expect(engine.eventsOf('error')).to.deep.equal([]);
    expect(engine.eventsOf('complete'), 'told once').to.have.length(1);
    await pass(30_000);
    await pass(30_000);
    expect(state.phase, 'it is known as it is now').to.equal('seeding');
  });

  it('fetches nothing over what its user wrote into a complete file', async () => {
    const { desk, engine, state, disk, pass } = await seed();
    disk.file = { ...FOUND, mtimeNs: 200n };
    const [torrent] = desk.torrents.values();
    torrent?.stored.fill(0, 0, 100);
    await pass(30_000);
    expect(state.phase).to.equal('failed');
    expect(engine.eventsOf('error')[0]?.error.code).to.equal('data-changed');
    expect(state.content.possession.missingWantedPieces).to.equal(1);
  });

  it('gives up on a file that something keeps writing to', async () => {
    const { engine, state, disk, pass } = await seed();
    for (let time = 1; time <= 10 && state.phase !== 'failed'; time++) {
      // Touched between the check and the next look.
      state.content.recheckedRuns = Math.max(state.content.recheckedRuns, time - 1);
      disk.file = { ...FOUND, mtimeNs: BigInt(200 + time) };
      await pass(30_000);
    }
    expect(state.phase).to.equal('failed');
    expect(engine.eventsOf('error')[0]?.error.message).to.include('again and again');
  });

  it('keeps a seed whose files cannot be looked at for a moment', async () => {
    const { engine, state, pass } = await seed();
    const looks = engine.disk.holdLooks();
    await pass(30_000);
    looks[0]?.fail(Object.assign(new Error(), { code: 'EMFILE' }));
    await settled();
    expect(state.phase).to.equal('seeding');
    expect(engine.logs).to.have.length(1);
  });
});
