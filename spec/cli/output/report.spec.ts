// The output of a transfer, in words and in JSON.

import { expect } from 'chai';
import { EMPTY_ACCOUNT } from '../../../lib/messages/account';
import { CLOSE_REASONS } from '../../../lib/messages/close-reasons';
import type { MetadataProgress, Torrent, TorrentEvents, TorrentPhase } from '../../../lib/index';
import { progressLine, shareOf, summaryLine, trackerLine } from '../../../lib/cli/output/lines';
import { report } from '../../../lib/cli/transfer/report';
import { jsonReporter } from '../../../lib/cli/output/report-json';
import { textReporter } from '../../../lib/cli/output/report-text';
import { redactUrl } from '../../../lib/index';
import { fakeMetainfo, FakeIo, fakeStats, FakeTorrent } from '../fakes';

const PLACE = { folder: '/data', port: 6881 };
const SUMMARY = {
  name: 'thing',
  totalBytes: 10_485_760,
  downloadedBytes: 10_485_760,
  wastedBytes: 16_384,
  elapsedSec: 2,
  account: EMPTY_ACCOUNT,
};

function tracker(change: object = {}): TorrentEvents['tracker'][0] {
  return {
    url: 'http://t.example/a?passkey=1234',
    ok: true,
    message: undefined,
    peers: 0,
    seeds: 0,
    leechers: 1,
    nextAnnounceSec: 1800,
    ...change,
  };
}

function closed(change: object = {}): TorrentEvents['peerClosed'][0] {
  const who = { host: '192.0.2.1', port: 6881, downloadedBytes: 0, uploadedBytes: 0 };
  return { ...who, reason: 'dial-failed', detail: 'ECONNREFUSED', ...change };
}

function text(io: FakeIo, quiet = false, peers: string[] = []) {
  return textReporter(io, {
    quiet,
    bar: io.terminal,
    staysOn: true,
    peers,
    showSecrets: false,
    reasons: CLOSE_REASONS,
  });
}

describe('cli lines', () => {
  it('shows done, rate, peers and ETA', () => {
    const peers = { connected: 12, seeds: 3, dialing: 0, known: 20, unchoking: 4 };
    const stats = fakeStats({ doneBytes: 453, downloadBytesPerSec: 1_048_576, etaSec: 9.2, peers });
    expect(progressLine(stats, false)).to.equal('45.3 % of 1000 B, 1.00 MiB/s, 12 peers, ETA 10 s');
    expect(progressLine(fakeStats(), false)).to.match(/ETA unknown$/);
  });

  it('shows hashing and seeding', () => {
    const checking = fakeStats({ phase: 'checking', piecesChecked: 1, piecesToCheck: 4 });
    expect(progressLine(checking, false)).to.equal('checking existing data: 25.0 % of 4 pieces');
    const seeding = fakeStats({ phase: 'seeding', uploadedBytes: 2048 });
    expect(progressLine(seeding, true)).to.equal('seeding: 0 B/s up, 2.00 KiB uploaded, 0 peers');
    expect(progressLine(seeding, false)).to.equal('100.0 % of 1000 B');
  });

  it('shows the metadata of a magnet link', () => {
    const peers = { connected: 5, seeds: 0, dialing: 0, known: 9, unchoking: 0 };
    const unknown = {
      phase: 'metadata',
      totalBytes: undefined,
      pieceCount: undefined,
      peers,
    } as const;
    const shown = (metadata: MetadataProgress, phase: TorrentPhase = 'metadata'): string =>
      progressLine(fakeStats({ ...unknown, metadata, phase }), false);
    const none = { receivedBytes: 0, totalBytes: undefined, peers: 0 };
    const some = { receivedBytes: 16_384, totalBytes: 65_536, peers: 1 };
    expect(shown(none)).to.equal('looking for metadata: 5 peers');
    expect(shown(some)).to.equal('fetching metadata: 25.0 % of 64.0 KiB, 1 of 5 peers has it');
    expect(shown({ ...some, peers: 2 })).to.match(/, 2 of 5 peers have it$/);
    expect(shown(some, 'paused')).to.equal('paused: what the torrent holds is not known yet');
    const share = (metadata: MetadataProgress): number =>
      shareOf(fakeStats({ ...unknown, metadata }));
    expect([share(none), share(some)]).to.deep.equal([0, 0.25]);
  });

  it('reports a torrent without peers', () => {
    expect(trackerLine(tracker())).to.equal(
      'tracker answered, 0 peers, 0 seeds; next announce in 30 min (t.example)',
    );
  });

  it('repeats failure reasons and warnings word for word', () => {
    const words = 'Torrent nicht registriert – «übel»';
    expect(trackerLine(tracker({ ok: false, message: words }))).to.include(
      `tracker failed: ${words}; next announce in 30 min`,
    );
    expect(trackerLine(tracker({ message: words }))).to.include(`warning: ${words}`);
  });

  it('names a tracker by its host, and by its whole URL only on request', () => {
    const key = 'sEcReT0123456789';
    for (const url of [
      `http://user:${key}@t.example:80/${key}/announce?passkey=${key}`,
      `http://${key}@t.example:99999/${key}`, // No URL: there is no such port.
      `udp://t.example/${key}`,
    ]) {
      expect(trackerLine(tracker({ url }))).to.match(/\(t\.example(:99999)?\)$/);
      expect(trackerLine(tracker({ url }), true)).to.include(url);
    }
  });

  it('sums up bytes, seconds and MiB/s', () => {
    expect(summaryLine(SUMMARY)).to.match(/10485760 bytes \(10\.0 MiB\) in 2\.0 s, 5\.0 MiB\/s$/);
    expect(summaryLine({ ...SUMMARY, downloadedBytes: 0 })).to.include('nothing to download');
  });
});

describe('cli text reporter', () => {
  it('writes progress to stderr and the summary to stdout', () => {
    const io = new FakeIo();
    const reporter = text(io);
    reporter.begin(fakeMetainfo(), PLACE);
    reporter.progress(fakeStats());
    reporter.progress(fakeStats());
    reporter.complete(SUMMARY);
    reporter.end();
    reporter.progress(fakeStats({ doneBytes: 5 }));
    expect(io.err.split('\n')).to.deep.equal([
      'thing: 1000 B in 1 file, 10 pieces of 100 B; folder /data; listening on port 6881',
      '0.0 % of 1000 B, 0 B/s, 0 peers, ETA unknown',
      '',
    ]);
    expect(io.out).to.equal(`${summaryLine(SUMMARY)}\n`);
  });

  it('draws a bar on a terminal, and clears it before it prints a line', () => {
    const io = new FakeIo(true);
    const reporter = text(io);
    const line = (percent: number): string =>
      `${percent}.0 % of 1000 B, 0 B/s, 0 peers, ETA unknown`;
    reporter.progress(fakeStats({ doneBytes: 500 }));
    expect(io.shown()).to.deep.equal([`[############------------] ${line(50)}`]);
    reporter.tracker(tracker(), fakeStats());
    expect(io.shown()).to.deep.equal([trackerLine(tracker()), '']);
    reporter.progress(fakeStats({ doneBytes: 600 }));
    reporter.end();
    expect(io.shown()).to.deep.equal([trackerLine(tracker()), line(60), '']);
  });

  it('keeps the last progress above the account of peers', () => {
    const io = new FakeIo(true);
    const reporter = text(io);
    reporter.progress(fakeStats({ doneBytes: 500 }));
    const encrypted = { peers: [], reached: 0 };
    reporter.peerEnds({
      closed: { 'remote-closed': 1 },
      rejected: {},
      addressesRefused: 3,
      encrypted,
    });
    reporter.end();
    expect(io.shown()).to.deep.equal(['50.0 % of 1000 B, 0 B/s, 0 peers, ETA unknown', '']);
    expect(io.out).to.equal('peers closed: 1 (remote-closed 1)\n');
  });

  it('when quiet, shows failures, warnings and dead ends, and nothing else', () => {
    const io = new FakeIo();
    const reporter = text(io, true);
    reporter.begin(fakeMetainfo(), PLACE);
    reporter.progress(fakeStats());
    reporter.tracker(tracker({ url: 'http://fine', peers: 3, seeds: 2 }), fakeStats());
    reporter.tracker(tracker({ url: 'http://dead' }), fakeStats());
    reporter.tracker(tracker({ url: 'http://seeding' }), fakeStats({ phase: 'seeding' }));
    reporter.tracker(tracker({ url: 'http://bad', ok: false, message: 'no' }), fakeStats());
    reporter.tracker(tracker({ url: 'http://warns', peers: 1, message: 'hm' }), fakeStats());
    reporter.complete(SUMMARY);
    expect(io.err.match(/\((\w+)\)/g)).to.deep.equal(['(dead)', '(bad)', '(warns)']);
    expect(io.out).to.equal('');
  });

  it('prints the same tracker state once until it changes', () => {
    const io = new FakeIo();
    const reporter = text(io);
    for (const peers of [0, 0, 1, 1]) reporter.tracker(tracker({ peers }), fakeStats());
    expect(io.err.split('\n')).to.have.length(3);
  });

  it('explains the failure of peers that were given by hand, by address or by name', () => {
    const io = new FakeIo();
    const reporter = text(io, false, ['192.0.2.1:6881', '[::1]:5', 'host.example:7']);
    reporter.peerClosed(closed());
    reporter.peerClosed(closed());
    reporter.peerClosed(closed({ host: '192.0.2.2' }));
    reporter.peerClosed(closed({ host: '::1', port: 5, reason: 'wrong-info-hash', detail: '' }));
    reporter.peerClosed(closed({ host: '192.0.2.9', port: 7 }));
    reporter.peerClosed(closed({ reason: 'not-useful' }));
    expect(io.err.split('\n')).to.deep.equal([
      'peer 192.0.2.1:6881: the peer could not be reached (ECONNREFUSED)',
      'peer [::1]:5: the peer handshook with an info hash that is not served here',
      'peer 192.0.2.9:7: the peer could not be reached (ECONNREFUSED)',
      '',
    ]);
  });
});

describe('cli text reporter: a lack of ours', () => {
  it('is printed once, also when quiet, and for no peer', () => {
    const io = new FakeIo();
    const reporter = text(io, true);
    const detail = 'this process has as many files open as it may; raise that limit';
    for (const host of ['192.0.2.1', '192.0.2.2'])
      reporter.peerClosed(closed({ host, reason: 'local-limit', detail }));
    expect(io.err).to.equal(`no peer can be dialled: ${detail}\n`);
  });
});

describe('cli json reporter', () => {
  it('prints one object a line for each event', () => {
    const io = new FakeIo();
    const torrent = new FakeTorrent();
    const stop = report(torrent as unknown as Torrent, jsonReporter(io, false, redactUrl), PLACE);
    torrent.emit('peerConnected', { host: '::1', port: 1, incoming: true });
    torrent.emit('pieceFailed', { piece: 3, suspects: ['a:1', 'b:2'], banned: ['b:2'] });
    torrent.emit('tracker', tracker({ seeds: undefined, message: 'full' }));
    torrent.emit('peerClosed', closed());
    stop();
    torrent.emit('peerClosed', closed());
    expect(io.json()).to.deep.equal([
      {
        type: 'metadata',
        infoHash: 'ab'.repeat(20),
        name: 'thing',
        totalBytes: 1000,
        pieceLengthBytes: 100,
        pieceCount: 10,
        files: [{ path: 'thing', lengthBytes: 1000 }],
        folder: '/data',
        port: 6881,
      },
      { type: 'peer-connected', host: '::1', port: 1, incoming: true },
      { type: 'piece-failed', piece: 3, suspects: ['a:1', 'b:2'], banned: ['b:2'] },
      {
        type: 'tracker',
        ...tracker({ message: 'full' }),
        url: 'http://t.example/a?passkey=…',
        seeds: null,
      },
      { type: 'peer-closed', ...closed() },
    ]);
  });

  it('prints every figure of a progress object, unknown ones as null', () => {
    const io = new FakeIo();
    const reporter = jsonReporter(io, false, redactUrl);
    reporter.progress(fakeStats({ downloadBytesPerSec: 10.6 }));
    const [progress] = io.json();
    expect(progress).to.include({ type: 'progress', phase: 'downloading', etaSec: null });
    expect(progress).to.include({ doneBytes: 0, totalBytes: 1000, downloadBytesPerSec: 11 });
    expect(progress?.peers).to.deep.equal(fakeStats().peers);
  });

  it('when quiet, leaves out progress and nothing else', () => {
    const io = new FakeIo();
    const reporter = jsonReporter(io, true, redactUrl);
    reporter.progress(fakeStats());
    reporter.complete(SUMMARY);
    const { name: _name, ...fields } = SUMMARY;
    const account = { ...fields.account, limit: null };
    expect(io.json()).to.deep.equal([{ type: 'complete', ...fields, account }]);
  });
});
