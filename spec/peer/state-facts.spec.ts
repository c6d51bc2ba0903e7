// A peer that changes its state without end is reported at a bounded rate, and correctly.
import { expect } from 'chai';
import fc from 'fast-check';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { Side } from '../support/pair';

type Word = 'choke' | 'unchoke' | 'interested' | 'notInterested';
const WORDS: readonly Word[] = ['choke', 'unchoke', 'interested', 'notInterested'];

/** The state that a coordinator derives from these facts; throws where it would lose credit. */
function believed(facts: readonly PeerFact[]) {
  const belief = { choked: true, epoch: 0, interested: false };
  for (const fact of facts) {
    if (fact.type === 'peer-choke') {
      belief.choked = fact.choked;
      if (fact.choked) belief.epoch = fact.epoch;
    } else if (fact.type === 'peer-interest') {
      belief.interested = fact.interested;
    } else if (fact.type === 'appetite') {
      expect([fact.epoch, belief.choked]).to.deep.equal([belief.epoch, false]);
    }
  }
  return belief;
}

describe('peer/state facts', () => {
  function begin(): Side {
    const side = new Side();
    side.session.setInterested(true, side.nowMs);
    return side;
  }
  const say = (side: Side, ...words: readonly Word[]): void => {
    side.receive((writer) => {
      for (const word of words) writer[word]();
    });
  };
  const states = (side: Side) =>
    side.facts.filter(({ type }) => type === 'peer-choke' || type === 'peer-interest').length;

  it('are never more than two of a kind and a tenth of a second, and end with the truth', () => {
    const turns = fc.array(
      fc.tuple(fc.nat(60), fc.array(fc.constantFrom(...WORDS), { maxLength: 5 })),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(turns, (script) => {
        const side = begin();
        let [choked, interested] = [true, false];
        const startMs = side.nowMs;
        for (const [passedMs, words] of script) {
          side.tick(passedMs);
          say(side, ...words);
          for (const word of words) {
            if (word === 'choke' || word === 'unchoke') choked = word === 'choke';
            else interested = word === 'interested';
          }
          believed(side.facts);
        }
        const passedMs = side.nowMs - startMs;
        for (const type of ['peer-choke', 'peer-interest'] as const) {
          expect(side.of(type).length).to.be.at.most(2 * (1 + passedMs / 100) + 1);
        }
        const dueMs = side.session.nextDeadlineMs;
        side.tick(Math.max(100, dueMs - side.nowMs));
        const { epoch } = side.session.download;
        expect(believed(side.facts)).to.deep.equal({ choked, epoch, interested });
        expect(side.of('appetite').some((fact) => fact.epoch === epoch)).to.equal(!choked);
      }),
    );
  });

  it('of good news, and of the first bad news, go up at once', () => {
    const side = begin();
    say(side, 'unchoke', 'interested');
    expect(states(side)).to.equal(2);
    say(side, 'choke', 'notInterested');
    expect(states(side)).to.equal(4);
    say(side, 'unchoke', 'interested');
    expect(states(side)).to.equal(6);
    expect(side.of('appetite').map(({ epoch }) => epoch)).to.deep.equal([0, 1]);
  });

  it('of more bad news wait, and the session names the time', () => {
    const side = begin();
    say(side, 'interested');
    say(side, 'unchoke', 'choke', 'notInterested');
    side.facts = [];
    const reportedMs = side.nowMs;
    say(side, 'interested');
    say(side, 'unchoke');
    say(side, 'choke', 'notInterested');
    expect(side.of('peer-interest').map(({ interested }) => interested)).to.deep.equal([true]);
    expect(side.of('peer-choke').map(({ choked }) => choked)).to.deep.equal([false]);
    expect(side.session.nextDeadlineMs).to.be.at.most(reportedMs + 100);
    side.facts = [];
    side.tick(99);
    expect(states(side)).to.equal(0);
    side.tick(1);
    expect(states(side)).to.equal(2);
    expect(believed(side.facts)).to.deep.equal({ choked: true, epoch: 2, interested: false });
  });
});
