// The calls of the app: of a torrent that is gone, while a torrent is being added, and at the end of
// the engine.

import { expect } from 'chai';
import { engineControl } from '../../lib/coordinator/control';
import type { EngineControl } from '../../lib/messages/control';
import { codeOf, failureOf } from '../support/code-of';
import { SimDesk } from '../support/sim-desk';
import { ON_DISK } from '../support/sim-disk';
import { addRequest, settled } from '../support/sim-engine';
import { KIB, simTorrent } from '../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/control', () => {
  it('starts with the figures of the engine', async () => {
    const desk = new SimDesk({ settings: { peerThreads: 3 } });
    expect(await desk.control.start()).to.include({ peerThreads: 3, connections: 0 });
  });

  describe('a torrent that was removed', () => {
    it('can be neither paused nor resumed, and gets no peers', async () => {
      const { desk, torrent } = await SimDesk.with(SHORT);
      const { id } = torrent.state;
      await desk.remove(torrent);
      for (const call of [
        () => desk.control.pause(id),
        () => desk.control.resume(id),
        () => desk.control.addPeers(id, []),
      ]) {
        const { code, message } = await failureOf(call());
        expect([code, message]).to.deep.equal(['closed', 'the torrent was removed']);
      }
    });

    it('can be removed again: each call has its event', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const { id } = torrent.state;
      for (let n = 0; n < 2; n++) await desk.control.remove(id, false);
      const event = { type: 'removed', torrent: id };
      expect(engine.eventsOf('removed')).to.deep.equal([event, event]);
    });
  });

  /** An add whose back end takes until the spec says so to open. */
  function opening() {
    const desk = new SimDesk();
    const { control, engine } = desk;
    const held = engine.disk.holdOpenings();
    const added = codeOf(control.add(7, addRequest(simTorrent(SHORT).metainfo, ON_DISK)));
    return { desk, control, engine, held, added };
  }

  describe('an add that is cancelled', () => {
    it('is aborted, and nothing is left when the call is over', async () => {
      const { control, engine, held, added } = opening();
      await settled();
      let over = false;
      const cancelled = control.cancelAdd(7).then(() => (over = true));
      await settled();
      expect(over, 'the back end is still opened').to.equal(false);
      held[0]?.answer();
      await cancelled;
      expect(await added).to.equal('aborted');
      expect([engine.state.torrents.size, engine.disk.locks]).to.deep.equal([0, []]);
    });

    it('is undone where it was over before the call came, and its record is kept', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      await desk.answerJobs();
      engine.disk.failing = { remove: new Error('nothing is to be forgotten') };
      await desk.control.cancelAdd(torrent.state.id);
      expect([engine.state.torrents.size, engine.disk.locks]).to.deep.equal([0, []]);
    });

    it('may be one that never was', async () => {
      const { desk, engine } = await SimDesk.with(SHORT);
      await desk.control.cancelAdd(99);
      expect(engine.state.torrents.size).to.equal(1);
    });
  });

  describe('a close', () => {
    /** Notes when threads are stopped. */
    function controlOf({ engine }: SimDesk): { control: EngineControl; stops: number[] } {
      const stops: number[] = [];
      const stop = async (): Promise<void> => void stops.push(engine.state.torrents.size);
      const control = engineControl(engine, { start: stop, stop, kill: () => false });
      return { control, stops };
    }

    it('lets nothing more be added', async () => {
      const { desk } = await SimDesk.with(SHORT);
      const closed = desk.control.close();
      const request = addRequest(simTorrent({ ...SHORT, seed: 2 }).metainfo);
      const { code, message } = await failureOf(desk.control.add(9, request));
      expect([code, message]).to.deep.equal(['closed', 'the engine is closing']);
      await closed;
    });

    it('gives up adds, and waits until they have let go of everything', async () => {
      const { control, engine, held, added } = opening();
      await settled();
      let over = false;
      const closed = control.close().then(() => (over = true));
      await settled();
      expect(over).to.equal(false);
      held[0]?.answer();
      await closed;
      expect(await added).to.equal('closed');
      expect([engine.state.torrents.size, engine.disk.locks]).to.deep.equal([0, []]);
    });

    it('removes every torrent, keeps their records, and then stops the threads, once', async () => {
      const { desk, engine } = await SimDesk.with(SHORT, { request: ON_DISK });
      await desk.add({ ...SHORT, seed: 2 });
      engine.disk.failing = { remove: new Error('nothing is to be forgotten') };
      const { control, stops } = controlOf(desk);
      await Promise.all([control.close(), control.close()]);
      expect(stops).to.deep.equal([0]);
      expect(engine.logs).to.deep.equal([]);
    });

    it('goes on where a torrent fails to leave, and logs it', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
      await desk.answerJobs();
      engine.disk.failing = { remove: new Error('read-only') };
      const { control, stops } = controlOf(desk);
      const removed = codeOf(control.remove(torrent.state.id, true));
      await control.close();
      expect(await removed).to.not.equal('resolved');
      expect(stops).to.deep.equal([0]);
      const logs = engine.logs.splice(0);
      expect(logs.map(({ level }) => level)).to.include('error');
      expect(logs.map(({ message }) => message).join()).to.match(
        /a torrent did not close cleanly .*read-only/,
      );
    });
  });
});
