// What ends with a lease, and what does not; what a choke and an unchoke change.

import { expect } from 'chai';
import fc from 'fast-check';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const ONE_PIECE = { totalLengthBytes: 64 * KIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/credit', () => {
  it('a lease that brought nothing ends no parole, though the peer calls it done', async () => {
    const { desk, torrent } = await SimDesk.with(ONE_PIECE);
    for (const liar of [0, 1].map(() => desk.connect(torrent, { creditBlocks: 2 })))
      for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    desk.engine.logs.length = 0;
    const sole = desk.connect(torrent, { creditBlocks: 4 });
    const other = desk.connect(torrent, { creditBlocks: 4 });
    const [lease, ...more] = desk.leases(sole);
    if (lease === undefined) throw new Error('nothing was leased');
    expect(more).to.deep.equal([]);
    desk.done(lease);
    expect(desk.leases(other), 'it is not passed on').to.deep.equal([]);
    desk.want(sole, 8);
    const again = desk.leases(sole)[1];
    expect(again).to.include({ piece: 0, blockCount: 4, generation: lease.generation });
    desk.giveBack(again ?? lease);
    expect(desk.leases(other), 'but it is when the lease is given back').to.have.length(1);
  });

  it('a whole torrent claims no share of the memory because a peer unchokes us', async () => {
    const long = { totalLengthBytes: 8 * MIB, pieceLengthBytes: 256 * KIB };
    const desk = new SimDesk({ settings: { memoryBytes: 4 * MIB } });
    const whole = await desk.add(ONE_PIECE, [0]);
    const other = await desk.add({ ...long, seed: 2 });
    desk.engine.state.budget.setActive(whole.state.id, false);
    desk.connect(whole, { have: [] });
    desk.connect(other, { creditBlocks: 1_000, rateBytesPerSec: 1e9 });
    expect(desk.engine.state.budget.committedOf(other.state.id)).to.equal(4 * MIB);
  });

  it('facts about connections that are gone, or of an earlier choke, change nothing', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const gone = { connection: 32 * 99, epoch: 0 };
    const run = { piece: 0, generation: 1, firstBlock: 0, blockCount: 4 };
    engine.facts(
      { type: 'appetite', ...gone, creditBlocks: 4, rateBytesPerSec: 0 },
      { type: 'peer-choke', ...gone, choked: true },
      { type: 'lease-done', ...gone, ...run },
    );
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('nothing was leased');
    engine.facts({ type: 'peer-choke', connection: peer, choked: true, epoch: 1 });
    engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 1 });
    engine.facts({
      type: 'appetite',
      connection: peer,
      epoch: 0,
      creditBlocks: 4,
      rateBytesPerSec: 0,
    });
    expect(desk.leases(peer)).to.have.length(1);
    desk.want(peer, 4);
    expect(desk.leases(peer)).to.have.length(2);
    desk.write(lease);
    desk.done(lease);
    expect(desk.piece(torrent, 0).holders, 'the new lease stays').to.equal(1);
  });

  it('a report ends what it names of the leases of one piece, as far as they follow one another', async () => {
    const BLOCKS = 16;
    const { desk, torrent } = await SimDesk.with({
      totalLengthBytes: 2 * 256 * KIB,
      pieceLengthBytes: 256 * KIB,
    });
    const runs = fc.record({
      piece: fc.nat(1),
      firstBlock: fc.nat(BLOCKS),
      blockCount: fc.integer({ min: 1, max: BLOCKS }),
      late: fc.boolean(),
    });
    const leased = (connection: number): string[] =>
      desk
        .source(connection)
        .leases.flatMap(({ piece, firstBlock, blockCount }) =>
          Array.from({ length: blockCount }, (_, at) => `${piece.blocks.piece} ${firstBlock + at}`),
        );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 8 }),
        fc.array(runs, { maxLength: 12 }),
        (credits, reports) => {
          const peer = desk.connect(torrent, { creditBlocks: 1 });
          let credit = 1;
          for (const more of credits) desk.want(peer, (credit += more));
          // With this the peer gets no more, whatever it gives back.
          desk.want(peer, 0);
          for (const { piece, firstBlock, blockCount, late } of reports) {
            const active = torrent.state.content.active.get(piece);
            if (!active) continue;
            const before = new Set(leased(peer));
            const ended = new Set<string>();
            for (let block = firstBlock; !late && block < firstBlock + blockCount; block++) {
              if (!before.has(`${piece} ${block}`)) break;
              ended.add(`${piece} ${block}`);
            }
            desk.engine.facts({
              type: 'lease-returned',
              why: 'late',
              connection: peer,
              epoch: 0,
              piece,
              generation: active.generation + (late ? 1_000_000 : 0),
              firstBlock,
              blockCount,
            });
            expect(leased(peer).sort()).to.deep.equal(
              [...before].filter((block) => !ended.has(block)).sort(),
            );
            expect(active.holders).to.equal(
              desk.source(peer).leases.filter((lease) => lease.piece === active).length,
            );
          }
          desk.close(peer);
        },
      ),
      { numRuns: 60 },
    );
  });
});
