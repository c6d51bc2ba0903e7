// `announce` and `scrape` as commands: usage, exit codes, text and JSON.

import { expect } from 'chai';
import * as api from '../../../lib/index';
import { inWords } from '../../../lib/cli/commands/tracker-talk';
import { fakeApi, millrace } from '../fakes';

const HASH = 'ab'.repeat(20);
const URL_ = 'http://tracker.example/announce';

const REPORT: api.TrackerReport = {
  kind: 'announce',
  url: URL_,
  protocol: 'http',
  ok: true,
  infoHash: HASH,
  infoHashEscaped: '%AB'.repeat(20),
  requestUrl: `${URL_}?info_hash=…`,
  request: [{ name: 'port', value: '6881' }],
  attempts: 1,
  status: 200,
  elapsedMs: 12.3,
  trackerIp: '192.0.2.1',
  reply: [{ name: 'interval', value: '1800' }],
  peers: [{ host: '192.0.2.2', port: 1 }],
  droppedPeers: 2,
  seeds: 1,
  leechers: 4,
  intervalSec: 1800,
  stoppedAfter: true,
  hints: [],
  packets: [
    {
      direction: 'received',
      what: 'HTTP answer, body',
      atMs: 12.04,
      bytes: Buffer.from('i7e'),
      ranges: [{ startByte: 0, endByte: 3, kind: 'field', label: 'reply', value: '7' }],
    },
  ],
};

/** Both functions answer with these reports, and note what they were asked. */
function reporting(...reports: api.TrackerReport[]) {
  const asked: { source: unknown; options: api.AnnounceOptions }[] = [];
  const answer = (source: unknown, options: api.AnnounceOptions) => {
    asked.push({ source, options });
    reports.forEach((report) => options.onReport?.(report));
    return Promise.resolve(reports);
  };
  return { asked, ...fakeApi({ announce: answer, scrape: answer, hexDump: api.hexDump }) };
}

describe('cli announce and scrape', () => {
  for (const command of ['announce', 'scrape']) {
    it(`${command}: exits 0 when any tracker gave peers or counts, 1 otherwise`, async () => {
      const bad = { ...REPORT, ok: false };
      const both = await millrace([command, 'x'], { api: reporting(bad, REPORT).api });
      const none = await millrace([command, 'x'], { api: reporting(bad, bad).api });
      expect([both.exitCode, none.exitCode]).to.deep.equal([0, 1]);
    });

    it(`${command}: wrong usage exits 2 and contacts no tracker`, async () => {
      for (const argv of [
        [],
        [HASH],
        [`${HASH}0`, '--tracker', URL_],
        ['x', '--tracker', 'ftp://t'],
        ['x', '--timeout', '0'],
        ['x', '--nonsense'],
      ]) {
        const { api: fake, asked } = reporting(REPORT);
        const { exitCode, io } = await millrace([command, ...argv], { api: fake });
        expect([exitCode, io.out, asked.length]).to.deep.equal([2, '', 0]);
        expect(io.err).to.match(/^millrace: /);
      }
    });
  }

  it('hands its options to the library', async () => {
    const { api: fake, asked } = reporting(REPORT);
    const flags = ['--tracker', URL_, '--event', 'completed', '--port', '7', '--timeout', '1.5'];
    await millrace(['announce', HASH, ...flags, '--show-secrets'], { api: fake });
    expect(asked[0]?.source).to.equal(HASH);
    expect(asked[0]?.options).to.deep.include({
      trackers: [URL_],
      event: 'completed',
      port: 7,
      timeoutMs: 1500,
      showSecrets: true,
    });
    await millrace(['scrape', 'x'], { api: fake });
    expect(asked[1]?.options).to.include({ trackers: undefined, showSecrets: undefined });
  });

  it('refuses an event that there is not', async () => {
    const { exitCode, io } = await millrace(['announce', 'x', '--event', 'paused']);
    expect(exitCode).to.equal(2);
    expect(io.err).to.include('started, completed, stopped, none');
  });

  it('prints everything in words', () => {
    expect(inWords({ ...REPORT, warning: 'old', hints: ['do this'] }, true, api)).to.equal(
      `announce ${URL_}
  info hash   ${HASH} in hex
              ${'%AB'.repeat(20)} escaped, as HTTP trackers want it
  request     GET ${URL_}?info_hash=…
    port  6881
  answer      HTTP status 200 from 192.0.2.1 in 12.3 ms
    interval  1800
  WARNING     warning message: old
  result      1 peer, 2 left out (ourselves, or not to be dialled), 1 seed, 4 leechers; next announce in 30 min; said "stopped" after it
  hint        do this

received at 12 ms: HTTP answer, body, 3 bytes
00000000  69 37 65                                          |i7e|               reply: 7
00000003
`,
    );
  });

  it('has failures in plain view, and nothing that a terminal would obey', () => {
    const failure = { code: 'tracker-failure', message: 'refused: x', reason: 'no\u001b[31m' };
    const text = inWords({ ...REPORT, failure }, false, api);
    expect(text).to.include('  FAILURE     failure reason: no\\u001b[31m\n');
    expect(text).to.not.include('result');
    const { reason: _, ...unreachable } = failure;
    expect(inWords({ ...REPORT, failure: unreachable }, false, api)).to.include(
      '  FAILURE     refused: x\n',
    );
  });

  it('lists a limited number of fields, and counts the others', () => {
    const reply = Array.from({ length: 60 }, (_, at) => ({ name: `peers[${at}]`, value: 'x' }));
    const lines = inWords({ ...REPORT, reply }, false, api).split('\n');
    expect(lines).to.include('    and 20 more');
    expect(lines.filter((line) => line.includes('peers['))).to.have.length(40);
  });

  it('prints one object for each tracker with --json, bytes only with --hex', async () => {
    const { api: fake } = reporting(REPORT, { ...REPORT, ok: false });
    const { io } = await millrace(['announce', 'x', '--json'], { api: fake });
    expect(io.json()).to.have.length(2);
    const [first] = io.json();
    expect(first).to.deep.include({
      type: 'announce',
      url: URL_,
      ok: true,
      seeds: 1,
      completed: null,
      failure: null,
      peers: [{ host: '192.0.2.2', port: 1 }],
      packets: [{ direction: 'received', what: 'HTTP answer, body', atMs: 12, lengthBytes: 3 }],
    });
    const dumped = await millrace(['announce', 'x', '--json', '--hex'], { api: fake });
    const [packet] = dumped.io.json()[0]?.packets as { hex: string; ranges: unknown[] }[];
    expect(packet?.hex).to.equal('693765');
    expect(packet?.ranges).to.have.length(1);
  });
});
