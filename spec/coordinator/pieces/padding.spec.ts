// Padding (BEP 47) on its way in: as it is known to be zeros, it is neither requested nor given
// memory until a piece fails its check.

import { expect } from 'chai';
import { unitsOf } from '../../support/segments';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

/**
 * Two pieces of four blocks: the last of the first one is padding, and the second one is nothing
 * else.
 */
const TORRENT = {
  pieceLengthBytes: 64 * KIB,
  totalLengthBytes: 128 * KIB,
  paddingBytes: 64 * KIB + 20 * KIB,
};
const SENT_BYTES = 48 * KIB;

describe('coordinator/padding', () => {
  it('is not asked for: the blocks of it count as here, and take no memory', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 100, rateBytesPerSec: 1e8 });
    expect(
      torrent.state.content.possession.have.get(1),
      'a piece of nothing else, after the check',
    ).to.equal(true);
    const [lease, ...others] = desk.leases(peer);
    expect(others).to.deep.equal([]);
    expect(lease).to.include({ piece: 0, firstBlock: 0, blockCount: 3 });
    expect(desk.piece(torrent, 0).units[3]).to.equal(-1);
    await desk.serveAll(peer);
    expect(torrent.state.phase).to.equal('seeding');
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
    expect(desk.stats(torrent)).to.include({
      doneBytes: 44 * KIB,
      downloadedBytes: SENT_BYTES,
      wastedBytes: 0,
    });
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('that is not zeros is requested after the failed check, and no peer is banned', async () => {
    const { desk, engine, torrent } = await SimDesk.with({ ...TORRENT, paddingByte: 1 });
    const peer = desk.connect(torrent, { creditBlocks: 100, rateBytesPerSec: 1e8 });
    await desk.serveAll(peer);
    const asked = desk.leases(peer).map(({ piece, segments }) => [piece, unitsOf(segments).length]);
    // Both pieces again, whole: then their hashes are right, and the worker sees what they hold.
    expect(asked).to.have.deep.members([
      [0, 3],
      [0, 4],
      [1, 4],
    ]);
    expect(engine.eventsOf('piece-failed').map(({ banned }) => banned)).to.deep.equal([[], []]);
    expect(torrent.state.phase).to.equal('seeding');
    expect(engine.logs.filter(({ level }) => level === 'error')).to.deep.equal([]);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('hides no liar: one that sends the piece wrong twice is banned', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const liar = desk.connect(torrent, { creditBlocks: 100, rateBytesPerSec: 1e8 });
    const [first] = desk.leases(liar);
    if (first === undefined) throw new Error('nothing was leased');
    desk.deliver(first, { spoil: true });
    await desk.answerJobs();
    expect(engine.eventsOf('piece-failed')[0]?.suspects, 'nobody sent the padding').to.have.length(
      1,
    );
    const again = desk.leases(liar).at(-1);
    if (again === undefined) throw new Error('nothing was leased again');
    expect(again).to.include({ piece: 0, firstBlock: 0, blockCount: 4 });
    desk.deliver(again, { spoil: true });
    await desk.answerJobs();
    expect(engine.eventsOf('piece-failed').map(({ banned }) => banned.length)).to.deep.equal([
      0, 1,
    ]);
    const honest = desk.connect(torrent, { host: '10.9.0.1', creditBlocks: 100 });
    await desk.serveAll(honest);
    expect(torrent.state.phase).to.equal('seeding');
  });
});
