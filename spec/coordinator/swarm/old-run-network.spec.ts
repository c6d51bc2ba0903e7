// A pause, a resume or the end of the engine overlaps with dials and announces that were begun
// before it: only the current run dials and announces.

import { expect } from 'chai';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import type { SimEngine } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const URL = 'http://a.example/announce';
const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const TRACKED = { ...SHORT, trackers: [[URL]] };
const PEER = { host: '10.4.0.1', port: 7000 };

function dialled(engine: SimEngine): string[] {
  return engine.ordersOf('dial').map(({ host }) => host);
}

describe('coordinator: the network of a run that is over', () => {
  describe('a dial that waits for its turn', () => {
    async function waiting() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const dials = engine.holdDials();
      await desk.control.addPeers(torrent.state.id, [PEER]);
      expect(dials).to.have.length(1);
      return { desk, engine, torrent, dials };
    }

    it('is given up with its run, and its address is dialled by the next', async () => {
      const { desk, engine, torrent, dials } = await waiting();
      await desk.control.pause(torrent.state.id);
      void dials[0]?.();
      await settled();
      expect(dialled(engine)).to.deep.equal([]);
      await desk.control.resume(torrent.state.id);
      await settled();
      expect(dials).to.have.length(2);
      void dials[1]?.();
      expect(dialled(engine)).to.deep.equal([PEER.host]);
    });

    it('is given up although the next run has begun', async () => {
      const { desk, engine, torrent, dials } = await waiting();
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await settled();
      void dials[0]?.();
      await settled();
      expect(dialled(engine)).to.deep.equal([]);
      expect(desk.stats(torrent).peers.dialing, 'its own dial waits').to.equal(1);
    });

    it('is not made by an engine that closes', async () => {
      const { desk, engine, dials } = await waiting();
      const closed = desk.control.close();
      void dials[0]?.();
      await closed;
      expect(dialled(engine)).to.deep.equal([]);
    });
  });

  it('an address that could not be reached is dialled at once by the next run', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    await desk.control.addPeers(torrent.state.id, [PEER]);
    for (let n = 1; n <= 3; n++) {
      engine.facts({ type: 'dial-failed', dial: n, reason: 'dial-timeout', detail: '' });
      await settled();
      engine.pass(10_000);
    }
    const before = dialled(engine).length;
    engine.pass(1_000);
    expect(dialled(engine), 'it has to wait').to.have.length(before);
    await desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    await settled();
    expect(dialled(engine)).to.have.length(before + 1);
  });

  describe('the answer of a tracker', () => {
    async function asked() {
      const desk = new SimDesk();
      const held = desk.engine.holdAnnounces();
      const torrent = await desk.add(TRACKED);
      expect(held.map(({ event }) => event)).to.deep.equal(['started']);
      return { desk, engine: desk.engine, torrent, held };
    }

    it('that was given up is of no account, even if it comes', async () => {
      const { desk, engine, torrent, held } = await asked();
      await desk.control.pause(torrent.state.id);
      expect(held[0]?.signal.aborted).to.equal(true);
      held[0]?.answer({ peers: [PEER], seeds: 7 });
      await settled();
      expect(engine.eventsOf('tracker')).to.deep.equal([]);
      expect(desk.stats(torrent).peers.known).to.equal(0);
    });

    it('that was given up is not the answer to the next run', async () => {
      const { desk, engine, torrent, held } = await asked();
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await settled();
      held[0]?.answer({ peers: [PEER], intervalSec: 60 });
      await settled();
      expect(engine.eventsOf('tracker')).to.deep.equal([]);
      expect(dialled(engine)).to.deep.equal([]);
      held[1]?.answer({ peers: [PEER] });
      await settled();
      expect(
        engine.eventsOf('tracker').map(({ nextAnnounceSec }) => nextAnnounceSec),
      ).to.deep.equal([1800]);
      expect(dialled(engine)).to.deep.equal([PEER.host]);
    });

    it('to a `completed` that comes after a pause causes no announce, refused or not', async () => {
      for (const refused of [true, false]) {
        const { desk, engine, torrent, held } = await asked();
        held[0]?.answer();
        await settled();
        await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
        expect(held.map(({ event }) => event)).to.deep.equal(['started', 'completed']);
        await desk.control.pause(torrent.state.id);
        const before = engine.eventsOf('tracker').length;
        if (refused) held[1]?.fail(new MillraceError('tracker-failure', 'not registered'));
        else held[1]?.answer({ peers: [PEER] });
        await settled();
        expect(engine.eventsOf('tracker')).to.have.length(before);
        expect(desk.stats(torrent).peers.known).to.equal(0);
      }
    });
  });

  describe('`started` of the next run', () => {
    /** A torrent that is resumed while its tracker has not answered `stopped`. */
    async function resumed() {
      const desk = new SimDesk();
      const held = desk.engine.holdAnnounces();
      const torrent = await desk.add(TRACKED);
      held[0]?.answer();
      await settled();
      await desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await settled();
      const events = () => held.map(({ event }) => event);
      expect(events()).to.deep.equal(['started', 'stopped']);
      expect(desk.stats(torrent).phase).to.equal('downloading');
      return { desk, torrent, held, events };
    }

    it('is not overtaken by `stopped` of the last one', async () => {
      const { held, events } = await resumed();
      held[1]?.answer();
      await settled();
      expect(events()).to.deep.equal(['started', 'stopped', 'started']);
    });

    it('waits no longer for it than an exit does', async () => {
      const { desk, events } = await resumed();
      desk.engine.passTimers(2_000);
      await settled();
      expect(events()).to.deep.equal(['started', 'stopped', 'started']);
    });

    it('is not reported when that run has ended meanwhile', async () => {
      const { desk, torrent, held, events } = await resumed();
      await desk.control.pause(torrent.state.id);
      held[1]?.answer();
      await settled();
      expect(events()).to.deep.equal(['started', 'stopped']);
    });
  });

  it('a torrent that was stopped and resumed twice while it still wrote begins once', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED);
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const before = engine.announces.length;
    for (let n = 0; n < 2; n++) {
      void desk.control.pause(torrent.state.id);
      await desk.control.resume(torrent.state.id);
      await settled();
    }
    await desk.answerJobs();
    expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesDone: 1 });
    expect(engine.announces.slice(before).map(({ request }) => request.event)).to.deep.equal([
      'stopped',
      'started',
    ]);
  });

  it('leaving the trackers of a finished run does not end the announces of the next', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const held = engine.holdAnnounces();
    const torrent = await desk.add(TRACKED, [], { seed: false });
    held[0]?.answer();
    await settled();
    await desk.serveAll(desk.connect(torrent, { creditBlocks: 16 }));
    // It waits for the answer to `completed` before it leaves.
    expect(held.map(({ event }) => event)).to.deep.equal(['started', 'completed']);
    loseFile(engine, torrent);
    torrent.stored.fill(0);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(desk.stats(torrent).phase).to.equal('downloading');
    held[1]?.answer();
    await settled();
    held[2]?.answer();
    await settled();
    expect(held.map(({ event }) => event)).to.deep.equal([
      'started',
      'completed',
      'stopped',
      'started',
    ]);
    const again = held.findLast(({ event }) => event === 'started');
    expect(again?.signal.aborted).to.equal(false);
    again?.answer({ peers: [PEER] });
    await settled();
    expect(dialled(engine)).to.deep.equal([PEER.host]);
    engine.pass(1_800_000);
    await settled();
    expect(held.at(-1)?.event, 'the regular announce').to.equal(undefined);
  });
});

/** The file is gone: the torrent fails, and nothing of it is had any more. */
function loseFile(engine: SimEngine, { state, metainfo }: DeskTorrent): void {
  engine.facts({
    type: 'read-failed',
    torrent: state.id,
    code: 'short-read',
    message: 'it is missing',
    path: metainfo.name,
  });
  engine.logs.length = 0;
}
