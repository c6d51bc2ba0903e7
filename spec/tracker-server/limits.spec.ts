import { expect } from 'chai';
import { RateGate } from '../../lib/tracker-server/rate-gate';
import { escapeHtml } from '../../lib/tracker-server/stats-page';
import { UdpCookies } from '../../lib/tracker-server/udp-cookie';

describe('tracker: allowance of one address', () => {
  const seeds = [0x1234_5678, 0x9abc_def0] as const;
  const address = (last: number): Uint8Array => Uint8Array.of(10, 0, last >> 8, last);

  function served(gate: RateGate, from: Uint8Array, requests: number, nowMs: number): number {
    let count = 0;
    for (let turn = 0; turn < requests; turn += 1) if (gate.allow(from, nowMs)) count += 1;
    return count;
  }

  it('allows a burst after a rest, then a fixed rate per second', () => {
    const gate = new RateGate({ perSec: 10, burst: 20, seeds });
    expect(served(gate, address(1), 100, 0)).to.equal(20);
    expect(served(gate, address(1), 100, 99)).to.equal(0);
    expect(served(gate, address(1), 100, 1000)).to.equal(10);
    expect(served(gate, address(1), 100, 60_000)).to.equal(20);
  });

  it('a flood of many addresses leaves others their allowance', () => {
    const gate = new RateGate({ perSec: 10, burst: 20, seeds });
    for (let flooder = 1000; flooder < 6000; flooder += 1) served(gate, address(flooder), 30, 0);
    let whole = 0;
    for (let other = 0; other < 1000; other += 1) {
      if (served(gate, address(other), 5, 0) === 5) whole += 1;
    }
    // 7 % of cells in each row are spent: 5 of 1,000 meet a spent one in both, give or take.
    expect(whole).to.be.at.least(980);
  });

  it('a /64 of IPv6 is one customer', () => {
    const gate = new RateGate({ perSec: 1, burst: 2, seeds });
    const six = (host: number): Uint8Array =>
      Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 0x20 : at === 15 ? host : 0));
    expect([gate.allow(six(1), 0), gate.allow(six(2), 0), gate.allow(six(3), 0)]).to.deep.equal([
      true,
      true,
      false,
    ]);
  });

  it('no limit is no limit', () => {
    const gate = new RateGate({ perSec: Infinity, burst: 1, seeds });
    expect(served(gate, address(1), 1000, 0)).to.equal(1000);
  });
});

describe('tracker: connection ids without state', () => {
  const cookies = new UdpCookies(new Uint8Array(16).fill(7));
  const here = Uint8Array.of(10, 0, 0, 1);
  const six = new Uint8Array(16).fill(1);

  it('are good for two minutes at least and three at most, at one address', () => {
    for (const address of [here, six]) {
      const id = cookies.issue(address, 59_999);
      expect(cookies.check(id, address, 59_999)).to.equal(true);
      expect(cookies.check(id, address, 59_999 + 120_000)).to.equal(true);
      expect(cookies.check(id, address, 59_999 + 180_001)).to.equal(false);
      expect(cookies.check(id, Uint8Array.of(10, 0, 0, 2), 59_999)).to.equal(false);
      // The number of its window wraps round; the hash does not.
      expect(cookies.check(id, address, 59_999 + 256 * 60_000)).to.equal(false);
    }
  });

  it('cannot be made up, altered, or kept over a restart', () => {
    const id = cookies.issue(here, 0);
    expect(cookies.check(new Uint8Array(8), here, 0)).to.equal(false);
    for (let bit = 0; bit < 64; bit += 1) {
      const altered = Uint8Array.from(id);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(cookies.check(altered, here, 0), String(bit)).to.equal(false);
    }
    expect(new UdpCookies(new Uint8Array(16).fill(8)).check(id, here, 0)).to.equal(false);
  });
});

describe('tracker: stats page', () => {
  it('escapes', () => {
    expect(escapeHtml(`<a href="x">&'`)).to.equal('&lt;a href=&quot;x&quot;&gt;&amp;&#39;');
  });
});
