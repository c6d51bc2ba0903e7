// What limited a transfer, in words and in JSON.

import { expect } from 'chai';
import { EMPTY_ACCOUNT } from '../../../lib/messages/account';
import type { TransferAccount } from '../../../lib/messages/account';
import { accountJson, limitLine } from '../../../lib/cli/output/account';
import { jsonReporter } from '../../../lib/cli/output/report-json';
import { textReporter } from '../../../lib/cli/output/report-text';
import { FakeIo, fakeStats } from '../fakes';

function limited(limit: TransferAccount['limit']): TransferAccount {
  return { ...EMPTY_ACCOUNT, limit };
}

const BY_DISK = limited({ what: 'memory', behind: 'write', share: 0.718 });
const SUMMARY = { name: 'a', totalBytes: 1, downloadedBytes: 1, wastedBytes: 0, elapsedSec: 2 };

describe('cli account', () => {
  it('reports what limited, how long, and how it showed', () => {
    expect(limitLine(BY_DISK)).to.equal(
      'limited mostly by the disk: 71 % of the time memory waited for writes',
    );
    expect(limitLine(limited({ what: 'network', behind: undefined, share: 1 }))).to.equal(
      'limited mostly by the network: 100 % of the time the peers or the way to them set the pace',
    );
  });

  it('has words for every label', () => {
    for (const what of Object.keys(EMPTY_ACCOUNT.seconds) as (keyof TransferAccount['seconds'])[])
      expect(limitLine(limited({ what, behind: undefined, share: 0.6 })), what).to.match(
        /^limited mostly by [a-z ]+: 60 % of the time [a-z ]+$/,
      );
    expect(limitLine(limited({ what: 'memory', behind: 'hash', share: 0.6 }))).to.include('hash');
    expect(limitLine(limited({ what: 'memory', behind: 'fill', share: 0.6 }))).to.include(
      '--memory',
    );
  });

  it('claims no majority that there is not, and nothing of a short transfer', () => {
    const part = limited({ what: 'peers', behind: undefined, share: 0.4 });
    expect(limitLine(part)).to.match(/^limited most often by the peers: 40 % of the time/);
    expect(limitLine(EMPTY_ACCOUNT)).to.equal(undefined);
  });

  it('closes the summary, unless quiet', () => {
    for (const quiet of [false, true]) {
      const io = new FakeIo();
      const reporter = textReporter(io, {
        quiet,
        bar: false,
        staysOn: false,
        peers: [],
        showSecrets: false,
        reasons: {} as never,
      });
      reporter.complete({ ...SUMMARY, account: BY_DISK });
      const lines = io.out.split('\n');
      expect(lines.length).to.equal(quiet ? 1 : 3);
      if (!quiet) expect(lines[1]).to.equal(limitLine(BY_DISK));
    }
  });

  it('is in progress and complete objects, seconds to the millisecond', () => {
    const io = new FakeIo();
    const reporter = jsonReporter(io, false, (url) => url);
    const seconds = { ...EMPTY_ACCOUNT.seconds, memory: 1.23456 };
    const account = { ...BY_DISK, seconds };
    reporter.progress(fakeStats({ account }));
    reporter.complete({ ...SUMMARY, account });
    for (const line of io.json())
      expect(line.account).to.deep.equal({ ...account, seconds: { ...seconds, memory: 1.235 } });
    expect(accountJson(EMPTY_ACCOUNT)).to.include({ limit: null });
    expect(
      accountJson(limited({ what: 'cpu', behind: undefined, share: 1 })),
    ).to.have.deep.property('limit', { what: 'cpu', behind: null, share: 1 });
  });
});
