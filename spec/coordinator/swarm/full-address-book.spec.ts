// An address book that is full: which addresses make room for new ones.

import { expect } from 'chai';
import fc from 'fast-check';
import { AddressBook } from '../../../lib/coordinator/swarm/address-book';
import type { CloseReason } from '../../../lib/messages/close-reasons';

const book = (): AddressBook => new AddressBook({ random: () => 0 });

const full = (): AddressBook => {
  const addresses = book();
  for (let port = 1; port <= 5_000; port++) addresses.add('10.0.0.1', port, 0);
  return addresses;
};

describe('coordinator: an address book that is full', () => {
  it('remembers 5,000 addresses at most', () => {
    const addresses = book();
    for (let port = 1; port <= 6_000; port++) addresses.add('10.0.0.1', port, 0);
    expect(addresses.known).to.equal(5_000);
    expect(addresses.takeDue(1e6, 0)).to.have.length(5_000);
  });

  const fail = (addresses: AddressBook, ports: number, reason: CloseReason): void => {
    for (const { host, port } of addresses.takeDue(ports, 1e9))
      addresses.ended(host, port, { reason, useful: false }, 1e9);
  };

  it('lets a useless address go before one that failed', () => {
    const addresses = full();
    fail(addresses, 4_999, 'dial-failed');
    fail(addresses, 1, 'self-connection');
    expect(addresses.known).to.equal(4_999);
    expect(addresses.add('10.0.0.2', 1, 1e9)).to.equal(true);
    expect(addresses.known).to.equal(5_000);
    expect(addresses.add('10.0.0.1', 1, 1e9), 'who failed is still known').to.equal(false);
    expect(addresses.add('10.0.0.1', 5_000, 1e9), 'the useless one is not').to.equal(true);
  });

  it('lets the idle address go that failed most often', () => {
    const addresses = full();
    fail(addresses, 1, 'dial-failed');
    expect(addresses.add('10.0.0.2', 1, 1e9)).to.equal(true);
    expect(addresses.known).to.equal(5_000);
    const left = addresses.takeDue(5_000, 2e9).map(({ host, port }) => `${host}:${port}`);
    expect(left).to.include('10.0.0.2:1').and.not.include('10.0.0.1:1');
  });

  it('drops the useless first, then by failures, then by how late an address is due', () => {
    const kind = fc.record({
      useless: fc.boolean(),
      failures: fc.integer({ min: 1, max: 3 }),
      atMs: fc.nat(9),
    });
    const poor = fc.uniqueArray(kind, {
      maxLength: 12,
      selector: ({ useless, failures, atMs }) => (useless ? '' : `${failures} ${atMs}`),
    });
    fc.assert(
      fc.property(poor, fc.nat(12), (kinds, count) => {
        const addresses = book();
        for (const [n, { useless, failures, atMs }] of kinds.entries()) {
          addresses.add('10.0.0.2', n + 1, 0);
          for (let time = 0; time < failures; time++)
            addresses.ended('10.0.0.2', n + 1, { reason: 'dial-failed', useful: false }, atMs);
          if (useless)
            addresses.ended('10.0.0.2', n + 1, { reason: 'banned', useful: false }, atMs);
        }
        for (let n = kinds.length + 1; n <= 5_000; n++) addresses.add('10.0.0.1', n, 0);
        const expected = [...kinds.entries()].sort(
          ([, a], [, b]) =>
            Number(b.useless) - Number(a.useless) || b.failures - a.failures || b.atMs - a.atMs,
        );
        for (let n = 1; n <= Math.min(count, kinds.length); n++) addresses.add('10.0.0.3', n, 10);
        // An address that is known is not added; one that was dropped is, and another goes for it.
        const isGone = ([n]: readonly [number, unknown]) => addresses.add('10.0.0.2', n + 1, 10);
        expect(expected.slice(count).map(isGone)).to.not.include(true);
        expect(expected.slice(0, count).map(isGone)).to.not.include(false);
      }),
      { numRuns: 30 },
    );
  });

  it('finds the idle ones among many that are in use', () => {
    const addresses = full();
    addresses.takeDue(4_990, 0);
    for (let n = 1; n <= 10; n++) expect(addresses.add('10.0.0.2', n, 0), String(n)).to.equal(true);
  });

  it('drops none that came into use since it was chosen', () => {
    const addresses = full();
    expect(addresses.add('10.0.0.2', 1, 0)).to.equal(true);
    const inUse = addresses.takeDue(5_000, 0);
    expect(addresses.add('10.0.0.2', 2, 0)).to.equal(false);
    for (const { host, port } of inUse) expect(addresses.adopt(host, port, 0)).to.equal(false);
    expect(addresses.known).to.equal(5_000);
  });

  it('chooses anew after a second, for others have failed meanwhile', () => {
    for (const [laterMs, dropped] of [
      [1_000, false],
      [1_001, true],
    ] as const) {
      const addresses = full();
      addresses.add('10.0.0.2', 1, 0);
      addresses.ended('10.0.0.1', 4_999, { reason: 'dial-failed', useful: false }, 0);
      addresses.add('10.0.0.2', 2, laterMs);
      const isNew = addresses.add('10.0.0.1', 4_999, laterMs);
      expect(isNew, `${laterMs} ms`).to.equal(dropped);
    }
  });

  it('has no room by an address that a ban removed since it was chosen', () => {
    const addresses = full();
    for (const { host, port } of addresses.takeDue(1_000, 0))
      addresses.ended(host, port, { reason: 'dial-failed', useful: false }, 0);
    addresses.add('10.0.0.2', 1, 0);
    addresses.ban('10.0.0.1', 1, 'liar');
    for (let n = 0; n < 6_000; n++) addresses.add('10.0.0.3', n + 1, 0);
    expect(addresses.known).to.equal(5_000);
  });

  it('keeps what is dialled or connected', () => {
    const addresses = full();
    expect(addresses.takeDue(5_000, 0)).to.have.length(5_000);
    expect(addresses.add('10.0.0.2', 1, 0)).to.equal(false);
    addresses.connected('10.0.0.1', 7);
    addresses.putBack('10.0.0.1', 9);
    expect(addresses.add('10.0.0.2', 1, 0)).to.equal(true);
    expect(addresses.add('10.0.0.1', 7, 0), 'connected').to.equal(false);
    expect(addresses.takeDue(9, 0)).to.deep.equal([{ host: '10.0.0.2', port: 1 }]);
  });

  it('has the room back that a banned host took', () => {
    const addresses = full();
    addresses.ban('10.0.0.1', 1, 'liar');
    expect(addresses.known).to.equal(0);
    expect(addresses.add('10.0.0.2', 1, 0)).to.equal(true);
  });
});
