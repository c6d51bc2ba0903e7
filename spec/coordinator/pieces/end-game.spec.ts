// The end-game: what an idle source gets of pieces that others are late with.

import { expect } from 'chai';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import type { Lease } from '../../../lib/messages/peer-thread';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const TWO_PIECES = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 64 * KIB };
const runs = (leases: readonly Lease[]): number[][] =>
  leases.map(({ piece, firstBlock, blockCount }) => [piece, firstBlock, blockCount]);

describe('coordinator/end-game', () => {
  it('duplicates short runs, so that two slow sources are soon relieved', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: MIB,
      pieceLengthBytes: MIB,
    });
    desk.connect(torrent, { creditBlocks: 64 });
    const helper = desk.connect(torrent, { creditBlocks: 40 });
    engine.pass(499);
    expect(desk.leases(helper), 'nothing is late yet').to.have.length(0);
    engine.pass(1);
    expect(runs(desk.leases(helper))).to.deep.equal([
      [0, 0, 16],
      [0, 16, 16],
      [0, 32, 8],
    ]);
  });

  it('asks a source for no block that it owes us already', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    desk.connect(torrent, { creditBlocks: 2 });
    const second = desk.connect(torrent, { creditBlocks: 2 });
    desk.want(second, 8);
    engine.pass(1_000);
    expect(runs(desk.leases(second))).to.deep.equal([
      [0, 2, 2],
      [0, 0, 2],
    ]);
  });

  it('asks a source for the blocks of a piece whatever it owes us of others', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES);
    desk.connect(torrent, { have: [0], creditBlocks: 4 });
    const helper = desk.connect(torrent, { creditBlocks: 8 });
    engine.pass(1_000);
    expect(runs(desk.leases(helper))).to.deep.equal([
      [1, 0, 4],
      [0, 0, 4],
    ]);
  });

  it('begins only when every piece is being fetched', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES);
    desk.connect(torrent, { have: [0], creditBlocks: 4 });
    const helper = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    engine.pass(1_000);
    expect(desk.leases(helper), 'piece 1 is still to come').to.deep.equal([]);
    desk.connect(torrent, { have: [1], creditBlocks: 4 });
    engine.pass(1_000);
    expect(runs(desk.leases(helper))).to.deep.equal([[0, 0, 4]]);
  });

  it('asks a source only for pieces that it has', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES);
    desk.connect(torrent, { creditBlocks: 8 });
    const helper = desk.connect(torrent, { have: [1], creditBlocks: 8 });
    engine.pass(1_000);
    expect(runs(desk.leases(helper))).to.deep.equal([[1, 0, 4]]);
  });

  it('duplicates a piece that is late, and not one that is coming in', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TWO_PIECES);
    const slow = desk.connect(torrent, { creditBlocks: 8 });
    const helper = desk.connect(torrent, { creditBlocks: 8 });
    const [late, coming] = desk.leases(slow);
    if (!late || !coming) throw new Error('no leases');
    engine.clockMs += 400;
    desk.write(coming, { blocks: 1 });
    desk.done(coming, coming.firstBlock, 1);
    engine.pass(200);
    expect(desk.leases(helper).map(({ piece }) => piece)).to.deep.equal([late.piece]);
  });

  it('asks nothing of a source that is being closed, nor of one of another torrent', async () => {
    const { desk, engine, torrent } = await SimDesk.with({ ...TWO_PIECES, seed: 1 });
    const other = await desk.add({ ...TWO_PIECES, seed: 2 });
    desk.connect(torrent, { creditBlocks: 8 });
    const closing = desk.connect(torrent, { creditBlocks: 8 });
    desk.connect(other, { creditBlocks: 4 });
    const stranger = desk.connect(other, { have: [0, 1], creditBlocks: 4 });
    desk.want(stranger, 8);
    const before = desk.leases(stranger).length;
    closePeer(engine, desk.peer(closing), 'banned');
    for (const piece of torrent.state.content.active.values()) piece.lastProgressMs = 0;
    for (const piece of other.state.content.active.values()) piece.lastProgressMs = Infinity;
    engine.pass(1_000);
    expect(desk.leases(closing)).to.have.length(0);
    expect(desk.leases(stranger)).to.have.length(before);
  });

  describe('a source that was four times as fast', () => {
    /** What the connections gave in the last round of choking; then rounds pass. */
    const rounds = (engine: SimDesk['engine'], given: Readonly<Record<number, number>>): void => {
      for (let round = 0; round < 3; round++) {
        for (const [connection, bytes] of Object.entries(given))
          engine.facts({ type: 'traffic', rows: [Number(connection), bytes, 0, 0] });
        engine.pass(10_000);
      }
    };

    it('fetches blocks that two slower ones hold, and an equal one does not', async () => {
      const { desk, engine, torrent } = await SimDesk.with({
        totalLengthBytes: 64 * KIB,
        pieceLengthBytes: 64 * KIB,
      });
      const [a, b] = [0, 1].map(() => desk.connect(torrent, { creditBlocks: 4 }));
      const [fast = 0, equal = 0] = [0, 1].map(() => desk.connect(torrent));
      rounds(engine, { [a ?? 0]: 32 * KIB, [b ?? 0]: 32 * KIB, [fast]: MIB, [equal]: 100 * KIB });
      desk.want(equal, 4);
      desk.want(fast, 4);
      engine.pass(1_000);
      expect(desk.leases(equal)).to.have.length(0);
      expect(runs(desk.leases(fast))).to.deep.equal([[0, 0, 4]]);
    });

    it('takes over late blocks of slower ones before the end, where memory is short', async () => {
      const { desk, engine, torrent } = await SimDesk.with(
        { totalLengthBytes: 16 * MIB, pieceLengthBytes: MIB },
        { settings: { memoryBytes: 4 * MIB } },
      );
      const slow = [0, 1, 2, 3].map((piece) =>
        desk.connect(torrent, { have: [piece], creditBlocks: 64 }),
      );
      const [fast = 0, equal = 0] = [0, 1].map(() => desk.connect(torrent));
      rounds(engine, {
        ...Object.fromEntries(slow.map((connection) => [connection, 32 * KIB])),
        [fast]: MIB,
        [equal]: 100 * KIB,
      });
      desk.want(equal, 16);
      desk.want(fast, 16);
      engine.pass(250);
      expect(desk.leases(equal)).to.have.length(0);
      expect(desk.leases(fast).map(({ blockCount }) => blockCount)).to.deep.equal([16]);
    });
  });
});
