// From findings to a verdict: every combination that leads to a different sentence.

import { expect } from 'chai';
import { MIB } from '../../lib/bytes/lengths';
import type { Finding, MetadataFinding, Verdict } from '../../lib/doctor/findings';
import { judge } from '../../lib/doctor/verdict';
import {
  clock,
  dns,
  lacking,
  lost,
  mute,
  peer,
  pieces,
  port,
  refusal,
  space,
  strange,
  tracker,
  write,
} from './findings';

const talking = [tracker(), peer('talks'), peer('talks')];

const CASES: readonly [what: string, findings: readonly Finding[], Verdict, says: RegExp][] = [
  // Somebody talks, and every piece is there.
  ['a seed answers', [...talking, pieces()], 'alive', /\(1 peer with every piece answered\)/],
  [
    'no seed, but all pieces between them',
    [...talking, pieces({ wholePeers: 0 })],
    'alive',
    /the 2 peers that answered have every piece between them/,
  ],
  [
    'no tracker answers, and a named peer has all',
    [lost('ECONNREFUSED'), peer('talks'), pieces()],
    'alive',
    /start the download and name those peers by hand/,
  ],
  [
    'the folder cannot be written',
    [...talking, pieces(), write('EACCES'), space(1, 2), port('EADDRINUSE')],
    'alive',
    /nothing can be written to \/data \(permission denied\); choose another/,
  ],
  [
    'the disk is too full',
    [...talking, pieces(), write(), space(5 * MIB, 800 * MIB)],
    'alive',
    /\/data has 5\.0 MiB free where 800 MiB are missing; make room/,
  ],
  [
    'the port is taken',
    [...talking, pieces(), space(5, 1), port('EADDRINUSE')],
    'alive',
    /port 6881 cannot be used \(another program has it\)/,
  ],
  [
    'the port is not opened for lack of descriptors',
    [...talking, pieces(), write(), port('EMFILE')],
    'alive',
    /^The torrent is alive, but not everything could be checked: .*ulimit -n.*raise that limit[^;]*\.$/,
  ],
  [
    'peers cannot be dialled for lack of descriptors',
    [tracker(), peer('unreachable', 'EMFILE'), peer('refused'), mute(2)],
    'unknown',
    /^Cannot tell: .*ulimit -n.*raise that limit.*; then try again\.$/,
  ],
  [
    'trackers cannot be asked for lack of memory',
    [lost('ENOBUFS'), strange(), mute(0)],
    'unknown',
    /^Cannot tell: the system has no buffer left.*; close other programs.*; then try again\.$/,
  ],
  [
    'the clock is off',
    [...talking, pieces(), clock(-900)],
    'alive',
    /set the clock .* 15 min behind/,
  ],
  ['the clock is right', [...talking, pieces(), clock(200)], 'alive', /start the download\.$/],
  [
    'the files are there',
    [...talking, pieces(), space(5, 0)],
    'alive',
    /in full length; verify them/,
  ],

  // Somebody talks, and pieces are missing.
  [
    'nobody has some pieces, and no seed is counted',
    [tracker({ seeds: 0 }), peer('talks'), lacking()],
    'dead',
    /none of the 2 peers that answered has pieces 3-5 and no tracker counts a seed; ask/,
  ],
  [
    'nobody has one piece',
    [tracker({ seeds: 0 }), lacking({ missingPieces: 1, missing: [{ first: 9, last: 9 }] })],
    'dead',
    /has piece 9 and/,
  ],
  [
    'nobody has any piece',
    [tracker({ seeds: 0 }), lacking({ missingPieces: 10, missing: [{ first: 0, last: 9 }] })],
    'dead',
    /has any piece and/,
  ],
  [
    'trackers count seeds that were not met',
    [tracker({ seeds: 4 }), peer('talks'), peer('no-connection'), lacking()],
    'unknown',
    /trackers count 4 seeds, but none .* has pieces 3-5; try again with a larger sample/,
  ],
  [
    'peers were left out of the sample',
    [tracker({ seeds: 0 }), peer('talks'), lacking({ knownPeers: 9 })],
    'unknown',
    /7 known peers were not tried/,
  ],
  [
    'no tracker could name others',
    [lost('ECONNREFUSED'), peer('talks'), lacking()],
    'unknown',
    /no tracker answers that could name others/,
  ],
  [
    'a tracker that counts nothing, and peers that did not answer',
    [tracker({ seeds: undefined }), peer('talks'), lacking({ triedPeers: 5, knownPeers: 5 })],
    'unknown',
    /and 3 others did not answer/,
  ],
  [
    'no seed is counted, but one of the peers did not answer',
    [tracker({ seeds: 0 }), peer('no-connection'), lacking({ triedPeers: 3, knownPeers: 3 })],
    'unknown',
    /and 1 other did not answer; try again later/,
  ],
  [
    'a tracker counts more leechers than are named',
    [tracker({ seeds: 0, leechers: 3 }), tracker({ seeds: 0, leechers: 1 }), lacking()],
    'unknown',
    /of the 3 leechers that a tracker counts only 2 are known/,
  ],
  [
    'as many leechers as are named, and none has the pieces',
    [tracker({ seeds: 0, leechers: 2 }), lacking()],
    'dead',
    /has pieces 3-5/,
  ],
  [
    'another tracker, which may know more, refuses us',
    [tracker({ seeds: 0 }), refusal('passkey not found'), lacking()],
    'unknown',
    /has pieces 3-5, and the tracker refuses you \("passkey not found"\)/,
  ],

  // Peers are known, and none talks.
  [
    'all refuse',
    [tracker(), peer('refused'), peer('refused'), mute(2)],
    'unknown',
    /none of the 2 peers tried took a connection; nobody listens there any more/,
  ],
  [
    'one, behind a firewall',
    [tracker(), peer('no-connection'), mute(1)],
    'unknown',
    /the one peer tried did not take a connection; if other torrents fail as well, your firewall/,
  ],
  [
    'no seed is counted, either',
    [tracker({ seeds: 0 }), peer('unreachable'), peer('refused'), mute(2)],
    'unknown',
    /took a connection and no tracker counts a seed; if other torrents fail/,
  ],
  [
    'they serve another torrent',
    [tracker(), peer('other-torrent'), mute(1)],
    'unknown',
    /the one peer tried served another torrent/,
  ],
  [
    'they insist on encryption',
    [tracker(), peer('not-plain'), peer('refused'), mute(2)],
    'unknown',
    /encryption is not supported yet/,
  ],
  [
    'they speak only encryption, as a second dial has shown',
    [tracker(), peer('encrypted'), peer('closed'), peer('refused'), mute(3)],
    'unknown',
    /: 1 of 3 peers speaks only encrypted connections, which Millrace does not do yet: \S+:\d+; try another client/,
  ],
  [
    'they hang up',
    [tracker(), peer('closed'), peer('silent'), peer('not-plain'), mute(3)],
    'unknown',
    /they end the connection before they say what they have/,
  ],

  // Nobody is known.
  ['no tracker, no peer', [mute(0)], 'unknown', /names no tracker/],
  [
    'the tracker answers and does not know it',
    [strange(), dns(), mute(0)],
    'dead',
    /the trackers that answer do not know it; ask/,
  ],
  [
    'one of two answers and does not know it',
    [strange(), lost('ECONNREFUSED'), mute(0)],
    'dead',
    /the trackers that answer \(1 of 2\) do not know it/,
  ],
  [
    'the tracker knew it once',
    [tracker({ seeds: 0, completed: 9, peers: 0 }), mute(0)],
    'dead',
    /name no peer and count no seed/,
  ],
  [
    'the tracker counts nothing and names nobody',
    [tracker({ known: undefined, seeds: undefined, leechers: undefined, peers: 0 }), mute(0)],
    'dead',
    /name no peer and count no seed/,
  ],
  [
    'the tracker counts seeds and names nobody',
    [tracker({ peers: 0 }), mute(0)],
    'unknown',
    /counts 2 seeds but names no peer; try again in a few minutes/,
  ],
  [
    'the tracker counts leechers and names nobody',
    [tracker({ peers: 0, seeds: 0, leechers: 1 }), mute(0)],
    'unknown',
    /counts 1 leecher but names no peer/,
  ],
  [
    'its scrape counts seeds, and it refuses us',
    [{ ...refusal('bad passkey', true), seeds: 3 }, mute(0)],
    'unknown',
    /counts 3 seeds but names no peer; the tracker refuses you \("bad passkey"\)/,
  ],
  [
    'it refuses the torrent',
    [refusal('unregistered torrent', false), mute(0)],
    'dead',
    /does not serve it \("unregistered torrent"\); look for a newer/,
  ],
  [
    'one does not know it, another refuses us',
    [strange(), refusal('account deleted'), mute(0)],
    'unknown',
    /^Cannot tell: the tracker refuses you \("account deleted"\)/,
  ],
  [
    'one refuses the torrent, another refuses us',
    [refusal('unregistered torrent', false), refusal('your client is banned'), mute(0)],
    'unknown',
    /^Cannot tell: the tracker refuses you \("your client is banned"\)/,
  ],
  [
    'one does not know it, another refuses the torrent',
    [strange(), refusal('unregistered torrent', false), mute(0)],
    'dead',
    /the trackers that answer \(1 of 2\) do not know it/,
  ],
  [
    'it refuses us',
    [refusal('your client is banned'), lost('ETIMEDOUT'), mute(0)],
    'unknown',
    /refuses you \("your client is banned"\)/,
  ],

  // No tracker helps.
  [
    'its name is gone',
    [dns('ENOTFOUND'), lost('ENOTFOUND'), mute(0)],
    'unknown',
    /your DNS says there is no tracker\.example/,
  ],
  [
    'DNS is down',
    [dns('EAI_AGAIN', 'a.example'), dns('EAI_AGAIN', 'b.example'), lost('EAI_AGAIN'), mute(0)],
    'unknown',
    /finds none of the trackers' names; check your network connection and your DNS/,
  ],
  [
    'one name is gone, another tracker is down: not the fault of DNS',
    [dns('ENOTFOUND'), lost('ENOTFOUND'), lost('ECONNREFUSED'), mute(0)],
    'unknown',
    /no tracker answers; if other sites work, they are down or blocked/,
  ],
  [
    'it is down',
    [dns(), lost('ECONNREFUSED'), mute(0)],
    'unknown',
    /its tracker does not answer; if other sites work, it is down or blocked/,
  ],
  [
    'the clock is off and nothing answers',
    [lost('CERT_NOT_YET_VALID'), clock(7200), mute(0)],
    'unknown',
    /no tracker answers; set the clock of this machine, which is 2 h ahead/,
  ],
  [
    'its certificate is not accepted',
    [lost('CERT_HAS_EXPIRED', { message: 'cannot be reached: certificate has expired' }), mute(0)],
    'unknown',
    /check the date and time/,
  ],
  [
    'it answers with an HTTP error',
    [lost('', { code: 'tracker-http-status', cause: undefined }), mute(0)],
    'unknown',
    /HTTP error; check the announce URL/,
  ],
  [
    'it speaks what we do not',
    [lost('', { state: 'unsupported', cause: undefined }), mute(0)],
    'unknown',
    /none of its trackers speaks HTTP, HTTPS or UDP/,
  ],
];

describe('doctor: verdict', () => {
  describe('of a magnet link', () => {
    const metadata = (change: Partial<MetadataFinding>): Finding => ({
      check: 'metadata',
      level: 'ok',
      message: '',
      knownPeers: 2,
      triedPeers: 2,
      talkingPeers: 2,
      offeringPeers: 1,
      wholePeers: 1,
      ...change,
    });
    const of = (change: Partial<MetadataFinding>, ...others: Finding[]) =>
      judge([...talking, metadata(change), ...others]);

    it('is alive if a peer has the metadata and one has every piece', () => {
      expect(of({})).to.deep.equal({
        verdict: 'alive',
        advice: 'The torrent is alive (1 peer with every piece answered); start the download.',
      });
      expect(of({}, write('EACCES')).advice).to.match(/nothing can be written to/);
    });

    it('is unknown otherwise, and says what is missing', () => {
      expect(of({ wholePeers: 0 })).to.include({ verdict: 'unknown' });
      expect(of({ wholePeers: 0 }).advice).to.match(/1 peer with the metadata answered, but none/);
      const two = of({ offeringPeers: 0 });
      expect(two.advice).to.match(/none of the 2 peers that answered has the metadata of this/);
      const one = of({ offeringPeers: 0, talkingPeers: 1 });
      expect(one.advice).to.match(/the peer that answered does not have the metadata of this/);
      expect(of({ talkingPeers: 0 }, peer('silent')).verdict).to.equal('unknown');
      expect(judge([strange(), metadata({ talkingPeers: 0 })]).verdict).to.equal('dead');
    });
  });

  for (const [what, findings, verdict, says] of CASES) {
    it(`${verdict}: ${what}`, () => {
      const judgement = judge(findings);
      expect(judgement.advice).to.match(says);
      expect(judgement.verdict).to.equal(verdict);
    });
  }

  it('is always one sentence', () => {
    for (const [, findings] of CASES) {
      const { advice } = judge(findings);
      expect(advice).to.match(/^[A-Z][^\n]*\.$/);
      expect(advice.split(/[.!?]\s/), advice).to.have.length(1);
    }
  });

  it('does not call a swarm healthy that was not examined', () => {
    expect(judge([]).verdict).to.equal('unknown');
  });
});
