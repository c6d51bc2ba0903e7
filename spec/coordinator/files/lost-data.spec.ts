// Data that cannot be read for upload: what is lost, and what the user is advised to do.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';
import { outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const NAME = 'sim-1.bin';
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

  it('names the disk where a read fails for another reason, and what to do', async () => {
    for (const [path, what] of [
      [NAME, '/nowhere/sim-1.bin'],
      [undefined, 'the data'],
    ] as const) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
      engine.facts({ ...failed('EIO'), torrent: torrent.state.id, path });
      const [error] = engine.eventsOf('error');
      expect(error?.error.code).to.equal('data-unreadable');
      expect(error?.error.message).to.equal(
        `${what} cannot be read any more (the disk reports an input/output error); check the disk and the permissions, ` +
          `then start the download again to check what is there and fetch the rest`,
      );
      expect(desk.stats(torrent).piecesDone).to.equal(path === undefined ? 16 : 0);
    }
  });

  it('… in the words of the back end where the system has none', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('own-failure'), torrent: torrent.state.id });
    expect(engine.eventsOf('error')[0]?.error.message).to.include(`(${failed('').message})`);
  });

  it('logs every failed read, with its place and its cause', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('EMFILE'), torrent: torrent.state.id });
    engine.facts({ ...failed('EMFILE'), torrent: 77 });
    const [one, gone] = engine.logs;
    expect(engine.logs).to.have.length(2);
    expect(one?.level).to.equal('warn');
    expect(one?.message)
      .to.match(/^a file could not be read for upload /)
      .and.include(torrent.state.infoHash)
      .and.include('EMFILE')
      .and.include(NAME)
      .and.include('ends before byte');
    expect(gone?.message).to.not.include(torrent.state.infoHash);
  });

  it('loses the pieces of the one file, also those that it shares with others', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const torrent = await desk.begin({ ...SHORT, moreFiles: [200 * KIB, 100 * KIB] });
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'good'));
    await desk.answerJobs();
    expect(desk.stats(torrent)).to.include({ phase: 'seeding', piecesDone: 16 });
    engine.facts({
      ...failed('short-read', `${NAME}.1`),
      torrent: torrent.state.id,
    });
    const { have } = torrent.state.content.possession;
    // 724 KiB are before it, and 100 KiB after.
    expect(ALL.filter((piece) => !have.get(piece))).to.deep.equal([11, 12, 13, 14]);
    expect(desk.stats(torrent).phase).to.equal('failed');
  });

  it('does not treat a temporary lack of system resources as lost data', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    const passing = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR', 'ENOBUFS', 'storage-closed'];
    for (const code of passing) engine.facts({ ...failed(code), torrent: torrent.state.id });
    expect(torrent.state.phase).to.equal('seeding');
    expect(torrent.state.content.possession.have.isFull()).to.equal(true);
    expect(engine.eventsOf('error')).to.deep.equal([]);
  });

  it('passes over a torrent that is paused, or whose content is not known', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    await desk.control.pause(torrent.state.id);
    engine.facts({ ...failed('short-read'), torrent: torrent.state.id });
    expect(desk.stats(torrent)).to.include({ phase: 'paused', piecesDone: 16 });
    const unknown = await desk.addUnknown({ ...SHORT, seed: 2 });
    engine.facts({ ...failed('short-read'), torrent: unknown.state.id });
    expect(unknown.state.phase).to.equal('metadata');
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
