// What is measured, as findings: the level, the figures, the words.

import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../lib/bytes/bitfield';
import { MetadataSample, Sample, peerFinding } from '../../lib/doctor/peer-finding';
import { trackerFinding } from '../../lib/doctor/tracker-finding';
import type { TrackerAnswers } from '../../lib/doctor/tracker-finding';
import {
  addressFinding,
  clockFinding,
  dnsFinding,
  portFinding,
  spaceFinding,
  torrentFinding,
  writeFinding,
} from '../../lib/doctor/words';
import { MillraceError } from '../../lib/errors/millrace-error';
import { requestError } from '../../lib/http/request-error';
import { fakeMetainfo } from '../cli/fakes';

const URL = 'http://tracker.example/announce';

function answers(change: Partial<TrackerAnswers>): TrackerAnswers {
  return { url: URL, tier: 0, elapsedMs: 210, scraped: false, ...change };
}

const PEER = { host: '192.0.2.1', port: 6881 };

function bits(...pieces: number[]): Bitfield {
  const field = new Bitfield(20);
  for (const piece of pieces) field.set(piece);
  return field;
}

const everything = (): Bitfield => bits(...Array(20).keys());

describe('doctor: sentences on trackers', () => {
  it('counts by the scrape, which came before us', () => {
    const found = trackerFinding(
      answers({
        scraped: true,
        counts: { seeds: 3, leechers: 1, completed: 12 },
        reply: { intervalSec: 60, peers: [PEER], seeds: 3, leechers: 2 },
      }),
    );
    expect(found).to.include({ level: 'ok', state: 'answers', known: true, peers: 1 });
    expect(found).to.include({ seeds: 3, leechers: 1, completed: 12 });
    expect(found.message).to.equal(`${URL}: 3 seeds, 1 leecher, names 1 peer (0.2 s)`);
  });

  it('leaves ourselves out of what the announce counts', () => {
    const found = trackerFinding(
      answers({
        reply: { intervalSec: 60, peers: [], seeds: 0, leechers: 1, warning: 'slow down' },
      }),
    );
    expect(found).to.include({ level: 'warn', known: false, seeds: 0, leechers: 0 });
    expect(found.message).to.match(/does not know this torrent: .*; it warns: slow down$/);
  });

  it('does not guess when a tracker counts nothing', () => {
    const found = trackerFinding(answers({ reply: { intervalSec: 60, peers: [] } }));
    expect(found).to.include({ known: undefined, seeds: undefined, level: 'warn' });
  });

  it('knows a torrent that was completed once from one that was never there', () => {
    const reply = { intervalSec: 60, peers: [] };
    const counts = (completed: number) => ({ seeds: 0, leechers: 0, completed });
    const once = trackerFinding(answers({ scraped: true, counts: counts(5), reply }));
    const never = trackerFinding(answers({ scraped: true, counts: counts(0), reply }));
    const unheard = trackerFinding(answers({ scraped: true, reply }));
    expect([once.known, never.known, unheard.known]).to.deep.equal([true, false, false]);
  });

  for (const [reason, known] of [
    ['unregistered torrent', false],
    ['Requested download is not authorized for use with this tracker.', false],
    ['this torrent is not on the list of this tracker', false],
    ['an answer without content: it does not serve this torrent', false],
    ['Torrent not found', false],
    ['Torrent not registered with this tracker.', false],
    ['torrent has been deleted', false],
    ['info_hash not found in the database', false],
    ['unknown info hash', false],
    ['passkey is wrong', undefined],
    ['your client is banned', undefined],
    ['Your client is not allowed on this tracker', undefined],
    ['Client is not on the list', undefined],
    ['Client not authorized', undefined],
    ['Passkey not found', undefined],
    ['Unregistered passkey', undefined],
    ['unregistered torrent pass', undefined],
    ['unregistered user', undefined],
    ['User does not exist', undefined],
    ['account deleted', undefined],
    ['this IP is not allowed on this torrent', undefined],
    ['torrent not found for this user', undefined],
    ['you are not authorized to download this torrent', undefined],
    ['not found', undefined],
    ['not authorized', undefined],
  ] as const) {
    it(`takes a refusal by its words: ${reason}`, () => {
      const error = new MillraceError('tracker-failure', `refused: ${reason}`, { reason });
      const found = trackerFinding(answers({ error }));
      expect(found).to.include({ level: 'fail', state: 'refuses', reason, known });
      expect(found.message).to.equal(`${URL}: refuses: ${reason}`);
    });
  }

  it('believes the scrape of one that refuses us only where it counts somebody', () => {
    const error = new MillraceError('tracker-failure', 'refused', { reason: 'slow down' });
    const known = (seeds: number) =>
      trackerFinding(
        answers({ error, scraped: true, counts: { seeds, leechers: 0, completed: 0 } }),
      ).known;
    expect([known(0), known(1)]).to.deep.equal([undefined, true]);
  });

  it('reports each failure once, and keeps the counts', () => {
    const error = requestError('tracker', 'unreachable', URL, 'refuses connections', {
      cause: 'ECONNREFUSED',
    });
    const found = trackerFinding(answers({ error }));
    expect(found).to.include({
      state: 'fails',
      code: 'tracker-unreachable',
      cause: 'ECONNREFUSED',
    });
    expect(found.message).to.equal(`${URL}: refuses connections`);
    const counts = { seeds: 1, leechers: 0, completed: 0 };
    expect(trackerFinding(answers({ error, scraped: true, counts }))).to.include({
      known: true,
      message: `${URL}: counts 1 seed and no leechers, but refuses connections`,
    });
  });

  it('skips what we do not speak', () => {
    const error = new MillraceError('tracker-unsupported', 'trackers with the scheme "wss:" …');
    expect(trackerFinding(answers({ error }))).to.include({ level: 'skip', state: 'unsupported' });
  });
});

describe('doctor: sentences on peers', () => {
  it('reports what a peer has', () => {
    const base = { ...PEER, outcome: 'talks', elapsedMs: 90 } as const;
    const whole = peerFinding({ ...base, pieces: everything(), client: 'Thing 1' });
    const part = peerFinding({ ...base, host: '2001:db8::1', pieces: bits(1, 2) });
    const nothing = peerFinding({ ...base, pieces: bits() });
    expect(whole.message).to.equal('192.0.2.1:6881, Thing 1, has every piece (0.1 s)');
    expect(part.message).to.equal('[2001:db8::1]:6881 has 2 of 20 pieces (0.1 s)');
    expect(nothing.message).to.equal('192.0.2.1:6881 has announced no piece (0.1 s)');
    expect([whole, part, nothing].map(({ level }) => level)).to.deep.equal(['ok', 'ok', 'warn']);
  });

  it('reports what a peer of a magnet link has', () => {
    const base = { ...PEER, outcome: 'talks', elapsedMs: 90 } as const;
    const both = peerFinding({ ...base, whole: true, metadataBytes: 5 });
    const neither = peerFinding({ ...base, whole: false });
    expect(both).to.include({
      level: 'ok',
      metadataBytes: 5,
      message: '192.0.2.1:6881 has every piece, and the metadata (0.1 s)',
    });
    expect(neither).to.include({
      level: 'warn',
      message: '192.0.2.1:6881 has not every piece, and not the metadata (0.1 s)',
    });
    const sample = new MetadataSample();
    expect(sample.finding(0)).to.include({ level: 'skip', message: 'no peer is known to ask' });
    sample.add({ ...PEER, outcome: 'refused', elapsedMs: 1 });
    expect(sample.finding(1)).to.include({
      level: 'skip',
      message: 'of 1 peer tried none answered',
    });
    sample.add({ ...base, whole: true });
    expect(sample.finding(2).level).to.equal('fail');
    sample.add({ ...base, whole: false, metadataBytes: 5 });
    expect(sample.finding(4)).to.include({
      level: 'ok',
      knownPeers: 4,
      triedPeers: 3,
      talkingPeers: 2,
      offeringPeers: 1,
      wholePeers: 1,
      message: 'of 3 peers tried 2 answered, 1 with the metadata, 1 with every piece',
    });
  });

  it('reports how a peer failed', () => {
    const found = peerFinding({ ...PEER, outcome: 'unreachable', detail: 'no way', elapsedMs: 1 });
    expect(found).to.include({
      level: 'warn',
      message: '192.0.2.1:6881 cannot be reached: no way',
    });
  });

  it('adds up a sample', () => {
    const sample = new Sample(20);
    sample.add({ outcome: 'refused' });
    sample.add({ outcome: 'talks', pieces: bits(0, 1, 2) });
    sample.add({ outcome: 'talks', pieces: bits(2, 3, 6, 7, 8, 9) });
    const found = sample.finding(9);
    expect(found).to.include({ knownPeers: 9, triedPeers: 3, talkingPeers: 2, wholePeers: 0 });
    expect(found).to.include({ level: 'fail', missingPieces: 12 });
    expect(found.missing).to.deep.equal([
      { first: 4, last: 5 },
      { first: 10, last: 19 },
    ]);
    expect(found.message).to.equal(
      'of 3 peers tried 2 answered, and none of them has 12 of 20 pieces: 4-5, 10-19',
    );
    sample.add({ outcome: 'talks', pieces: everything() });
    expect(sample.finding(9)).to.include({ level: 'ok', missingPieces: 0, wholePeers: 1 });
  });

  it('has no opinion without peers', () => {
    const sample = new Sample(20);
    expect(sample.finding(0)).to.include({ level: 'skip', message: 'no peer is known to ask' });
    sample.add({ outcome: 'closed' });
    expect(sample.finding(1).message).to.equal('of 1 peer tried none announced its pieces');
  });

  it('names exactly the pieces that no peer has', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.nat(60)), { maxLength: 4 }), (peers) => {
        const sample = new Sample(61);
        for (const pieces of peers) {
          const field = new Bitfield(61);
          for (const piece of pieces) field.set(piece);
          sample.add({ outcome: 'talks', pieces: field });
        }
        const found = sample.finding(peers.length);
        const missing = found.missing.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, at) => first + at),
        );
        const there = new Set(peers.flat());
        expect(missing).to.deep.equal([...Array(61).keys()].filter((piece) => !there.has(piece)));
        expect(found.missingPieces).to.equal(missing.length);
      }),
      { numRuns: 200 },
    );
  });

  it('bounds the list, not the count', () => {
    const sample = new Sample(10_000);
    const odd = new Bitfield(10_000);
    for (let piece = 1; piece < 10_000; piece += 2) odd.set(piece);
    sample.add({ outcome: 'talks', pieces: odd });
    const found = sample.finding(1);
    expect(found.missing).to.have.length(1000);
    expect(found.missingPieces).to.equal(5000);
    expect(found.message).to.match(/: 0, 2, 4, 6, 8 and 995 more ranges$/);
  });
});

describe('doctor: sentences on this machine', () => {
  it('describes the torrent', () => {
    const metainfo = fakeMetainfo();
    const torrent = { ...metainfo, metainfo };
    expect(torrentFinding(torrent, 0, 0)).to.include({
      level: 'warn',
      message: 'thing: 1000 bytes in 10 pieces, names no trackers',
    });
    expect(torrentFinding({ ...metainfo, metainfo: undefined }, 1, 0).message).to.equal(
      'thing: a magnet link, names 1 tracker',
    );
    expect(torrentFinding(torrent, 70, 20).message).to.match(
      /names 70 trackers \(20 of them are not asked\)$/,
    );
  });

  it('compares room with what is missing', () => {
    expect(spaceFinding('/data', 5000, 5001)).to.include({ level: 'fail' });
    expect(spaceFinding('/data', 5001, 5001)).to.include({ level: 'ok' });
    expect(spaceFinding('/data', undefined, 1)).to.include({ level: 'skip', missingBytes: 1 });
    expect(spaceFinding('/data', 5000, 0).message).to.match(/all there already, in length$/);
    expect(writeFinding('/data', 'EROFS').message).to.match(/the file system is read-only$/);
  });

  it('claims no more of the port than can be seen from here', () => {
    expect(portFinding(6881, ['192.0.2.4'], []).message).to.equal(
      '6881: from this machine reachable at 192.0.2.4; whether through your router, only others can see',
    );
    expect(portFinding(6881, ['192.0.2.4'], ['2001:db8::4'])).to.include({ level: 'warn' });
    expect(portFinding(80, [], [], 'EACCES')).to.include({
      level: 'fail',
      message: '80: cannot be listened on: permission denied',
    });
    expect(addressFinding('192.0.2.1', ['10.0.0.2'])).to.include({
      level: 'warn',
      translated: true,
    });
    expect(addressFinding('192.0.2.1', ['192.0.2.1'])).to.include({ level: 'ok' });
  });

  it('calls the clock wrong only beyond five minutes, and by the nearest of trackers', () => {
    expect(clockFinding([])).to.include({ level: 'skip' }).and.not.have.property('aheadSec');
    expect(clockFinding([300])).to.include({ level: 'ok' });
    expect(clockFinding([-301])).to.include({ level: 'warn', aheadSec: -301 });
    expect(clockFinding([9_999_999, 0.4, -800])).to.include({ level: 'ok', aheadSec: 0 });
    expect(clockFinding([7200]).message).to.equal('2 h ahead of that of a tracker');
  });

  it('reports the result of a look-up', () => {
    expect(dnsFinding('a.example', ['192.0.2.1', '::1']).message).to.equal(
      'a.example: 192.0.2.1, ::1',
    );
    expect(dnsFinding('a.example', [], 'ENOTFOUND')).to.include({
      level: 'fail',
      message: 'a.example: cannot be looked up: there is no such name',
    });
  });
});
