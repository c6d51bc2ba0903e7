// Leases, requests and blocks between two sessions on a fake clock.
import { expect } from 'chai';
import fc from 'fast-check';
import { HERE, MISSING } from '../../lib/memory/block-table';
import { MAX_DEPTH_BLOCKS, MIN_DEPTH_BLOCKS } from '../../lib/peer/pipeline';
import { encodeExtendedHandshake } from '../../lib/wire/extended-handshake';
import { Pair, Side } from '../support/pair';

/**
 * A side that is interested, unchoked and has leased `pieces`, with the bytes sent so far dropped.
 */
function unchoked(options: ConstructorParameters<typeof Side>[0] = {}): Side {
  const side = new Side(options);
  side.session.setInterested(true, side.nowMs);
  side.receive((writer) => writer.unchoke());
  side.take();
  return side;
}

function requests(side: Side): string[] {
  return side
    .sent()
    .filter((message) => message.type === 'request')
    .map((message) => `${message.piece}:${message.begin}+${message.lengthBytes}`);
}

describe('peer/download', () => {
  it('reports the end of a run as done where only its beginning is missing', () => {
    const side = unchoked();
    side.lease(0);
    side.feed(side.block(0, 3)).receive((writer) => writer.choke());
    const [done, ...more] = side.of('lease-done');
    expect(done).to.deep.include({ type: 'lease-done', piece: 0, firstBlock: 3, blockCount: 1 });
    expect(more).to.deep.equal([]);
  });

  it('fetches a piece: requests of 2^14, a short last block, begin in bytes', () => {
    // 33,119 bytes: blocks at 0, 16384 and 32768, with 351 bytes left for the last.
    const side = unchoked({ pieceLengthBytes: 33_119, totalLengthBytes: 2 * 33_119 });
    const lease = side.lease(1);
    expect(requests(side)).to.deep.equal(['1:0+16384', '1:16384+16384', '1:32768+351']);
    side.feed(side.block(1, 0), side.block(1, 1), side.block(1, 2));
    expect(side.leased(lease).equals(side.content.subarray(33_119))).to.equal(true);
    const { connection, epoch, piece, generation } = lease;
    expect(side.of('lease-done')).to.deep.equal([
      {
        type: 'lease-done',
        connection,
        epoch,
        piece,
        generation,
        firstBlock: 0,
        blockCount: 3,
      },
    ]);
    expect(side.table.ownerOf(lease.segments[0] ?? -1)).to.equal(32);
  });

  it('moves a whole torrent between two sessions, whatever way the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), (cuts) => {
        const pair = new Pair(
          { totalLengthBytes: 200_001 },
          { have: 'all', totalLengthBytes: 200_001 },
        );
        pair.open();
        const { left, right } = pair;
        const leases = [0, 1, 2, 3].map((piece) => left.lease(piece));
        right.feed(...left.take());
        const stream = Buffer.concat(right.take());
        let at = 0;
        for (let turn = 0; at < stream.length; turn++) {
          const length = cuts[turn % cuts.length] ?? 1;
          left.feed(stream.subarray(at, at + length));
          at += length;
          right.feed(...left.take());
          if (at >= stream.length) break;
        }
        pair.exchange();
        expect(left.closed).to.equal(undefined);
        const whole = Buffer.concat(leases.map((lease) => left.leased(lease)));
        expect(whole.equals(left.content)).to.equal(true);
        expect(left.of('lease-done')).to.have.length(4);
        expect(left.session.download.wastedBytes).to.equal(0);
      }),
      { numRuns: 50 },
    );
  });

  it('finds answers out of order', () => {
    const side = unchoked();
    const lease = side.lease(2);
    side.feed(...[3, 1, 0, 2].map((block) => side.block(2, block)));
    expect(side.leased(lease).equals(side.content.subarray(131_072, 196_608))).to.equal(true);
    expect(side.of('lease-done')).to.have.length(1);
  });

  it('posts no appetite while choked or not interested', () => {
    const side = new Side();
    side.receive((writer) => writer.unchoke());
    expect(side.of('appetite')).to.have.length(0);
    side.session.setInterested(true, side.nowMs);
    side.session.endTurn();
    expect(side.of('appetite')).to.deep.equal([
      {
        type: 'appetite',
        connection: 32,
        epoch: 0,
        creditBlocks: 2 * MIN_DEPTH_BLOCKS,
        rateBytesPerSec: 0,
      },
    ]);
  });

  it('raises the credit as blocks are settled, and never grants twice', () => {
    const side = unchoked({ totalLengthBytes: 64 * 65_536 });
    let granted = 0;
    for (let piece = 0; piece < 32; piece++) {
      const credit = side.of('appetite').at(-1)?.creditBlocks ?? 0;
      expect(credit - granted).to.be.at.least(4);
      side.lease(piece);
      granted += 4;
      for (let block = 0; block < 4; block++) side.feed(side.block(piece, block));
    }
    const credits = side.of('appetite').map((fact) => fact.creditBlocks);
    expect(credits).to.deep.equal([...credits].sort((a, b) => a - b));
  });

  describe('depth', () => {
    /** Answers up to `perRound` requests in each round; there are always leases enough. */
    function stream(side: Side, rounds: number, intervalMs: number, perRound = Infinity): void {
      const { download } = side.session;
      const wanted: { piece: number; block: number }[] = [];
      let piece = 0;
      for (let round = 0; round < rounds; round++) {
        while (download.heldBlocks < 2 * download.pipeline.depth) side.lease(piece++ % 200);
        for (const message of side.sent()) {
          if (message.type !== 'request') continue;
          wanted.push({ piece: message.piece, block: message.begin / 16_384 });
        }
        side.nowMs += intervalMs;
        for (const { piece: at, block } of wanted.splice(0, perRound)) {
          side.feed(side.block(at, block));
        }
      }
    }
    const big = { totalLengthBytes: 250 * 65_536 };

    it('starts small and grows by a block per block', () => {
      const side = unchoked(big);
      side.lease(0);
      side.lease(1);
      side.lease(2);
      expect(requests(side)).to.have.length(MIN_DEPTH_BLOCKS);
      side.feed(side.block(0, 0), side.block(0, 1));
      expect(side.session.download.pipeline.depth).to.equal(MIN_DEPTH_BLOCKS + 2);
      expect(requests(side)).to.have.length(4);
    });

    it('is capped by 250 where reqq is unknown', () => {
      const side = unchoked(big);
      stream(side, 8, 10);
      expect(side.session.download.pipeline.depth).to.equal(250);
      expect(side.session.download.outstandingRequests).to.be.at.most(250);
    });

    it('is capped by the reqq that the peer sends, and by ours', () => {
      const timid = unchoked(big);
      const handshakeWith = (requestQueue: number) =>
        encodeExtendedHandshake({ extensions: {}, requestQueue });
      timid.receive((writer) => writer.extended(0, handshakeWith(3)));
      timid.lease(0);
      timid.lease(1);
      expect(requests(timid)).to.have.length(3);
      const bold = unchoked(big);
      bold.receive((writer) => writer.extended(0, handshakeWith(100_000)));
      stream(bold, 8, 10);
      expect(bold.session.download.pipeline.depth).to.equal(MAX_DEPTH_BLOCKS);
    });

    it('settles at rate × (two round trips + margin)', () => {
      const side = unchoked(big);
      // 4 blocks each 100 ms: 640 KiB/s, 40 blocks/s × (2 × 0.1 + 0.25) s = 18 blocks.
      stream(side, 60, 100, 4);
      expect(side.session.download.pipeline.depth).to.be.within(16, 20);
      expect(side.session.download.pipeline.rateBytesPerSec).to.be.closeTo(655_360, 40_000);
    });
  });

  describe('duplicates and recycled memory', () => {
    it('counts a block that is here already as waste, and settles the lease', () => {
      const side = unchoked();
      const lease = side.lease(0);
      const unit = lease.segments[0] ?? -1;
      side.table.claim(unit, lease.generation, 1, 99);
      side.table.publish(unit, lease.generation, 1);
      side.feed(...[0, 1, 2, 3].map((block) => side.block(0, block)));
      expect(side.session.download.wastedBytes).to.equal(16_384);
      expect(side.session.download.downloadedBytes).to.equal(65_536);
      expect(side.of('lease-done')).to.have.length(1);
      expect(side.table.ownerOf(unit)).to.equal(99);
    });

    it('does not touch memory that went to another piece', () => {
      const side = unchoked();
      const lease = side.lease(0, 0, 1);
      const unit = lease.segments[0] ?? -1;
      side.table.revoke(unit);
      side.table.assign(unit, 1000);
      side.feed(side.block(0, 0));
      expect(side.table.stateOf(unit, 1000)).to.equal(MISSING);
      expect(side.slab.view(unit, 16).every((byte) => byte === 0)).to.equal(true);
      expect(side.session.download.wastedBytes).to.equal(16_384);
    });

    it('asks for nothing that is here before its turn comes', () => {
      const side = unchoked();
      const lease = side.makeLease(0);
      const unit = lease.segments[0] ?? -1;
      side.table.claim(unit, lease.generation, 1, 99);
      side.table.publish(unit, lease.generation, 1);
      side.grant(lease);
      expect(requests(side)).to.deep.equal(['0:16384+16384', '0:32768+16384', '0:49152+16384']);
    });

    it('cancels at the end of the game, and forgives the block that was on its way', () => {
      const side = unchoked();
      const lease = side.lease(0);
      side.take();
      side.feed(side.block(0, 0));
      side.session.cancelLease(0, lease.generation, side.nowMs);
      side.session.endTurn();
      expect(side.sent().map((message) => message.type)).to.deep.equal([
        'cancel',
        'cancel',
        'cancel',
      ]);
      expect(side.session.download.heldBlocks).to.equal(0);
      side.feed(side.block(0, 1));
      expect(side.closed).to.equal(undefined);
      expect(side.session.download.wastedBytes).to.equal(16_384);
      side.feed(side.block(0, 1)); // forgiven once, not twice
      expect(side.closed?.reason).to.equal('unrequested-piece');
    });
  });

  describe('choke', () => {
    it('voids all leases, keeps what came, and begins a new epoch', () => {
      const side = unchoked();
      const lease = side.lease(0);
      side.feed(side.block(0, 0), side.block(0, 2));
      side.receive((writer) => writer.choke());
      expect(side.of('peer-choke').at(-1)).to.deep.include({ choked: true, epoch: 1 });
      expect(side.of('lease-done').map((fact) => [fact.firstBlock, fact.blockCount])).to.deep.equal(
        [
          [0, 1],
          [2, 1],
        ],
      );
      expect(side.of('lease-returned')).to.have.length(0);
      expect(side.session.download.heldBlocks).to.equal(0);
      expect(side.table.stateOf(lease.segments[0] ?? -1, lease.generation)).to.equal(HERE);
      // A block that was on its way is waste, not an offence.
      side.feed(side.block(0, 1));
      expect(side.closed).to.equal(undefined);
      expect(side.session.download.wastedBytes).to.equal(16_384);
    });

    it('drops leases of an older epoch, and leases that come while choked', () => {
      const side = unchoked();
      const old = side.makeLease(0);
      side.receive((writer) => writer.choke());
      side.grant(old);
      side.lease(1);
      side.receive((writer) => writer.unchoke());
      side.take();
      side.grant(old);
      expect(side.session.download.heldBlocks).to.equal(0);
      expect(requests(side)).to.deep.equal([]);
      side.lease(2);
      expect(requests(side)).to.have.length(4);
    });

    it('counts credit anew in each epoch', () => {
      const side = unchoked();
      side.lease(0);
      side.receive((writer) => writer.choke());
      side.receive((writer) => writer.unchoke());
      const last = side.of('appetite').at(-1);
      expect(last).to.deep.include({ epoch: 1, creditBlocks: 2 * MIN_DEPTH_BLOCKS });
    });
  });

  describe('time-outs', () => {
    it('gives blocks back when nothing comes, cancels them and asks for one at a time', () => {
      const side = unchoked({ limits: { requestTimeoutMs: 1000 } });
      side.lease(0);
      side.lease(1);
      side.lease(2);
      side.feed(side.block(0, 1));
      side.take();
      side.tick(999);
      expect(side.of('lease-returned')).to.have.length(0);
      side.tick(1);
      expect(
        side
          .of('lease-returned')
          .map((fact) => `${fact.piece}:${fact.firstBlock}+${fact.blockCount}`),
      ).to.deep.equal(['0:0+1', '0:2+2', '1:0+4', '2:0+4']);
      expect(side.of('lease-done').map((fact) => fact.firstBlock)).to.deep.equal([1]);
      expect(side.sent().every((message) => message.type === 'cancel')).to.equal(true);
      expect(side.session.download.pipeline.depth).to.equal(1);
      // Still good for one block, and what exceeds that goes back at once.
      side.lease(3);
      expect(requests(side)).to.deep.equal(['3:0+16384']);
      expect(side.of('lease-returned').at(-1)).to.deep.include({ firstBlock: 2, blockCount: 2 });
      side.feed(side.block(3, 0));
      expect(side.session.download.pipeline.depth).to.be.at.least(MIN_DEPTH_BLOCKS);
    });

    it('is not fooled by keep-alives, haves or half a block', () => {
      const side = unchoked({ limits: { requestTimeoutMs: 1000, idleTimeoutMs: 10_000 } });
      side.lease(0);
      const block = side.block(0, 0);
      for (let at = 0; at < 10; at++) side.feed(block.subarray(at, at + 1)).tick(100);
      expect(side.of('lease-returned')).to.have.length(1);
      const chatty = unchoked({ limits: { requestTimeoutMs: 1000 } });
      chatty.lease(0);
      for (let at = 0; at < 10; at++) chatty.receive((writer) => writer.keepAlive()).tick(100);
      expect(chatty.of('lease-returned')).to.have.length(1);
    });

    it('says whether a single byte came meanwhile', () => {
      const whys = (side: Side): string[] => side.of('lease-returned').map(({ why }) => why);
      const limits = { requestTimeoutMs: 1000 };
      const silent = unchoked({ limits });
      silent.lease(0);
      silent.tick(1000);
      expect(whys(silent)).to.deep.equal(['silent']);
      const late = unchoked({ limits });
      late.lease(0);
      late.tick(1).feed(late.block(0, 0).subarray(0, 1));
      late.tick(999);
      expect(whys(late)).to.deep.equal(['late']);
    });

    it('counts from the last block, so a slow peer that delivers keeps its leases', () => {
      const side = unchoked({ limits: { requestTimeoutMs: 1000 } });
      side.lease(0);
      side.tick(900).feed(side.block(0, 0));
      side.tick(900).feed(side.block(0, 1));
      side.tick(900);
      expect(side.of('lease-returned')).to.have.length(0);
      expect(side.session.download.deadlineMs).to.equal(side.nowMs + 100);
    });

    it('has more patience with a peer whose block came after its time-out', () => {
      const side = unchoked({ limits: { requestTimeoutMs: 1000 } });
      side.lease(0);
      side.tick(1000);
      expect(side.of('lease-returned')).to.have.length(1);
      side.tick(500).feed(side.block(0, 0)); // in vain, but now we know how slow it is
      side.lease(1);
      side.tick(1600);
      expect(side.of('lease-returned')).to.have.length(1);
      side.feed(side.block(1, 0));
      expect(side.session.download.wastedBytes).to.equal(16_384);
      side.lease(2);
      side.feed(side.block(2, 0)); // this one came at once
      expect(side.session.download.deadlineMs).to.equal(side.nowMs + 1000);
    });
  });

  it('reports what it is owed after a time-out, and no more than that', () => {
    const side = unchoked({ limits: { requestTimeoutMs: 1000 } });
    side.lease(0);
    side.lease(1);
    side.lease(2);
    side.lease(3);
    side.tick(1000);
    expect(side.of('appetite').at(-1)?.creditBlocks).to.equal(16 + 2);
  });
});
