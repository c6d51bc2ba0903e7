// Which piece of the metadata is requested from which peer, and which peers are banned: with honest, slow and silent
// peers, and with peers that send wrong data or announce a wrong length.

import { expect } from 'chai';
import fc from 'fast-check';
import { MetadataRoom } from '../../../lib/coordinator/metadata/room';
import { KIB, MIB } from '../../support/sim-torrent';
import { World } from './world';
import type { PeerOptions, WorldPeer } from './world';

const PIECE = 16 * KIB;
const banned = (world: World): WorldPeer[] => world.peers.filter((peer) => peer.banned);

describe('coordinator/metadata: the fetch', () => {
  it('takes it from all peers at once, and asks each for one piece first', () => {
    const world = new World(7 * PIECE - 1);
    const peers = [world.join(), world.join(), world.join()];
    expect(world.run(1_000)).to.be.at.most(500);
    expect(peers.map(({ sentBytes }) => Math.ceil(sentBytes / PIECE)).sort()).to.deep.equal([
      2, 2, 3,
    ]);
    expect(world.requests).to.have.length(7);
    expect(world.counts).to.deep.include({ failed: 0, timeouts: 0, conflicts: 0, liars: 0 });
    expect(world.room.usedBytes).to.equal(0);
  });

  it('has four requests at a peer at most', () => {
    const world = new World(20 * PIECE);
    world.join();
    world.pass(50);
    expect(world.requests.map(({ piece }) => piece)).to.deep.equal([0, 1, 2, 3]);
    world.pass(100);
    expect(world.requests).to.have.length(8);
  });

  it('requests from others what a silent peer does not send', () => {
    const world = new World(7 * PIECE);
    world.join({ answers: 'nothing' });
    world.join();
    expect(world.run(20_000)).to.be.at.most(5_000);
    const alone = new World(2 * PIECE);
    alone.join({ answers: 'nothing' });
    alone.pass(11_000);
    alone.pass(250);
    expect(alone.counts.timeouts).to.equal(2);
    alone.join();
    expect(alone.run(1_000)).to.be.at.most(500);
  });

  it('pauses a peer that rejects requests, longer each time', () => {
    const world = new World(2 * PIECE);
    const [refuses] = [world.join({ answers: 'reject' })];
    for (let second = 0; second < 100; second++)
      for (let tick = 0; tick < 4; tick++) world.pass(250);
    // Both pieces at once; again after 10, 30 and 70 s.
    expect(world.requests).to.have.length(8);
    expect(world.counts.refusals).to.equal(8);
    expect(refuses?.banned).to.equal(false);
    world.join();
    expect(world.run(1_000)).to.be.at.most(500);
  });

  it('asks a peer that announced no length after a while, for the first piece', () => {
    const world = new World(3 * PIECE);
    world.join({ announces: null });
    world.pass(9_000);
    expect(world.requests).to.deep.equal([]);
    expect(world.run(3_000)).to.be.below(3_000);
    expect(world.requests[0]).to.deep.include({ piece: 0, totalBytes: undefined });
    expect(world.requests[1]).to.deep.include({ piece: 0, totalBytes: 3 * PIECE });
  });

  describe('with hostile peers', () => {
    it('bans one that sent a wrong copy alone, at once', () => {
      const world = new World(3 * PIECE);
      const liar = world.join({ answers: 'some-wrong' });
      world.pass(1_000);
      expect(liar.banned).to.equal(true);
      world.join();
      world.run(1_000);
      expect(world.counts).to.deep.include({ failed: 1 });
    });

    it('bans exactly those whose pieces differ, once a copy from one peer is right', () => {
      const world = new World(12 * PIECE);
      for (const answers of ['right', 'wrong', 'right', 'some-wrong'] as const)
        world.join({ answers, answersAfterMs: answers === 'right' ? 100 : 90 });
      world.run(10_000);
      expect(banned(world).every(({ answers }) => answers !== 'right')).to.equal(true);
      expect(banned(world).map(({ answers }) => answers)).to.include('wrong');
      expect(world.room.usedBytes).to.equal(0);
    });

    it('needs few copies to find one among fifty', () => {
      const world = new World(64 * PIECE);
      world.join({ answers: 'wrong', answersAfterMs: 10 });
      for (let n = 0; n < 49; n++) world.join();
      expect(world.run(20_000)).to.be.below(3_000);
      expect(banned(world).map(({ answers }) => answers)).to.deep.equal(['wrong']);
      const sentBytes = world.peers.reduce((sum, peer) => sum + peer.sentBytes, 0);
      expect(sentBytes).to.be.at.most(6 * 64 * PIECE);
    });

    it('goes on with others while one of them takes its time with its copy', () => {
      const world = new World(10 * PIECE);
      for (let n = 0; n < 6; n++) world.join({ answers: 'wrong', answersAfterMs: 9_000 });
      world.join({ answersAfterMs: 9_500 });
      world.join();
      expect(world.run(300_000)).to.be.below(90_000);
      expect(banned(world).every(({ answers }) => answers === 'wrong')).to.equal(true);
    });
  });

  describe('with peers that announce other lengths', () => {
    it('fetches each length from the peers that announce it, at the same time', () => {
      const world = new World(5 * PIECE);
      for (let n = 0; n < 5; n++) world.join({ announces: 5 * PIECE + 1 + n, answers: 'nothing' });
      world.join();
      expect(world.run(10_000)).to.be.at.most(500);
      expect(world.counts.conflicts).to.equal(5);
      expect(banned(world), 'a wrong length alone is no proof').to.deep.equal([]);
    });

    it('bans those that send what they announced', () => {
      const world = new World(5 * PIECE);
      const liar = world.join({ announces: PIECE, answersAfterMs: 10 });
      world.join();
      world.run(10_000);
      expect(liar.banned).to.equal(true);
    });

    it('prefers the length that more hosts announce, and the shorter of two', () => {
      const limited = { maxBytes: 10 * PIECE };
      const world = new World(6 * PIECE, limited);
      for (let n = 0; n < 3; n++)
        world.join({ announces: 10 * PIECE, answers: 'nothing', host: '10.9.9.9' });
      world.pass(250);
      expect(world.fetch.progress.totalBytes).to.equal(10 * PIECE);
      world.join();
      expect(world.run(5_000), 'one host is one voice').to.be.at.most(1_000);
    });

    it('comes to the right one though many announce a wrong one and send it slowly', () => {
      const world = new World(6 * PIECE, { maxBytes: 60 * PIECE });
      for (let n = 0; n < 5; n++) world.join({ announces: 60 * PIECE, answersAfterMs: 9_900 });
      world.join();
      expect(world.run(300_000)).to.be.below(60_000);
      expect(world.counts.gaveWay).to.be.above(0);
    });

    it('fetches none above the limit, and takes another announcement of the same peer', () => {
      const world = new World(2 * PIECE, { maxBytes: 2 * PIECE });
      const { identity } = world.join({ announces: 2 * PIECE + 1 });
      world.pass(100_000);
      expect(world.requests).to.deep.equal([]);
      expect(world.counts.tooLong).to.equal(1);
      expect(world.fetch.progress).to.deep.equal({
        receivedBytes: 0,
        totalBytes: undefined,
        peers: 0,
      });
      world.fetch.offer(identity, 2 * PIECE, world.nowMs);
      world.pass(10);
      expect(world.requests.map(({ totalBytes }) => totalBytes)).to.deep.equal([
        2 * PIECE,
        2 * PIECE,
      ]);
    });
  });

  it('reports its progress', () => {
    const world = new World(8 * PIECE);
    world.join();
    world.join({ announces: null });
    world.pass(110);
    expect(world.fetch.progress).to.deep.equal({
      receivedBytes: 4 * PIECE,
      totalBytes: 8 * PIECE,
      peers: 1,
    });
  });

  it('goes on with the pieces of a peer that is gone', () => {
    const world = new World(8 * PIECE);
    const first = world.join();
    world.pass(110);
    world.fetch.gone(first.identity.id);
    world.join();
    expect(world.run(1_000)).to.be.at.most(500);
    expect(world.requests).to.have.length(12);
  });

  describe('the room of all torrents', () => {
    it('is taken with the first request, and given back', () => {
      const room = new MetadataRoom(10 * PIECE);
      const [one, two] = [new World(6 * PIECE, { room }), new World(6 * PIECE, { room })];
      one.join({ answers: 'nothing' });
      two.join();
      one.pass(250);
      two.pass(250);
      expect(room.usedBytes).to.equal(6 * PIECE);
      expect(two.requests, 'it waits').to.deep.equal([]);
      two.pass(20_000);
      expect(two.run(1_000), 'the other had its time').to.be.at.most(500);
      one.fetch.close();
      expect(room.usedBytes).to.equal(0);
    });

    it('has room for one that is longer than all of it, alone', () => {
      const room = new MetadataRoom(2 * PIECE);
      const world = new World(3 * PIECE, { room });
      world.join();
      expect(world.run(1_000)).to.be.at.most(500);
    });
  });

  it('ends with the right metadata if there is one honest peer, and bans no honest peer (property)', () => {
    const peer: fc.Arbitrary<PeerOptions> = fc.record({
      announces: fc.constantFrom(
        undefined,
        undefined,
        undefined,
        1,
        3 * PIECE,
        9 * PIECE,
        3 * MIB,
        40 * MIB,
      ),
      answersAfterMs: fc.constantFrom(10, 100, 3_000, 9_000, 15_000),
      answers: fc.constantFrom('right', 'some-wrong', 'wrong', 'reject', 'nothing'),
    }) as fc.Arbitrary<PeerOptions>;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 * PIECE }),
        fc.array(peer, { maxLength: 12 }),
        fc.nat(12),
        (totalBytes, others, at) => {
          const world = new World(totalBytes, { maxBytes: 4 * MIB });
          const all: PeerOptions[] = [...others];
          all.splice(Math.min(at, all.length), 0, {});
          for (const options of all)
            world.join(
              Object.fromEntries(
                Object.entries(options).filter(([, value]) => value !== undefined),
              ),
            );
          expect(world.run(600_000)).to.be.below(600_000);
          for (const { answers = 'right', announces = totalBytes } of banned(world))
            expect(answers === 'right' && announces === totalBytes).to.equal(false);
          expect(world.room.usedBytes).to.equal(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
