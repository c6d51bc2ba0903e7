import { expect } from 'chai';
import { LastRounds } from '../../lib/choke/rounds';

describe('choke/rounds', () => {
  it('give what a total gained in the last two rounds', () => {
    const rounds = new LastRounds();
    expect(rounds.gained(5)).to.equal(5);
    rounds.endRound(10);
    expect(rounds.gained(12)).to.equal(12);
    expect(rounds.isWhole).to.equal(false);
    rounds.endRound(30);
    expect(rounds.isWhole).to.equal(true);
    expect(rounds.gained(30)).to.equal(20);
    rounds.endRound(30);
    expect(rounds.gained(31)).to.equal(1);
    rounds.endRound(30);
    expect(rounds.gained(30)).to.equal(0);
    expect(rounds.most).to.equal(30);
  });
});
