// Floods are read at a bounded rate, which real clients do not come near.
import { expect } from 'chai';
import { MessageBudget } from '../../lib/peer/message-budget';
import { encodeExtendedHandshake } from '../../lib/wire/extended-handshake';
import type { WireWriter } from '../../lib/wire/encoder';
import { Pair, Side } from '../support/pair';
import type { SideOptions } from '../support/pair';

const BLOCK = 16_384;

/** A side that has been connected for long enough to have saved all that may be saved. */
function settled(options: SideOptions = {}): Side {
  const side = new Side(options);
  side.tick(10_000);
  return side;
}

describe('peer/message-budget', () => {
  describe('by the token: 2,000 at first, 2,000 a second', () => {
    const begin = (): MessageBudget => new MessageBudget(0);
    const charge = (budget: MessageBudget, times: number): void => {
      for (let time = 0; time < times; time++) budget.charge();
    };
    const LONG = 512;

    it('may be spent to the last one', () => {
      const budget = begin();
      charge(budget, 2_000);
      budget.endRead(LONG, 0, 0);
      expect(budget.readAgainMs).to.equal(-Infinity);
      charge(budget, 1);
      budget.endRead(LONG, 0, 0);
      expect(budget.readAgainMs).to.equal(0.5);
    });

    it('goes for a read of a few bytes: 32, the first read too', () => {
      const budget = begin();
      budget.endRead(LONG - 1, 0, 0);
      charge(budget, 1_969);
      budget.endRead(LONG, 0, 0);
      expect(budget.readAgainMs).to.equal(0.5);
    });

    it('does not go for a read that was worth it', () => {
      const budget = begin();
      budget.welcome();
      budget.endRead(1, 0, 0);
      charge(budget, 2_000);
      budget.endRead(LONG, 0, 0);
      expect(budget.readAgainMs).to.equal(-Infinity);
    });

    it('is earned by payload, and kept over reads that cost nothing', () => {
      const budget = begin();
      budget.welcome();
      budget.endRead(1, 512 * 1_000, 0);
      budget.endRead(LONG, 512 * 1_000, 0);
      charge(budget, 3_000);
      budget.endRead(LONG, 512 * 1_000, 0);
      expect(budget.readAgainMs).to.equal(-Infinity);
      charge(budget, 1);
      budget.endRead(LONG, 512 * 1_000, 0);
      expect(budget.readAgainMs).to.equal(0.5);
    });

    it('is not earned in advance', () => {
      const budget = begin();
      charge(budget, 1);
      budget.endRead(LONG, 512 * 1_000, 0);
      charge(budget, 2_001);
      budget.endRead(LONG, 512 * 1_000, 0);
      expect(budget.readAgainMs).to.equal(0.5);
    });
  });

  const FLOODS: Record<string, (writer: WireWriter) => void> = {
    'keep-alives': (writer) => writer.keepAlive(),
    'chokes and unchokes': (writer) => {
      writer.choke();
      writer.unchoke();
    },
    'changes of interest': (writer) => {
      writer.interested();
      writer.notInterested();
    },
    'the same have': (writer) => writer.have(3),
    'the same bitfield': (writer) => writer.bitfield(Uint8Array.of(0x80, 0)),
    'extended handshakes': (writer) =>
      writer.extended(0, encodeExtendedHandshake({ extensions: {} })),
    'extended messages': (writer) => writer.extended(7, new Uint8Array(2)),
    'requests while choked': (writer) => writer.request(0, 0, BLOCK),
    'cancels of nothing': (writer) => writer.cancel(0, 0, BLOCK),
  };
  for (const [what, say] of Object.entries(FLOODS)) {
    it(`has the driver wait after a flood of ${what}, and read again once time has paid`, () => {
      const side = settled({ have: 'all' });
      const flood = (count: number): void => {
        side.receive((writer) => {
          for (let time = 0; time < count; time++) say(writer);
        });
      };
      flood(500);
      expect(side.session.readAgainMs).to.be.at.most(side.nowMs);
      flood(40_000);
      const waitMs = side.session.readAgainMs - side.nowMs;
      expect(waitMs).to.be.within(10_000, 100_000);
      side.tick(waitMs);
      expect(side.session.readAgainMs).to.be.at.most(side.nowMs);
      flood(1_000);
      expect(side.session.readAgainMs - side.nowMs).to.be.at.least(500);
      expect(side.closed).to.equal(undefined);
    });
  }

  it('gives a newcomer a tenth of what one of long standing has saved', () => {
    const wait = (side: Side, count: number): number => {
      side.receive((writer) => {
        for (let time = 0; time < count; time++) writer.keepAlive();
      });
      return side.session.readAgainMs - side.nowMs;
    };
    expect(wait(new Side(), 1_999)).to.be.at.most(0);
    expect(wait(new Side(), 4_000)).to.be.within(1_000, 1_001);
    expect(wait(settled(), 19_999)).to.be.at.most(0);
  });

  it('has one that goes on at once wait for half a minute each time, until it was good for ten seconds', () => {
    const side = new Side({ limits: { idleTimeoutMs: 1e9 } });
    const wait = (): number => {
      side.receive((writer) => {
        for (let time = 0; time < 24_000; time++) writer.keepAlive();
      });
      const waitMs = side.session.readAgainMs - side.nowMs;
      side.tick(waitMs);
      return waitMs;
    };
    expect(wait(), 'what it costs').to.be.within(10_990, 11_010);
    expect(wait(), 'again').to.equal(30_000);
    side.tick(9_000);
    expect(wait(), 'after 9 s').to.equal(30_000);
    side.tick(10_000);
    expect(wait(), 'after 10 s').to.be.at.most(12_000);
  });

  it('does not take for silence what it does not read', () => {
    const side = new Side({ limits: { idleTimeoutMs: 1_000 } });
    side.receive((writer) => {
      for (let time = 0; time < 40_000; time++) writer.keepAlive();
    });
    const waitMs = side.session.readAgainMs - side.nowMs;
    side.tick(waitMs + 999);
    expect(side.closed).to.equal(undefined);
    side.tick(1);
    expect(side.closed?.reason).to.equal('idle-timeout');
  });

  it('counts the length of what is ignored, and that of bencoding eight times', () => {
    const wait = (say: (writer: WireWriter) => void): number => {
      const side = settled();
      for (let time = 0; time < 100; time++) side.receive(say);
      return side.session.readAgainMs - side.nowMs;
    };
    const long = new Uint8Array(32_000);
    expect(wait((writer) => writer.extended(7, long))).to.be.within(15_000, 15_100);
    const encoded = encodeExtendedHandshake({ extensions: {}, client: 'x'.repeat(32_000) });
    expect(wait((writer) => writer.extended(0, encoded))).to.be.within(191_000, 192_500);
  });

  it('counts answers that are shorter than a block, or than a piece that is shorter', () => {
    const wait = (pieceLengthBytes: number, lengthBytes: number, count = 400): number => {
      const side = settled({ have: 'all', pieceLengthBytes });
      side.session.setChoked(false);
      for (let round = 0; round < 10; round++) {
        side.receive((writer) => {
          for (let time = 0; time < count; time++) writer.request(0, 0, lengthBytes);
        });
      }
      return side.session.readAgainMs - side.nowMs;
    };
    expect(wait(4 * BLOCK, 1), 'a byte').to.be.within(53_000, 54_000);
    expect(wait(4 * BLOCK, BLOCK / 2)).to.be.at.most(22_000);
    expect(wait(4 * BLOCK, BLOCK)).to.be.at.most(0);
    expect(wait(1_000, 1_000), 'a whole piece').to.be.at.most(0);
    expect(wait(1_000, 500)).to.be.above(0);
    expect(wait(4 * BLOCK, 1, 50), 'a few').to.be.at.most(0);
  });

  it('counts reads that bring a few bytes of nothing', () => {
    const side = settled();
    const bytes = Buffer.from([0, 0, 0, 1, 2, 0, 0, 0, 1, 3]);
    for (let read = 0; read < 100; read++) {
      for (const byte of bytes) side.session.receive(Uint8Array.of(byte), 0, 1, side.nowMs);
    }
    expect(side.session.readAgainMs - side.nowMs).to.be.within(6_000, 6_200);
  });

  it('lets a peer tell each of its pieces in a read of its own', () => {
    const side = new Side({ pieceLengthBytes: BLOCK, totalLengthBytes: 30_000 * BLOCK });
    for (let piece = 0; piece < 30_000; piece++) side.receive((writer) => writer.have(piece));
    expect(side.session.readAgainMs).to.be.at.most(side.nowMs);
  });

  it('lets 2,000 requests that a choke made void pass, each in a read of its own where they are 500', () => {
    const side = settled({ have: 'all' });
    side.receive((writer) => {
      for (let time = 0; time < 2_000; time++) writer.request(0, 0, BLOCK);
    });
    for (let time = 0; time < 500; time++) side.receive((writer) => writer.request(0, 0, BLOCK));
    expect(side.session.readAgainMs).to.be.at.most(side.nowMs);
  });

  it('costs a transfer nothing: payload pays for changes of mind beside it', () => {
    const { left, right } = new Pair({}, { have: 'all' }).open();
    left.session.setInterested(true, left.nowMs);
    right.session.setChoked(false);
    right.tick(10_000);
    expect(right.session.readAgainMs).to.be.at.most(right.nowMs - 9_000);
    right.session.uploadedBytes += 40_000 * BLOCK; // as if it had been served at an unheard-of rate
    for (let round = 0; round < 10_000; round++) {
      right.receive((writer) => {
        writer.interested();
        writer.notInterested();
      });
    }
    expect(right.session.readAgainMs - right.nowMs).to.be.above(0);
    const other = new Side({ have: 'all' });
    for (let round = 0; round < 10_000; round++) {
      other.session.uploadedBytes += 2 * BLOCK;
      other.receive((writer) => {
        writer.interested();
        writer.notInterested();
      });
    }
    expect(other.session.readAgainMs).to.be.at.most(other.nowMs);
  });
});
