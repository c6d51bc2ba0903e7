// `millrace announce` and `millrace scrape`, as processes, with third-party trackers.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  eventsOf,
  runMillrace,
  startBittorrentTracker,
  startOpentracker,
} from '../support/clients/clients';
import type { JsonEvent } from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { useClients } from '../support/clients/process';
import { freePort } from '../support/free-port';

const HASH = '0025ff20'.repeat(5);
/** For bittorrent-tracker, whose scrape over HTTP is right for no other. */
const ASCII_HASH = '00257f20'.repeat(5);
const UNKNOWN = '07'.repeat(20);
const TIMEOUT_MS = 60_000;

interface Field {
  readonly name: string;
  readonly value: string;
}

async function report(
  command: 'announce' | 'scrape',
  hash: string,
  url: string,
  exitCode: number,
  args: readonly string[] = [],
): Promise<JsonEvent & { readonly reply: readonly Field[]; readonly request: readonly Field[] }> {
  const client = await runMillrace([command, hash, '--tracker', url, '--json', ...args]);
  const [found] = eventsOf(client, command);
  if (found === undefined) throw new Error(`no report in: ${client.output}`);
  expect(client.ended).to.equal(exitCode);
  return found as JsonEvent & { reply: Field[]; request: Field[] };
}

const named = (fields: readonly Field[]): Record<string, string> =>
  Object.fromEntries(fields.map(({ name, value }) => [name, value]));

/** What both trackers do alike. */
async function expectConversation(
  url: string,
  scheme: 'http' | 'udp',
  hash: string = HASH,
): Promise<void> {
  const seed = await report('announce', hash, url, 0, ['--event', 'completed', '--port', '7001']);
  expect(seed).to.include({ ok: true, seeds: 1, leechers: 0, stoppedAfter: null });

  const probe = await report('announce', hash, url, 0, ['--port', '7002', '--hex']);
  expect(probe).to.include({ ok: true, failure: null, seeds: 1, leechers: 1, stoppedAfter: true });
  expect(probe.peers).to.deep.equal([{ host: '127.0.0.1', port: 7001 }]);
  expect(named(probe.request)).to.include({ numwant: '50', port: '7002', left: '16384' });
  expect(named(probe.request).info_hash).to.match(new RegExp(`^${hash}`));
  const { interval, seeds, complete } = named(probe.reply);
  expect(Number(interval)).to.equal(probe.intervalSec);
  expect(scheme === 'http' ? complete : seeds).to.equal('1');
  expect(probe.reply.map(({ value }) => value)).to.include('127.0.0.1:7001');
  const packets = probe.packets as { hex: string; ranges: unknown[]; lengthBytes: number }[];
  for (const { hex, ranges, lengthBytes } of packets) {
    expect(hex).to.have.length(2 * lengthBytes);
    expect(ranges).to.not.deep.equal([]);
  }

  // The probe left no trace, and a scrape registers no peer.
  for (let round = 0; round < 2; round += 1) {
    const counts = await report('scrape', hash, url, 0);
    expect(counts).to.include({ ok: true, seeds: 1, leechers: 0 });
  }
}

describeWith(['opentracker'], 'interop of announce and scrape with opentracker', () => {
  useClients();
  let folder = '';
  let port = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-opentracker-'));
    port = await freePort();
    await startOpentracker(folder, port, [HASH]);
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const scheme of ['http', 'udp'] as const) {
    it(`${scheme}: shows what was said`, () =>
      expectConversation(`${scheme}://127.0.0.1:${port}/announce`, scheme)).timeout(TIMEOUT_MS);

    it(`${scheme}: a torrent that it does not serve is a failure with a hint, exit 1`, async () => {
      const url = `${scheme}://127.0.0.1:${port}/announce`;
      const refused = await report('announce', UNKNOWN, url, 1);
      expect(refused.failure).to.include({ code: 'tracker-failure' });
      expect(String(refused.hints)).to.include('does not know this info hash').and.include(UNKNOWN);
    }).timeout(TIMEOUT_MS);
  }
});

describe('interop of announce and scrape with bittorrent-tracker', () => {
  useClients();

  for (const scheme of ['http', 'udp'] as const) {
    it(`${scheme}: shows what was said`, async () => {
      const port = await freePort();
      await startBittorrentTracker(port);
      await expectConversation(`${scheme}://127.0.0.1:${port}/announce`, scheme, ASCII_HASH);
    }).timeout(TIMEOUT_MS);
  }

  it('http: its scrape spells a non-ASCII hash as text, and a hint explains it', async () => {
    const port = await freePort();
    await startBittorrentTracker(port);
    const counts = await report('scrape', HASH, `http://127.0.0.1:${port}/announce`, 0);
    expect(String(counts.hints)).to.include('as text in UTF-8');
  }).timeout(TIMEOUT_MS);

  it('http: its failure reason is in plain view, also with a status of success', async () => {
    const port = await freePort();
    await startBittorrentTracker(port);
    const url = `http://127.0.0.1:${port}/announce?info_hash=${'ab'.repeat(20)}`;
    const client = await runMillrace(['announce', HASH, '--tracker', url]);
    expect(client.ended).to.equal(1);
    expect(client.stdout).to.match(/^ {2}FAILURE {5}failure reason: .*info_hash/m);
    expect(client.stdout).to.include('40 hex digits, which a tracker reads as 40 characters');
  }).timeout(TIMEOUT_MS);
});
