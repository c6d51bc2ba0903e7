// When a transfer has gone on long enough.

import { expect } from 'chai';
import { hasSeededEnough, StallWatch } from '../../../lib/cli/transfer/rules';
import type { TorrentStats } from '../../../lib/index';
import { fakeStats } from '../fakes';

describe('cli rules', () => {
  it('calls a download stalled after the time without a byte, and not before', () => {
    const watch = new StallWatch(1000, 0);
    expect(watch.isStalled(999, fakeStats())).to.equal(false);
    expect(watch.isStalled(1000, fakeStats())).to.equal(true);
  });

  it('starts anew with every byte', () => {
    const watch = new StallWatch(1000, 0);
    expect(watch.isStalled(900, fakeStats({ downloadedBytes: 1 }))).to.equal(false);
    expect(watch.isStalled(1899, fakeStats({ downloadedBytes: 1 }))).to.equal(false);
    expect(watch.isStalled(1900, fakeStats({ downloadedBytes: 1 }))).to.equal(true);
  });

  it('does not count the hashing of what exists', () => {
    const watch = new StallWatch(1000, 0);
    expect(watch.isStalled(50_000, fakeStats({ phase: 'checking' }))).to.equal(false);
    expect(watch.isStalled(50_999, fakeStats())).to.equal(false);
    expect(watch.isStalled(51_000, fakeStats())).to.equal(true);
  });

  it('waits for metadata as for data', () => {
    const watch = new StallWatch(1000, 0);
    const fetching = (receivedBytes: number): TorrentStats =>
      fakeStats({ phase: 'metadata', metadata: { receivedBytes, totalBytes: 9_000, peers: 1 } });
    expect(watch.isStalled(900, fetching(5_000))).to.equal(false);
    expect(watch.isStalled(1899, fetching(5_000))).to.equal(false);
    expect(watch.isStalled(1900, fetching(5_000))).to.equal(true);
    expect(watch.isStalled(1900, fakeStats()), 'it is known').to.equal(false);
    expect(watch.isStalled(2899, fakeStats())).to.equal(false);
    expect(watch.isStalled(2900, fakeStats())).to.equal(true);
  });

  it('ends seeding by ratio or by time, and never without a limit', () => {
    const totals = { uploadedBytes: 1500, totalBytes: 1000, elapsedMs: 60_000 };
    expect(hasSeededEnough({ ratio: 1.5 }, totals)).to.equal(true);
    expect(hasSeededEnough({ ratio: 1.6 }, totals)).to.equal(false);
    expect(hasSeededEnough({ seconds: 60 }, totals)).to.equal(true);
    expect(hasSeededEnough({ seconds: 90 }, totals)).to.equal(false);
    expect(hasSeededEnough({}, totals)).to.equal(false);
    expect(hasSeededEnough({ ratio: 0 }, { ...totals, uploadedBytes: 0 })).to.equal(true);
  });
});
