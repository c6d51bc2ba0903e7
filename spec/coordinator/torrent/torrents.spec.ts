// Torrents are added: once each, also while the same one is being added or removed.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const TRACKED = {
  totalLengthBytes: 256 * KIB,
  pieceLengthBytes: 64 * KIB,
  trackers: [['http://tracker.example/announce']],
};

async function reasonOf(adding: Promise<unknown>): Promise<string> {
  return adding.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('coordinator: adding a torrent', () => {
  it('that is here, or that is being added, is refused by its name or info hash', async () => {
    const { desk, torrent } = await SimDesk.with(TRACKED);
    const { infoHash } = torrent.state;
    expect(await reasonOf(desk.begin(TRACKED))).to.equal(
      `torrent sim-1.bin (${infoHash}) was already added to this engine`,
    );
    const other = { ...TRACKED, seed: 2 };
    const [, second] = await Promise.all([desk.begin(other), reasonOf(desk.begin(other))]);
    expect(second).to.match(/^torrent [0-9a-f]{40} is being added$/);
  });

  it('that is being removed waits for that', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED);
    const announces = engine.holdAnnounces();
    const removed = desk.control.remove(torrent.state.id, false);
    await settled();
    let added = false;
    const adding = desk.begin(TRACKED).then(() => (added = true));
    await settled();
    expect(added).to.equal(false);
    announces[0]?.answer();
    await removed;
    await adding;
    expect(engine.state.torrents.size).to.equal(1);
  });

  it('… and is added although a part of the removal failed', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED, {
      request: { storage: undefined },
    });
    engine.disk.failing = { remove: new Error('read-only') };
    const removed = reasonOf(desk.control.remove(torrent.state.id, true));
    await desk.begin(TRACKED);
    expect(await removed).to.include('read-only');
  });

  it('gives trackers a key of its own, the same in all its announces', async () => {
    const desk = new SimDesk();
    await desk.add(TRACKED);
    const torrent = await desk.add({ ...TRACKED, seed: 2 });
    await desk.control.remove(torrent.state.id, false);
    const keys = desk.engine.announces.map(({ request }) => request.key);
    expect(keys).to.have.length(3);
    for (const key of keys)
      expect(key)
        .to.satisfy(Number.isInteger)
        .and.be.within(1e6, 2 ** 32);
    expect(keys[1]).to.equal(keys[2]).and.not.equal(keys[0]);
  });
});
