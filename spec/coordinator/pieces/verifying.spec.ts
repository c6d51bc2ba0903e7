// Which full pieces go to the verify workers, and when: torrents take turns.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import type { PendingJob } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';
import { outcomeForAll, storageKeyOf } from '../../support/sim-verify';

/** Each piece is a full job: the workers of a desk take four at once. */
const LONG = { totalLengthBytes: 4 * MIB, pieceLengthBytes: MIB };

describe('coordinator/verifying', () => {
  function jobsOf(desk: SimDesk, { state }: DeskTorrent): PendingJob[] {
    return desk.engine.jobs.filter(({ job }) => storageKeyOf(job) === state.content.storage.key);
  }

  for (const [order, first] of [
    ['was added first', 0],
    ['was added last', 1],
  ] as const) {
    it(`the torrent with the fewest jobs out comes next: the one that ${order}`, async () => {
      const desk = new SimDesk();
      const torrents = [await desk.add(LONG), await desk.add({ ...LONG, seed: 2 })];
      const [idle, busy] = first === 0 ? torrents : [...torrents].reverse();
      if (!idle || !busy) throw new Error('no torrents');
      const [ofBusy, ofIdle] = [busy, idle].map((torrent) =>
        desk.leases(desk.connect(torrent, { creditBlocks: 256, rateBytesPerSec: 1e9 })),
      );
      if (!ofBusy || !ofIdle) throw new Error('no leases');
      for (const lease of [...ofBusy.slice(0, 3), ...ofIdle.slice(0, 1)]) desk.deliver(lease);
      expect([jobsOf(desk, busy).length, jobsOf(desk, idle).length]).to.deep.equal([3, 1]);
      for (const lease of [...ofBusy.slice(3, 4), ...ofIdle.slice(1, 2)]) desk.deliver(lease);
      expect(desk.engine.jobs, 'the gate is shut').to.have.length(4);
      const [answered] = jobsOf(desk, busy);
      answered?.resolve(outcomeForAll(answered.job, 'good'));
      await settled();
      expect([jobsOf(desk, busy).length, jobsOf(desk, idle).length]).to.deep.equal([3, 2]);
    });
  }

  it('pieces go before checks and syncs, and their blocks are digested after a failure only', async () => {
    const { desk, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    desk.fetch(torrent, 0);
    const first = desk.takeJob('pieces');
    expect(first.priority).to.equal('live');
    const wanted = ({ job }: PendingJob): (boolean | undefined)[] =>
      job.type === 'pieces' ? job.pieces.map(({ wantBlockDigests }) => wantBlockDigests) : [];
    expect(wanted(first)).to.deep.equal([false]);
    first.resolve(outcomeForAll(first.job, 'bad'));
    await settled();
    desk.fetch(torrent, 0);
    expect(wanted(desk.takeJob('pieces'))).to.deep.equal([true]);
    desk.engine.logs.length = 0;
  });
});
