import { expect } from 'chai';
import fc from 'fast-check';
import { ConnectionTable } from '../../lib/tracker-server/connection-table';

const PATIENCE_MS = 10_000;
const GRACE_MS = 1000;

function table(max: number, maxPerIp = max): ConnectionTable<string> {
  return new ConnectionTable({ max, maxPerIp, patienceMs: PATIENCE_MS, graceMs: GRACE_MS });
}

describe('tracker: connections of one address', () => {
  it('are bounded for an IPv4 address and for a /64 of IPv6', () => {
    const places = table(100, 2);
    let number = 0;
    const took = (...addresses: string[]): boolean[] =>
      addresses.map((each) => places.admit(`${each} ${(number += 1)}`, each, 0).admitted);
    expect(took('10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1')).to.deep.equal([true, true, false]);
    expect(took('10.0.0.2')).to.deep.equal([true]);
    expect(took('2001:db8::1', '2001:db8::2:1', '2001:db8::3')).to.deep.equal([true, true, false]);
    expect(took('2001:db8:0:1::1')).to.deep.equal([true]);
    expect(took('fe80::1%eth0', 'fe80::2%eth1', 'fe80::3')).to.deep.equal([true, true, false]);
    places.ended('2001:db8::2:1 6');
    expect(took('2001:db8::9', '2001:db8::9')).to.deep.equal([true, false]);
  });

  it('are forgotten when they have ended', () => {
    const places = table(100, 2);
    for (const address of ['10.0.0.1', '::1', 'nowhere']) {
      for (const each of ['a', 'b']) places.admit(address + each, address, 0);
      for (const each of ['a', 'b', 'a']) places.ended(address + each);
    }
    expect(places).to.include({ customers: 0, size: 0 });
  });
});

describe('tracker: connections when all places are taken', () => {
  it('make room: first the longest silent, then the longest idle, never one that is served', () => {
    const places = table(4);
    for (const each of ['served', 'idle', 'late', 'silent']) places.admit(each, `of-${each}`, 0);
    places.asked('served', 1);
    for (const each of ['late', 'idle']) places.asked(each, 1);
    for (const each of ['late', 'idle']) places.answered(each, 2);
    places.asked('late', 3);
    places.answered('late', 4);
    const evictedBy = (newcomer: string): unknown => {
      const admission = places.admit(newcomer, `of-${newcomer}`, GRACE_MS);
      places.asked(newcomer, GRACE_MS);
      return admission.admitted ? admission.evicted : 'none';
    };
    expect(['a', 'b', 'c', 'd'].map(evictedBy)).to.deep.equal(['silent', 'idle', 'late', 'none']);
    // A connection whose answer is not read keeps its place only for a while.
    places.asked('served', PATIENCE_MS);
    expect(places.admit('e', 'of-e', PATIENCE_MS)).to.deep.equal({ admitted: false });
    expect(places.admit('e', 'of-e', PATIENCE_MS + 1)).to.include({ evicted: 'served' });
    expect(places.size).to.equal(4);
  });

  it('spare a new connection as long as an older one is idle', () => {
    const places = table(2);
    places.admit('idle', 'a', 0);
    places.asked('idle', 0);
    places.answered('idle', 0);
    places.admit('fresh', 'b', 1);
    expect(places.admit('next', 'c', GRACE_MS)).to.include({ evicted: 'idle' });
    // Where all connections are new, the oldest of them goes.
    expect(places.admit('last', 'd', GRACE_MS)).to.include({ evicted: 'fresh' });
  });

  it('of an address with more than its share go before those of others', () => {
    const places = table(6);
    places.admit('guest', '10.0.0.9', 0); // The oldest of all, and yet …
    for (let number = 0; number < 5; number += 1) places.admit(`flood${number}`, '10.0.0.1', 1);
    for (let number = 5; number < 100; number += 1) {
      const admission = places.admit(`flood${number}`, '10.0.0.1', 2);
      expect(admission).to.include({ evicted: `flood${number - 5}` });
    }
    places.asked('guest', 3);
    expect(places.admit('other', '10.0.0.8', 4)).to.include({ evicted: 'flood95' });
    places.asked('other', 4);
    for (let number = 96; number < 100; number += 1) {
      places.asked(`flood${number}`, 5);
      places.answered(`flood${number}`, 5);
    }
    expect(places.admit('more', '10.0.0.1', 6)).to.include({ evicted: 'flood96' });
  });

  it('keep their numbers right, whatever happens in whatever order', () => {
    const step = fc.record({
      what: fc.constantFrom('admit', 'admit', 'admit', 'asked', 'answered', 'ended'),
      connection: fc.nat(30),
      address: fc.nat(3).map((last) => `10.0.0.${last}`),
      waitMs: fc.constantFrom(0, 1, 6000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const places = table(8, 4);
        const held = new Map<string, string>();
        let nowMs = 0;
        for (const [at, { what, connection, address, waitMs }] of steps.entries()) {
          nowMs += waitMs;
          const name = what === 'admit' ? `${at}` : ([...held.keys()][connection] ?? 'unknown');
          if (what !== 'admit') {
            if (what === 'ended') {
              places.ended(name);
              held.delete(name);
            } else places[what](name, nowMs);
          } else {
            const admission = places.admit(name, address, nowMs);
            if (admission.admitted) {
              if (admission.evicted !== undefined) {
                expect(held.size).to.equal(8);
                expect(held.delete(admission.evicted)).to.equal(true);
              }
              held.set(name, address);
            } else
              expect([...held.values()].length === 8 || countOf(held, address) === 4).to.equal(
                true,
              );
          }
          expect(places).to.include({ size: held.size, customers: new Set(held.values()).size });
          expect(held.size).to.be.at.most(8);
          expect(countOf(held, address)).to.be.at.most(4);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function countOf(held: ReadonlyMap<string, string>, address: string): number {
  return [...held.values()].filter((each) => each === address).length;
}
