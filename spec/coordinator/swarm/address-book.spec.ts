import { expect } from 'chai';
import fc from 'fast-check';
import { AddressBook } from '../../../lib/coordinator/swarm/address-book';
import type { Ending } from '../../../lib/coordinator/swarm/redial';
import type { CloseReason } from '../../../lib/messages/close-reasons';

const book = (random: () => number = () => 0): AddressBook => new AddressBook({ random });

describe('coordinator/address-book', () => {
  it('hands a new address out once, at once', () => {
    const addresses = book();
    expect(addresses.add('10.0.0.1', 6881, 0)).to.equal(true);
    expect(addresses.add('10.0.0.1', 6881, 0)).to.equal(false);
    expect(addresses.takeDue(5, 0)).to.deep.equal([{ host: '10.0.0.1', port: 6881 }]);
    expect(addresses.takeDue(5, 0)).to.deep.equal([]);
    expect(addresses.known).to.equal(1);
  });

  it('refuses ports that do not exist', () => {
    const addresses = book();
    for (const port of [0, -1, 65_536]) expect(addresses.add('10.0.0.1', port, 0)).to.equal(false);
    expect(addresses.known).to.equal(0);
  });

  it('returns at most the requested number of addresses, and none for a negative count', () => {
    const addresses = book();
    for (let port = 1; port <= 9; port++) addresses.add('10.0.0.1', port, 0);
    expect(addresses.takeDue(-3, 0)).to.deep.equal([]);
    expect(addresses.takeDue(0, 0)).to.deep.equal([]);
    expect(addresses.takeDue(4, 0)).to.have.length(4);
    expect(addresses.takeDue(9, 0)).to.have.length(5);
  });

  it('takes from each source in turn: a flood of one keeps no other waiting', () => {
    const addresses = book();
    for (let n = 0; n < 1000; n++) addresses.add(`10.1.${n >> 8}.${n & 255}`, 1, 0, 'liar');
    addresses.add('10.2.0.1', 1, 5, 'honest');
    addresses.add('10.2.0.2', 1, 5, 'honest');
    addresses.add('10.3.0.1', 1, 9);
    const first = addresses.takeDue(5, 10).map(({ host }) => host);
    expect(first).to.deep.equal(['10.1.0.0', '10.2.0.1', '10.3.0.1', '10.1.0.1', '10.2.0.2']);
    expect(addresses.takeDue(2, 10)).to.have.length(2);
  });

  it('takes in turn also those that failed, the one that is due longest first', () => {
    const addresses = book();
    const poor = [
      ['a', 'liar', 30],
      ['b', 'liar', 20],
      ['c', 'liar', 10],
      ['d', 'honest', 40],
    ] as const;
    for (const [host, source, atMs] of poor) {
      addresses.add(host, 1, 0, source);
      addresses.ended(host, 1, { reason: 'dial-failed', useful: false }, atMs);
    }
    const hosts = addresses.takeDue(9, 1e9).map(({ host }) => host);
    expect(hosts).to.deep.equal(['c', 'd', 'b', 'a']);
  });

  it('knows how many addresses wait for their first dial', () => {
    const addresses = book();
    for (let n = 1; n <= 5; n++) addresses.add(`10.1.0.${n}`, 1, 0);
    expect(addresses.fresh).to.equal(5);
    addresses.takeDue(3, 0);
    expect(addresses.fresh).to.equal(2);
    addresses.ended('10.1.0.1', 1, { reason: 'dial-failed', useful: false }, 0);
    addresses.putBack('10.1.0.2', 1);
    expect(addresses.fresh).to.equal(3);
  });

  it('prefers addresses that failed less often, then those that are due longer', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, 0);
    addresses.add('late', 1, 50);
    addresses.add('early', 1, 10);
    expect(addresses.takeDue(9, 10_000).map(({ host }) => host)).to.deep.equal([
      'early',
      'late',
      'a',
    ]);
  });

  it('hands out by number of failures, whatever the order of the addresses', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 12 }), (failures) => {
        const addresses = book();
        for (const [port, times] of failures.entries()) {
          addresses.add('a', port + 1, 0);
          for (let n = 0; n < times; n++)
            addresses.ended('a', port + 1, { reason: 'dial-failed', useful: false }, 0);
        }
        const taken = addresses.takeDue(12, 1e9).map(({ port }) => failures[port - 1] ?? -1);
        expect(taken).to.deep.equal([...failures].sort((a, b) => a - b));
      }),
    );
  });

  it('knows when the next address is due, whichever it is', () => {
    for (const [first, second] of [
      [10, 20],
      [20, 10],
    ] as const) {
      const addresses = book();
      addresses.add('a', 1, first);
      addresses.add('b', 1, second);
      expect(addresses.nextDueMs).to.equal(10);
    }
  });

  describe('waits after an end that says little about the peer', () => {
    /** Wait after an ending that follows two failures, and after one more failure. */
    const waitsAfter = (reason: CloseReason, random = 0): readonly number[] => {
      const addresses = book(() => random);
      addresses.add('a', 1, 0);
      const end = (why: CloseReason): number => {
        addresses.ended('a', 1, { reason: why, useful: false }, 1_000);
        return addresses.nextDueMs - 1_000;
      };
      end('dial-failed');
      end('dial-failed');
      return [end(reason), end('dial-failed')];
    };

    it('not at all where its thread died, which is no failure of the peer', () => {
      expect(waitsAfter('thread-died')).to.deep.equal([0, 8_000]);
    });

    it('10 s where we had no descriptor, which is none either; with jitter', () => {
      expect(waitsAfter('local-limit')).to.deep.equal([10_000, 8_000]);
      expect(waitsAfter('local-limit', 0.8)[0]).to.equal(12_000);
    });

    it('10 minutes where it gave way to another peer', () => {
      expect(waitsAfter('gave-way')).to.deep.equal([600_000, 16_000]);
    });
  });

  it('waits 2 s after the first failure, twice as long after each further one, 10 minutes at most', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    const waits: number[] = [];
    let nowMs = 0;
    for (let failure = 0; failure < 12; failure++) {
      expect(addresses.takeDue(1, nowMs)).to.have.length(1);
      addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, nowMs);
      waits.push(addresses.nextDueMs - nowMs);
      nowMs = addresses.nextDueMs;
    }
    expect(waits.slice(0, 4)).to.deep.equal([2_000, 4_000, 8_000, 16_000]);
    expect(waits.at(-1)).to.equal(600_000);
  });

  describe('of a seed', () => {
    const waitsOf = (ending: Omit<Ending, 'useful'> & { useful?: boolean }, count: number) => {
      const addresses = book();
      addresses.add('a', 1, 0);
      let nowMs = 0;
      return Array.from({ length: count }, () => {
        addresses.takeDue(1, nowMs);
        addresses.ended('a', 1, { useful: false, weSeed: true, ...ending }, nowMs);
        const waitMs = addresses.nextDueMs - nowMs;
        nowMs = addresses.nextDueMs;
        return waitMs;
      });
    };
    const HOUR_MS = 3_600_000;

    it('waits four times as long after each failure, 4 hours at most', () => {
      const waits = waitsOf({ reason: 'dial-failed' }, 9);
      expect(waits.slice(0, 3)).to.deep.equal([8_000, 32_000, 128_000]);
      expect(waits.slice(-3)).to.deep.equal(Array(3).fill(4 * HOUR_MS));
    });

    it('dials another seed again after 6 hours, twice as long after that, once a day at most', () => {
      const waits = waitsOf({ reason: 'not-useful', peerIsSeed: true }, 5);
      expect(waits.map((ms) => ms / HOUR_MS)).to.deep.equal([6, 12, 24, 24, 24]);
    });

    it('remembers as a seed a peer that took payload and became one', () => {
      const [waitMs] = waitsOf({ reason: 'remote-closed', peerIsSeed: true, useful: true }, 1);
      expect(waitMs).to.equal(6 * HOUR_MS);
    });

    it('dials a leecher that took payload again soon', () => {
      expect(waitsOf({ reason: 'remote-closed', useful: true }, 1)).to.deep.equal([2_000]);
    });

    it('waits at least a minute after a twin', () => {
      const waits = waitsOf({ reason: 'duplicate-peer' }, 3);
      expect(waits).to.deep.equal([60_000, 60_000, 128_000]);
    });
  });

  describe('adopts the listening address that an incoming peer sends', () => {
    it('dials it no more until it ends, and then as any other', () => {
      const addresses = book();
      addresses.add('a', 1, 0);
      expect(addresses.adopt('a', 1, 0)).to.equal(true);
      expect(addresses.adopt('b', 1, 0)).to.equal(true);
      expect(addresses.takeDue(9, 1e9)).to.deep.equal([]);
      addresses.ended('b', 1, { reason: 'remote-closed', useful: false }, 1e9);
      expect(addresses.takeDue(9, 1e9)).to.deep.equal([]);
      expect(addresses.takeDue(9, 1e9 + 2_500)).to.deep.equal([{ host: 'b', port: 1 }]);
    });

    it('but none that is in use, banned, or impossible', () => {
      const addresses = book();
      addresses.add('a', 1, 0);
      addresses.takeDue(1, 0);
      addresses.ban('10.6.6.6', 1, 'liar');
      expect(addresses.adopt('a', 1, 0), 'being dialled').to.equal(false);
      expect(addresses.adopt('10.6.6.6', 2, 0)).to.equal(false);
      expect(addresses.adopt('b', 0, 0)).to.equal(false);
      expect(addresses.adopt('c', 1, 0) && addresses.adopt('c', 1, 0), 'twice').to.equal(false);
    });

    it('and none for which another would have to go', () => {
      const addresses = book();
      for (let n = 0; n < 5_000; n++) addresses.add(`10.${n >> 8}.${n & 255}.1`, 1, 0);
      expect(addresses.adopt('192.0.2.1', 1, 0)).to.equal(false);
      expect(addresses.known).to.equal(5_000);
    });
  });

  it('spreads redials by up to a quarter', () => {
    const addresses = book(() => 0.999);
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, 0);
    expect(addresses.nextDueMs).to.be.within(2_400, 2_500);
  });

  it('forgets failures of a peer that was useful', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    for (let failure = 0; failure < 5; failure++) {
      addresses.takeDue(1, 1e9);
      addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, 0);
    }
    addresses.takeDue(1, 1e9);
    addresses.connected('a', 1);
    addresses.ended('a', 1, { reason: 'remote-closed', useful: true }, 1e9);
    expect(addresses.nextDueMs).to.equal(1e9 + 2_000);
    addresses.takeDue(1, 2e9);
    addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, 2e9);
    expect(addresses.nextDueMs).to.equal(2e9 + 2_000);
  });

  for (const reason of ['self-connection', 'wrong-info-hash', 'banned'] as const) {
    it(`never dials again after ${reason}`, () => {
      const addresses = book();
      addresses.add('a', 1, 0);
      addresses.takeDue(1, 0);
      addresses.ended('a', 1, { reason, useful: false }, 0);
      addresses.forgetFailures(10);
      expect(addresses.takeDue(1, 1e12)).to.deep.equal([]);
      expect(addresses.known).to.equal(0);
      expect(addresses.nextDueMs).to.equal(Infinity);
    });
  }

  it('comes back at once to an address that was not dialled after all', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.putBack('a', 1);
    expect(addresses.takeDue(1, 0)).to.have.length(1);
    addresses.connected('a', 1);
    addresses.putBack('a', 1);
    expect(addresses.takeDue(1, 0), 'a connected address is not put back').to.deep.equal([]);
  });

  it('has no use for the return of an address that was banned meanwhile', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.ban('a', 1, 'liar');
    addresses.putBack('a', 1);
    addresses.connected('a', 1);
    expect(addresses.known).to.equal(0);
  });

  it('dials no address that is connected by a dial of an earlier run', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.forgetFailures(0);
    addresses.connected('a', 1);
    expect(addresses.takeDue(1, 1e12)).to.deep.equal([]);
  });

  it('may dial everything at once after failures are forgotten', () => {
    const addresses = book();
    addresses.add('a', 1, 0);
    addresses.takeDue(1, 0);
    addresses.ended('a', 1, { reason: 'dial-failed', useful: false }, 0);
    addresses.forgetFailures(5);
    expect(addresses.takeDue(1, 5)).to.have.length(1);
  });

  it('bans address and host; on loopback the address and the peer id', () => {
    const addresses = book();
    addresses.add('10.0.0.1', 1, 0);
    addresses.add('127.0.0.1', 1, 0);
    addresses.ban('10.0.0.1', 1, 'liar');
    addresses.ban('127.0.0.1', 1, 'other liar');
    expect(addresses.isBanned('10.0.0.1', 99, 'new name')).to.equal(true);
    expect(addresses.isBanned('10.9.9.9', 1, 'liar'), 'whose id the liar bore').to.equal(false);
    expect(addresses.isBanned('10.9.9.9', 1, 'other liar')).to.equal(false);
    expect(addresses.isBanned('127.0.0.1', 1, 'new name')).to.equal(true);
    expect(addresses.isBanned('127.0.0.1', 40_000, 'other liar')).to.equal(true);
    expect(addresses.isBanned('127.0.0.1', 40_000, 'liar')).to.equal(false);
    expect(addresses.add('127.0.0.1', 1, 0)).to.equal(false);
    expect(addresses.isBanned('127.0.0.1', 2, 'neighbour')).to.equal(false);
    expect(addresses.add('10.0.0.1', 2, 0)).to.equal(false);
    expect(addresses.add('127.0.0.1', 2, 0)).to.equal(true);
    expect(addresses.takeDue(9, 1e12)).to.deep.equal([{ host: '127.0.0.1', port: 2 }]);
  });

  it('never hands out what is banned, dialling or not due, whatever happens', () => {
    const reasons: CloseReason[] = ['dial-failed', 'remote-closed', 'self-connection', 'banned'];
    const host = fc.integer({ min: 0, max: 3 }).map((n) => `10.0.0.${n}`);
    const port = fc.integer({ min: 1, max: 3 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), host, port }),
      fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ do: fc.constant('connected' as const), host, port }),
      fc.record({
        do: fc.constant('ended' as const),
        host,
        port,
        reason: fc.constantFrom(...reasons),
        useful: fc.boolean(),
      }),
      fc.record({ do: fc.constant('ban' as const), host, port }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const addresses = book(() => 0.5);
        const bannedHosts = new Set<string>();
        const out = new Set<string>();
        const notBefore = new Map<string, number>();
        let nowMs = 0;
        for (const one of steps) {
          if (one.do === 'wait') nowMs += one.ms;
          else if (one.do === 'add') addresses.add(one.host, one.port, nowMs);
          else if (one.do === 'connected') {
            // Only what was dialled can become connected.
            if (out.has(`${one.host}|${one.port}`)) addresses.connected(one.host, one.port);
          } else if (one.do === 'ban') {
            addresses.ban(one.host, one.port, `id ${one.host}`);
            bannedHosts.add(one.host);
          } else if (one.do === 'ended') {
            const key = `${one.host}|${one.port}`;
            if (!out.delete(key)) continue;
            addresses.ended(one.host, one.port, one, nowMs);
            const final = one.reason === 'self-connection' || one.reason === 'banned';
            notBefore.set(key, final ? Infinity : nowMs + 2_000);
          } else {
            const taken = addresses.takeDue(one.count, nowMs);
            expect(taken.length).to.be.at.most(one.count);
            for (const { host: takenHost, port: takenPort } of taken) {
              const key = `${takenHost}|${takenPort}`;
              expect(bannedHosts.has(takenHost), 'banned').to.equal(false);
              expect(out.has(key), 'out already').to.equal(false);
              expect(nowMs).to.be.at.least(notBefore.get(key) ?? 0);
              out.add(key);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
