// Places of connections without a handshake: a flood of one address, and of many.

import { expect } from 'chai';
import { HandshakePlaces } from '../../lib/choke/handshake-places';

/** Places of which that many connections of one address have tried to take one, at time 0. */
function flooded(places: number, flood: number): HandshakePlaces {
  const handshakes = new HandshakePlaces(places);
  for (let id = 0; id < flood; id++) handshakes.enter(id, '192.0.2.66', 0);
  return handshakes;
}

describe('choke/handshake-places', () => {
  it('one address may have all of them while no other needs one', () => {
    expect(flooded(8, 8).taken).to.equal(8);
    expect(flooded(8, 500).taken).to.equal(8);
  });

  it('each newcomer of another address gets one of its', () => {
    const handshakes = flooded(8, 500);
    for (let id = 1000; id < 1004; id++) {
      const { admitted, instead } = handshakes.enter(id, `10.0.0.${id}`, 1);
      expect(admitted).to.equal(true);
      expect(instead).to.be.within(0, 7);
    }
    expect(handshakes.enter(2000, '192.0.2.66', 2)).to.deep.equal({ admitted: false });
    expect(handshakes.taken).to.equal(8);
  });

  it('a flood of many addresses holds one for 3 s at the most', () => {
    const handshakes = new HandshakePlaces(4);
    for (let id = 0; id < 4; id++) handshakes.enter(id, `198.51.100.${id}`, id);
    expect(handshakes.enter(10, '10.0.0.1', 2_999)).to.deep.equal({ admitted: false });
    expect(handshakes.enter(10, '10.0.0.1', 3_000)).to.deep.equal({ admitted: true, instead: 0 });
  });

  it('a place comes back with the handshake, or the end', () => {
    const handshakes = flooded(2, 2);
    handshakes.leave(1);
    handshakes.leave(1);
    expect(handshakes.enter(7, '192.0.2.66', 0)).to.deep.equal({ admitted: true });
  });

  it('loopback has no share: its peers are no crowd', () => {
    const handshakes = new HandshakePlaces(2);
    for (let id = 0; id < 2; id++) handshakes.enter(id, undefined, 0);
    expect(handshakes.enter(7, '192.0.2.1', 1).admitted).to.equal(false);
    expect(handshakes.enter(8, undefined, 3_000)).to.deep.equal({ admitted: true, instead: 0 });
  });
});
