// The life of a torrent: the table of its phases, the picture of that table in the documents, and the one
// place that handles what happens and ends turns.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { TRANSITIONS, enter, newLife } from '../../lib/coordinator/life';
import type { Life } from '../../lib/coordinator/life';
import type { TorrentPhase } from '../../lib/messages/stats';
import { SimDesk } from '../support/sim-desk';
import { ON_DISK } from '../support/sim-disk';
import { addRequest } from '../support/sim-engine';
import { KIB, simTorrent } from '../support/sim-torrent';

const ROOT = path.join(__dirname, '..', '..');
const ROOM = path.join(ROOT, 'lib', 'coordinator');
const PHASES = Object.keys(TRANSITIONS) as TorrentPhase[];
const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

const LIVES: Readonly<Record<TorrentPhase, Life>> = {
  checking: newLife(),
  downloading: { phase: 'downloading' },
  seeding: { phase: 'seeding', step: 'settling' },
  complete: { phase: 'complete', step: 'settling' },
  paused: { phase: 'paused', step: 'settling', error: undefined },
  failed: { phase: 'failed', step: 'settling', error: undefined },
  closed: { phase: 'closed', step: 'settling', error: undefined, forget: false },
};

describe('coordinator/life', () => {
  for (const from of PHASES) {
    it(`from ${from} a torrent goes where the table says, and nowhere else`, () => {
      for (const to of PHASES) {
        const torrent = { life: LIVES[from] };
        if (TRANSITIONS[from][to] !== undefined) {
          enter(torrent, LIVES[to]);
          expect(torrent.life).to.equal(LIVES[to]);
          continue;
        }
        expect(() => enter(torrent, LIVES[to]))
          .to.throw(`that is ${from} cannot become ${to}`)
          .with.property('code', 'unexpected');
        expect(torrent.life, 'it stays what it was').to.equal(LIVES[from]);
      }
    });
  }

  it('the picture in ARCHITECTURE.md shows this table', () => {
    const text = readFileSync(path.join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8');
    const [, picture = ''] = /<!-- life -->\s+```mermaid\n([^]*?)```/.exec(text) ?? [];
    const drawn = picture
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.includes('-->'));
    const table = PHASES.flatMap((from) =>
      Object.entries(TRANSITIONS[from]).map(([to, why]) => `${from} --> ${to}: ${why}`),
    );
    expect(drawn).to.deep.equal(['[*] --> checking: add()', ...table, 'closed --> [*]']);
  });

  it('nothing but `enter` changes the phase, and only the loop ends turns', () => {
    const sources = readdirSync(ROOM).map((name) => ({
      name,
      text: readFileSync(path.join(ROOM, name), 'utf8'),
    }));
    const having = (pattern: RegExp): string[] =>
      sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);
    expect(having(/\.life = /)).to.deep.equal(['life.ts']);
    expect(having(/(?<!function )\bendTurn\(/)).to.deep.equal(['loop.ts']);
  });
});

describe('coordinator/loop', () => {
  it('one fact that cannot be handled keeps no other from being handled, nor the turn from ending', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4, have: [0] });
    const broken = { type: 'traffic', rows: undefined as unknown as number[] } as const;
    const { id } = torrent.state;
    engine.turn.stats.add(torrent.state);
    engine.events = [];
    engine.facts(broken, { type: 'traffic', rows: [peer, 1000, 0, 0] });
    expect(torrent.state.downloadedBytes).to.equal(1000);
    expect(engine.eventsOf('stats').map((event) => event.torrent)).to.deep.equal([id]);
    expect(engine.logs.splice(0).map(({ level }) => level)).to.deep.equal(['error']);
  });

  it('what happens while something is handled comes after it', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const dials = engine.holdDials();
    const peers = [1, 2].map((n) => ({ host: `10.9.0.${n}`, port: 7000 }));
    await desk.control.addPeers(torrent.state.id, peers);
    expect(dials).to.have.length(2);
    engine.order = (_thread, order) => {
      if (order.type !== 'dial') return;
      // In the middle of the first turn the second comes.
      void dials.pop()?.();
      seen.push(`dial ${order.dial} of ${engine.state.dials.size}`);
    };
    const seen: string[] = [];
    void dials.shift()?.();
    expect(seen).to.deep.equal(['dial 1 of 1', 'dial 2 of 2']);
  });

  it('a torrent whose removal meets a bug of ours is given back all the same', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    engine.disk.forgetMade = () => {
      throw new Error('a bug');
    };
    const removed = desk.control.remove(torrent.state.id, true);
    const error = await removed.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(String(error)).to.include('a bug');
    expect(engine.state.torrents.size).to.equal(0);
    expect(engine.disk.locks).to.deep.equal([]);
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('a pause whose last job meets a bug of ours comes to rest all the same', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent, { creditBlocks: 4, have: [0] });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    const paused = desk.control.pause(torrent.state.id);
    engine.emit = (event) => {
      if (event.type === 'pieces') throw new Error('a bug');
    };
    await desk.answerJobs();
    await paused;
    expect(torrent.state.life).to.include({ phase: 'paused', step: 'rest' });
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('… and one that meets a bug itself', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const { order } = engine;
    engine.order = (thread, message) => {
      if (message.type === 'close-torrent') throw new Error('a bug');
      order.call(engine, thread, message);
    };
    await desk.control.pause(torrent.state.id);
    expect(torrent.state.life).to.include({ phase: 'paused', step: 'rest' });
    expect(engine.logs.splice(0)).to.have.length(1);
  });

  it('a claim that cannot be released keeps neither a removal nor the loop', async () => {
    const desk = new SimDesk();
    desk.engine.disk.claimFiles = claimThatStays;
    const torrent = await desk.add(SHORT, [], ON_DISK);
    const other = await desk.add({ ...SHORT, seed: 2 });
    await desk.control.remove(torrent.state.id, false);
    expect([...desk.engine.state.torrents.values()]).to.deep.equal([other.state]);
    expect(desk.engine.disk.locks).to.deep.equal([]);
    const logs = desk.engine.logs.splice(0).map(({ message }) => message);
    expect(logs.join()).to.include('a claim of files could not be released').and.include('EROFS');
    await desk.control.pause(other.state.id);
    expect(desk.stats(other).phase).to.equal('paused');
  });

  it('… nor the lock of a torrent that could not be added', async () => {
    const desk = new SimDesk();
    desk.engine.disk.claimFiles = async () => {
      void desk.control.cancelAdd(7);
      return claimThatStays();
    };
    const { metainfo } = simTorrent(SHORT);
    const error = await desk.control.add(7, addRequest(metainfo, ON_DISK)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'aborted');
    expect(desk.engine.disk.locks).to.deep.equal([]);
    expect(desk.engine.logs.splice(0)).to.have.length(1);
  });
});

/** As on a disk that has become read-only. */
async function claimThatStays(): Promise<{ release(): void }> {
  return {
    release: () => {
      throw new Error('EROFS: read-only file system');
    },
  };
}
