// How a run begins: its steps up to the transfer, and the first record.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator: the beginning of a run', () => {
  it('checks what is stored, then downloads, and saves a record as it begins to write', async () => {
    const desk = new SimDesk();
    const torrent = await desk.begin(SHORT, [], ON_DISK);
    const { disk } = desk.engine;
    expect(torrent.state.life).to.include({ phase: 'checking', step: 'hashing' });
    expect(disk.looks, 'the record was compared with the files just now').to.equal(0);
    expect(disk.records).to.deep.equal([]);
    const check = desk.takeJob('recheck');
    check.resolve(outcomeForAll(check.job, 'bad'));
    await settled();
    expect(desk.stats(torrent).phase).to.equal('downloading');
    expect(disk.records).to.deep.equal(['open']);
  });

  it('looks at the files first where it is not the first one', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { request: ON_DISK });
    await desk.control.pause(torrent.state.id);
    const looks = engine.disk.holdLooks();
    const handles = engine.handlesClosed;
    await desk.control.resume(torrent.state.id);
    await settled();
    expect(engine.handlesClosed, 'of files that may be others now').to.equal(handles + 1);
    expect(looks).to.have.length(1);
    expect(torrent.state.life).to.include({ phase: 'checking', step: 'looking' });
    looks[0]?.answer(engine.disk.file);
    await settled();
    expect(desk.stats(torrent).phase).to.equal('downloading');
  });

  it('needs a pause or an error before it: nothing is resumed that runs', async () => {
    const desk = new SimDesk();
    const torrent = await desk.begin(SHORT);
    const unknown = await desk.addUnknown({ ...SHORT, seed: 2 });
    for (const { state } of [torrent, unknown]) {
      const { epoch, phase } = state;
      await desk.control.resume(state.id);
      expect(state).to.include({ epoch, phase });
    }
  });

  it('of a torrent whose content is not known tells trackers that all is left', async () => {
    const desk = new SimDesk();
    const trackers = [['http://tracker.example/announce']];
    const { state } = await desk.addUnknown({ ...SHORT, trackers });
    await desk.control.pause(state.id);
    await desk.control.resume(state.id);
    await settled();
    const started = desk.engine.announces.filter(({ request }) => request.event === 'started');
    expect(started).to.have.length(2);
    for (const { request } of started) expect(request.leftBytes).to.be.greaterThan(0);
  });
});
