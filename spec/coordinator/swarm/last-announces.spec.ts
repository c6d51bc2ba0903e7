// The last announces of a run: what they report, and that they belong to the run that they end.

import { expect } from 'chai';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const TRACKED = { ...SHORT, trackers: [['http://a.example/announce']] };

describe('coordinator/last-announces', () => {
  /** A torrent that was downloaded whole in this run; its tracker has not answered `completed`. */
  async function complete() {
    const desk = new SimDesk();
    const { engine } = desk;
    const held = engine.holdAnnounces();
    const torrent = await desk.add(TRACKED);
    held[0]?.answer();
    await settled();
    const peer = desk.connect(torrent, { creditBlocks: 16 });
    await desk.serveAll(peer);
    engine.facts({ type: 'traffic', rows: [peer, SHORT.totalLengthBytes, 16 * KIB, 0] });
    const requests = () =>
      engine.announces.map(({ request }) => ({
        event: request.event,
        downloadedBytes: request.downloadedBytes,
        uploadedBytes: request.uploadedBytes,
        leftBytes: request.leftBytes,
        numWant: request.numWant,
      }));
    return { desk, engine, torrent, held, requests };
  }

  const last = {
    event: 'stopped',
    downloadedBytes: SHORT.totalLengthBytes,
    uploadedBytes: 16 * KIB,
    leftBytes: 0,
    numWant: 0,
  };

  it('report what the run did, and ask for no peers', async () => {
    const { desk, torrent, held, requests } = await complete();
    held[1]?.answer();
    await settled();
    await desk.control.pause(torrent.state.id);
    expect(requests().at(-1)).to.deep.equal(last);
  });

  it('report that although they leave after the next run has begun, which counts from 0', async () => {
    const { desk, torrent, held, requests } = await complete();
    await desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(desk.stats(torrent).phase).to.equal('seeding');
    expect(requests(), '`completed` is still out').to.have.length(2);
    held[1]?.answer();
    await settled();
    expect(requests().slice(2)).to.deep.equal([last]);
    held[2]?.answer();
    await settled();
    const started = { ...last, event: 'started', downloadedBytes: 0, uploadedBytes: 0 };
    expect(requests().slice(3)).to.deep.equal([{ ...started, numWant: 50 }]);
  });

  it('give up `completed` with the deadline, and then leave no timer', async () => {
    const { desk, engine, torrent, held } = await complete();
    const removed = desk.remove(torrent);
    for (const connection of engine.state.peers.keys()) desk.close(connection, 'torrent-closed');
    await settled();
    expect(held[1]?.signal.aborted).to.equal(false);
    engine.passTimers(2_000);
    await removed;
    // By this name tracker clients know that it was the time, and not the user.
    expect(held[1]?.signal.reason).to.include({ name: 'TimeoutError' });
    expect(engine.timers).to.equal(0);
  });

  it('wait only for `completed`, and only at the tracker where that is out', async () => {
    const [a, b] = ['http://a.example/announce', 'http://b.example/announce'];
    const desk = new SimDesk();
    const held = desk.engine.holdAnnounces();
    const torrent = await desk.add({ ...SHORT, trackers: [[a], [b]] }, [], {
      announceToAll: 'trackers',
    });
    const sent = (): string[] => held.map(({ url, event }) => `${url} ${event ?? '-'}`);
    for (const announce of held) announce.answer();
    await settled();
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
    expect(sent().slice(2)).to.have.members([`${a} completed`, `${b} completed`]);
    held.find(({ url, event }) => url === b && event === 'completed')?.answer();
    await settled();
    desk.engine.pass(1_800_000); // The regular announce to the other one, which never settles.
    await settled();
    expect(sent().slice(4)).to.deep.equal([`${b} -`]);
    await desk.control.pause(torrent.state.id);
    expect(sent().slice(5)).to.deep.equal([`${b} stopped`]);
    held.find(({ url, event }) => url === a && event === 'completed')?.answer();
    await settled();
    expect(sent().slice(6)).to.deep.equal([`${a} stopped`]);
  });

  it('leave one after the other where `completed` is still owed', async () => {
    const { desk, torrent, held } = await complete();
    held[1]?.fail(new MillraceError('tracker-unreachable', 'no route'));
    await settled();
    await desk.control.pause(torrent.state.id);
    const sent = () => held.slice(2).map(({ event }) => event);
    expect(sent()).to.deep.equal(['completed']);
    held[2]?.answer();
    await settled();
    expect(sent()).to.deep.equal(['completed', 'stopped']);
  });
});
