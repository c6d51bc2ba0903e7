// Exchanged addresses (BEP 11) in the address book: a hostile sender displaces no other address, and
// causes few dials, at a low rate.

import { expect } from 'chai';
import fc from 'fast-check';
import { AddressBook } from '../../../lib/coordinator/swarm/address-book';

const book = (): AddressBook => new AddressBook({ random: () => 0 });
const MINUTE_MS = 60_000;
const FAILED = { reason: 'dial-failed', useful: false } as const;

const peer = (host: string, port = 6881, isSeed = false) => ({ host, port, isSeed });
/** `count` different public addresses from the `start`th on. */
const range = (start: number, count: number) =>
  Array.from({ length: count }, (_, n) => peer(`203.0.${(start + n) >> 8}.${(start + n) & 255}`));
const from = (sender: string, weSeed = false) => ({ sender, weSeed });
const hosts = (taken: readonly { readonly host: string }[]) => taken.map(({ host }) => host);

describe('coordinator/exchanged-addresses', () => {
  it('are dialled like others, and get the source that names them later', () => {
    const addresses = book();
    expect(addresses.learn([peer('203.0.113.1'), peer('203.0.113.2')], from('t'), 0)).to.equal(2);
    expect(addresses.learn([peer('203.0.113.1')], from('t'), 0)).to.equal(0);
    expect(addresses.counts).to.deep.include({ exchange: 2, trackers: 0 });
    expect(addresses.add('203.0.113.1', 6881, 0, 'http://t/')).to.equal(false);
    expect(addresses.counts).to.deep.include({ exchange: 1, trackers: 1 });
    expect(hosts(addresses.takeDue(9, 0))).to.have.members(['203.0.113.1', '203.0.113.2']);
  });

  it('of one sender are 100 at once and 50 more a minute, over all its connections', () => {
    const addresses = book();
    let taken = 0;
    for (let n = 0; n < 50; n++) taken += addresses.learn(range(100 * n, 100), from('liar'), 0);
    expect(taken).to.equal(100);
    expect(addresses.known).to.equal(100);
    for (const { host, port } of addresses.takeDue(100, 0)) addresses.ended(host, port, FAILED, 0);
    expect(addresses.learn(range(6_000, 100), from('liar'), MINUTE_MS)).to.equal(50);
    expect(addresses.known, 'in place of those that failed').to.equal(100);
    // Another sender still has its own share.
    expect(addresses.learn([peer('198.51.100.1')], from('honest'), MINUTE_MS)).to.equal(1);
  });

  it('of all senders are 1,000 at most, which leaves room for trackers and the user', () => {
    const addresses = book();
    for (let n = 0; n < 60; n++) addresses.learn(range(100 * n, 100), from(`liar ${n}`), 0);
    expect(addresses.known).to.equal(1_000);
    for (let n = 0; n < 4_000; n++) addresses.add(`198.18.${n >> 8}.${n & 255}`, 1, 0, 'tracker');
    expect(addresses.known).to.equal(5_000);
    expect(addresses.learn(range(60_000, 1), from('late'), 0)).to.equal(0);
    // One that failed is replaced by an address of another sender.
    const [first] = addresses.takeDue(5_000, 0).filter(({ host }) => host.startsWith('203'));
    addresses.ended(first?.host ?? '', 6881, FAILED, 0);
    expect(addresses.learn(range(60_000, 2), from('late'), 0)).to.equal(1);
    expect(addresses.known).to.equal(5_000);
  });

  it('never displace an address of another source', () => {
    const addresses = book();
    for (let n = 0; n < 5_000; n++) {
      const host = `198.18.${n >> 8}.${n & 255}`;
      addresses.add(host, 1, 0, 'tracker');
      addresses.ended(host, 1, FAILED, 0);
    }
    expect(addresses.learn(range(0, 100), from('liar'), 0)).to.equal(0);
    expect(addresses.known).to.equal(5_000);
  });

  it('are dialled in turn with other sources as one source, and within it in turn by sender', () => {
    const addresses = book();
    addresses.learn(range(0, 60), from('liar'), 0);
    addresses.learn([peer('198.51.100.1'), peer('198.51.100.2')], from('honest'), 0);
    for (let n = 1; n <= 4; n++) addresses.add(`192.0.2.${n}`, 1, 0, 'http://t/');
    expect(hosts(addresses.takeDue(8, 0))).to.deep.equal([
      '203.0.0.0',
      '192.0.2.1',
      '198.51.100.1',
      '192.0.2.2',
      '203.0.0.1',
      '192.0.2.3',
      '198.51.100.2',
      '192.0.2.4',
    ]);
  });

  it('are dialled three times at most, but kept like others once connected', () => {
    const addresses = book();
    addresses.learn([peer('203.0.113.1'), peer('203.0.113.2')], from('t'), 0);
    let dials = 0;
    for (let ms = 0; ms < 100 * MINUTE_MS; ms += MINUTE_MS) {
      for (const { host, port } of addresses.takeDue(9, ms)) {
        if (host === '203.0.113.2' && ms === 0) addresses.connected(host, port);
        else dials += host === '203.0.113.1' ? 1 : 0;
        addresses.ended(host, port, FAILED, ms);
      }
    }
    expect(dials).to.equal(3);
    expect(addresses.known).to.equal(1);
  });

  it('with another port of a known host are ignored, except on loopback', () => {
    const addresses = book();
    addresses.add('203.0.113.1', 6881, 0, 'http://t/');
    const ports = [peer('203.0.113.1', 80), peer('203.0.113.2', 80), peer('203.0.113.2', 443)];
    expect(addresses.learn(ports, from('t'), 0)).to.equal(1);
    expect(addresses.learn([peer('127.0.0.1', 80), peer('127.0.0.1', 443)], from('t'), 0)).to.equal(
      2,
    );
    addresses.retract('203.0.113.2', 80, 't');
    expect(addresses.learn([peer('203.0.113.2', 443)], from('t'), 0), 'it is free again').to.equal(
      1,
    );
  });

  it('count neither as fresh nor as due, so they delay no announce', () => {
    const addresses = book();
    addresses.learn(range(0, 100), from('liar'), 0);
    expect(addresses.fresh).to.equal(0);
    expect(addresses.isExhausted(0)).to.equal(true);
    addresses.add('192.0.2.1', 1, 0, 'http://t/');
    expect(addresses.fresh).to.equal(1);
    expect(addresses.isExhausted(0)).to.equal(false);
    for (const { host, port } of addresses.takeDue(200, 0)) addresses.ended(host, port, FAILED, 0);
    expect(addresses.isExhausted(1_000)).to.equal(true);
    expect(addresses.isExhausted(2_000), 'it is due again').to.equal(false);
  });

  it('are ignored if they are banned or have port 0', () => {
    const addresses = book();
    addresses.ban('203.0.113.1', 6881, 'id');
    expect(addresses.learn([peer('203.0.113.1', 7000), peer('203.0.113.2', 0)], from('t'), 0))
      .to //
      .equal(0);
  });

  it('are removed when their sender drops them and they were never dialled', () => {
    const addresses = book();
    addresses.learn([peer('203.0.113.1'), peer('203.0.113.2')], from('t'), 0);
    addresses.retract('203.0.113.1', 6881, 'other');
    expect(addresses.known).to.equal(2);
    for (const host of ['203.0.113.1', '203.0.113.9']) addresses.retract(host, 6881, 't');
    expect(addresses.known).to.equal(1);
    addresses.takeDue(1, 0);
    addresses.retract('203.0.113.2', 6881, 't');
    expect(addresses.known).to.equal(1);
  });

  it('of seeds are ignored by a seed, and postponed for hours once we become one', () => {
    const addresses = book();
    expect(addresses.learn([peer('203.0.113.1', 6881, true)], from('t', true), 0)).to.equal(0);
    addresses.learn([peer('203.0.113.1', 6881, true), peer('203.0.113.2')], from('t'), 0);
    addresses.postponeSeeds(0);
    expect(hosts(addresses.takeDue(9, MINUTE_MS))).to.deep.equal(['203.0.113.2']);
    expect(hosts(addresses.takeDue(9, 6 * 60 * MINUTE_MS))).to.deep.equal(['203.0.113.1']);
  });

  it('are removed when the torrent turns out to be private; one in use when it ends', () => {
    const addresses = book();
    addresses.learn(range(0, 3), from('t'), 0);
    addresses.add('192.0.2.1', 1, 0, 'http://t/');
    const [dialing] = addresses.takeDue(1, 0).filter(({ host }) => host !== '192.0.2.1');
    addresses.forgetBut('http://t/');
    expect(addresses.known).to.equal(2);
    const { host = '', port = 0 } = dialing ?? {};
    addresses.ended(host, port, { reason: 'private-torrent', useful: true }, 0);
    expect(addresses.known).to.equal(1);
  });

  it('stay within their bounds (property)', () => {
    const step = fc.record({
      kind: fc.constantFrom(
        'learn',
        'add',
        'dial',
        'ended',
        'connected',
        'retract',
        'forget',
        'ban',
      ),
      sender: fc.constantFrom('a', 'b', 'c'),
      at: fc.nat({ max: 400 }),
      ms: fc.nat({ max: 90_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const addresses = book();
        let nowMs = 0;
        const left = { a: 100, b: 100, c: 100 };
        for (const { kind, sender, at, ms } of steps) {
          nowMs += ms;
          const [one = peer('203.0.0.0')] = range(at, 1);
          if (kind === 'learn') {
            const count = addresses.learn(range(at, 100), from(sender), nowMs);
            left[sender as 'a'] -= count;
          } else if (kind === 'add') addresses.add(one.host, one.port, nowMs, 'http://t/');
          else if (kind === 'dial') addresses.takeDue(at, nowMs);
          else if (kind === 'ended') addresses.ended(one.host, one.port, FAILED, nowMs);
          else if (kind === 'connected') addresses.connected(one.host, one.port);
          else if (kind === 'retract') addresses.retract(one.host, one.port, sender);
          else if (kind === 'forget') addresses.forgetBut('http://t/');
          else addresses.ban(one.host, one.port, 'id');
        }
        for (const balance of Object.values(left))
          expect(balance + (nowMs * 50) / 60_000).to.be.at.least(0);
        const gone = { reason: 'private-torrent', useful: false } as const;
        for (const { host, port } of range(0, 500)) addresses.ended(host, port, gone, nowMs);
        addresses.forgetBut('http://t/');
        // All places are free again: each sender may add 100.
        const later = nowMs + 10 * MINUTE_MS;
        for (const [n, sender] of ['a', 'b', 'c'].entries())
          expect(addresses.learn(range(1_000 * (n + 1), 100), from(sender), later)).to.equal(100);
      }),
      { numRuns: 100 },
    );
  });
});
