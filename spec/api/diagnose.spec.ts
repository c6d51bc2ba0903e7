// `diagnose` as a whole, against trackers, seeds and an engine on loopback.

import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readdir } from 'node:fs/promises';
import { expect } from 'chai';
import { diagnose, formatMagnet, startTracker } from '../../lib/index';
import type { Diagnosis, DiagnoseOptions, Finding } from '../../lib/index';
import { encode } from '../../lib/bencode/encode';
import { examine } from '../../lib/doctor/examine';
import { judge } from '../../lib/doctor/verdict';
import { freePort } from '../support/free-port';
import { KIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, expectError, within } from '../support/swarm';

/** Long enough to end nothing by itself that is meant to end. */
const TIMEOUT_MS = 20_000;

type Check = Finding['check'];

function found<C extends Check>(
  { findings }: Pick<Diagnosis, 'findings'>,
  check: C,
): Extract<Finding, { check: C }>[] {
  return findings.filter((each): each is Extract<Finding, { check: C }> => each.check === check);
}

function torrentOf(trackers: readonly string[]): Payload {
  const options = { lengthBytes: 320 * KIB, pieceLengthBytes: 16 * KIB };
  return new Payload({ ...options, trackers: trackers.map((url) => [url]) });
}

describe('diagnose', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  async function run(payload: Payload, options: DiagnoseOptions = {}): Promise<Diagnosis> {
    const output = options.output ?? (await swarm.folder());
    const reported: Finding[] = [];
    const diagnosis = await within(
      diagnose(payload.torrent, {
        timeoutMs: TIMEOUT_MS,
        onFinding: (finding) => reported.push(finding),
        ...options,
        output,
      }),
      'a diagnosis',
    );
    if (options.onFinding === undefined) expect(reported).to.deep.equal(diagnosis.findings);
    return diagnosis;
  }

  /**
   * An HTTP tracker that records each query and gives a set answer; also to scrapes, if `scrape` is
   * given.
   */
  async function tracker(
    answer: (query: URLSearchParams) => Record<string, unknown> | undefined,
    headers: Record<string, string> = {},
    status = 200,
  ): Promise<{ url: string; queries: URLSearchParams[] }> {
    const queries: URLSearchParams[] = [];
    const server = http.createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      if (!pathname.endsWith('/announce')) return void response.writeHead(404).end();
      queries.push(searchParams);
      const reply = answer(searchParams);
      if (reply) response.writeHead(status, headers).end(encode(reply as Record<string, string>));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    swarm.onClose(async () => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}/announce`, queries };
  }

  const compact = (...ports: number[]): Buffer =>
    Buffer.concat(ports.map((port) => Buffer.from([127, 0, 0, 1, port >> 8, port & 0xff])));

  it('finds a torrent alive that an engine seeds, and leaves no ghost at the tracker', async () => {
    const server = await startTracker({ udpPort: 0 });
    swarm.onClose(() => server.close());
    const payload = torrentOf([server.url, server.udpUrl ?? '']);
    const engine = await swarm.engine();
    const data = await swarm.folder();
    await payload.write(data);
    const seed = await engine.add(payload.torrent, { output: data });
    const announced = new Promise<void>((resolve) => seed.on('tracker', () => resolve()));
    await within(Promise.all([seed.completed, announced]), 'the seed');

    const output = await swarm.folder();
    const diagnosis = await run(payload, { output });
    expect(diagnosis).to.include({
      verdict: 'alive',
      advice: 'The torrent is alive (1 peer with every piece answered); start the download.',
    });
    const [byHttp, byUdp] = found(diagnosis, 'tracker').sort((a, b) => a.tier - b.tier);
    expect(byHttp).to.include({ url: server.url, state: 'answers', seeds: 1, peers: 1, tier: 0 });
    expect(byUdp).to.include({ url: server.udpUrl, state: 'answers', seeds: 1, tier: 1 });
    const [peer, ...others] = found(diagnosis, 'peer');
    expect(peer).to.include({ outcome: 'talks', port: engine.port, pieces: 20 });
    expect(peer?.client).to.match(/^Millrace /);
    expect(others).to.deep.equal([]);
    expect(found(diagnosis, 'pieces')[0]).to.include({ missingPieces: 0, wholePeers: 1 });
    expect(found(diagnosis, 'write')[0]).to.include({ level: 'ok', folder: output });
    expect(found(diagnosis, 'port')[0]?.reachedAt).to.not.be.empty;
    expect(found(diagnosis, 'clock')[0]).to.include({ level: 'skip' });
    expect(server.stats().peers).to.equal(1);
    expect(await readdir(output)).to.deep.equal([]);
  });

  it('examines a magnet link: its trackers and peers, and who has the metadata', async () => {
    const server = await startTracker({ udpPort: 0 });
    swarm.onClose(() => server.close());
    const payload = torrentOf([server.url]);
    const engine = await swarm.engine();
    const data = await swarm.folder();
    await payload.write(data);
    const seed = await engine.add(payload.torrent, { output: data });
    await within(seed.completed, 'the seed');
    const output = await swarm.folder();
    const link = `${formatMagnet(payload.metainfo)}&x.pe=127.0.0.1:${engine.port}`;
    const options = { output, timeoutMs: TIMEOUT_MS };
    const diagnosis = await within(diagnose(link, options), 'a diagnosis');
    const [torrent] = found(diagnosis, 'torrent');
    expect(torrent?.message).to.match(/: a magnet link, names 1 tracker$/);
    expect(torrent).to.not.have.any.keys('totalBytes', 'pieceCount');
    expect(found(diagnosis, 'tracker')[0]).to.include({ state: 'answers', url: server.url });
    expect(found(diagnosis, 'write')[0]).to.include({ level: 'ok', folder: output });
    expect(found(diagnosis, 'space')).to.deep.equal([]);
    expect(found(diagnosis, 'pieces')).to.deep.equal([]);
    const [peer] = found(diagnosis, 'peer');
    expect(peer).to.include({ outcome: 'talks', port: engine.port, whole: true });
    expect(found(diagnosis, 'metadata')[0]).to.include({ talkingPeers: 1, wholePeers: 1 });
    await expectCode(diagnose('magnet:?dn=x', options), 'bad-magnet');
  });

  it('finds a torrent dead that its tracker does not know', async () => {
    const server = await startTracker({});
    swarm.onClose(() => server.close());
    const diagnosis = await run(torrentOf([server.url]));
    expect(diagnosis.verdict).to.equal('dead');
    expect(diagnosis.advice).to.match(/do not know it/);
    expect(found(diagnosis, 'tracker')[0]).to.include({ known: false, level: 'warn' });
  });

  it('finds a torrent dead that its tracker refuses', async () => {
    const server = await startTracker({ udpPort: 0, whitelist: ['00'.repeat(20)] });
    swarm.onClose(() => server.close());
    const diagnosis = await run(torrentOf([server.url, server.udpUrl ?? '']));
    expect(diagnosis.verdict).to.equal('dead');
    for (const each of found(diagnosis, 'tracker')) {
      expect(each).to.include({ state: 'refuses', known: false });
    }
  });

  it('cannot tell when nothing answers', async () => {
    const port = await freePort();
    const payload = torrentOf([`http://127.0.0.1:${port}/announce`]);
    const diagnosis = await run(payload, { peers: [`127.0.0.1:${port}`] });
    expect(diagnosis.verdict).to.equal('unknown');
    expect(found(diagnosis, 'tracker')[0]).to.include({ state: 'fails', cause: 'ECONNREFUSED' });
    expect(found(diagnosis, 'peer')[0]).to.include({ outcome: 'refused', port });
    expect(diagnosis.advice).to.match(/did not take a connection/);
    const alone = await run(payload);
    expect(alone.advice).to.match(/its tracker does not answer/);
  });

  it('reports an undecided verdict in time when a tracker stays silent', async () => {
    const silent = await tracker(() => undefined);
    const diagnosis = await run(torrentOf([silent.url]), { timeoutMs: 500 });
    expect(diagnosis.verdict).to.equal('unknown');
    expect(found(diagnosis, 'tracker')[0]).to.include({ code: 'tracker-timeout' });
    // It may have received our announce nevertheless.
    expect(silent.queries.map((query) => query.get('event'))).to.deep.equal([null, 'stopped']);
  });

  it('announces stopped after an unusable answer, not after a refusal', async () => {
    const events = async (
      { url, queries }: { url: string; queries: URLSearchParams[] },
      code: string,
    ): Promise<unknown[]> => {
      expect(found(await run(torrentOf([url])), 'tracker')[0]).to.include({ code });
      return queries.map((query) => query.get('event'));
    };
    const odd = await tracker(() => ({ interval: 60, peers: 'odd' }));
    expect(await events(odd, 'tracker-bad-reply')).to.deep.equal([null, 'stopped']);
    const broken = await tracker(() => ({}), {}, 500);
    expect(await events(broken, 'tracker-http-status')).to.deep.equal([null, 'stopped']);
    const refusing = await tracker(() => ({ 'failure reason': 'no' }));
    expect(await events(refusing, 'tracker-failure')).to.deep.equal([null]);
  });

  it('does not treat a lost datagram as a dead tracker', async () => {
    const server = await startTracker({ port: false, udpPort: 0 });
    swarm.onClose(() => server.close());
    // Between us and the tracker, and loses the first packet of every kind.
    const seen = new Set<number>();
    const net = createSocket('udp4');
    let client: RemoteInfo | undefined;
    net.on('message', (packet, from) => {
      if (from.port === server.udpPort) return net.send(packet, client?.port, client?.address);
      client = from;
      const action = packet.readUInt32BE(8);
      if (seen.has(action)) net.send(packet, server.udpPort, '127.0.0.1');
      seen.add(action);
    });
    net.bind(0, '127.0.0.1');
    await once(net, 'listening');
    swarm.onClose(async () => void net.close());
    const diagnosis = await run(torrentOf([`udp://127.0.0.1:${net.address().port}/announce`]));
    expect(found(diagnosis, 'tracker')[0]).to.include({ state: 'answers', known: false });
    expect(server.stats().scrapes.udp).to.equal(1);
  });

  it('names the pieces that no peer has', async () => {
    const bare = torrentOf([]);
    const one = await swarm.seed(bare, { pieces: [...Array(12).keys()] });
    const two = await swarm.seed(bare, { pieces: [0, 1, 15, 16, 17, 18, 19] });
    const peers = compact(one.port, two.port);
    const scripted = await tracker(() => ({ interval: 60, complete: 0, incomplete: 3, peers }));
    const diagnosis = await run(torrentOf([scripted.url]));
    expect(diagnosis.verdict).to.equal('dead');
    expect(diagnosis.advice).to.match(/none of the 2 peers that answered has pieces 12-14 /);
    const [pieces] = found(diagnosis, 'pieces');
    expect(pieces).to.include({ talkingPeers: 2, wholePeers: 0, missingPieces: 3 });
    expect(pieces?.missing).to.deep.equal([{ first: 12, last: 14 }]);
  });

  it('announces as an empty leecher, on a port of its own, and announces stopped', async () => {
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    swarm.onClose(async () => taken.close());
    const { port } = taken.address() as AddressInfo;
    const scripted = await tracker(() => ({ interval: 60, peers: '', 'tracker id': 'you' }));
    const diagnosis = await run(torrentOf([scripted.url]), { port });
    expect(found(diagnosis, 'port')[0]).to.include({ level: 'fail', cause: 'EADDRINUSE', port });
    const [first, last] = scripted.queries;
    expect(scripted.queries).to.have.length(2);
    expect([first?.get('event'), first?.get('left')]).to.deep.equal([null, String(320 * KIB)]);
    expect([last?.get('event'), last?.get('trackerid')]).to.deep.equal(['stopped', 'you']);
    expect(first?.get('port')).to.equal(last?.get('port')).and.not.equal(String(port));
  });

  it('dials no more than the sample, but every peer that was named by hand', async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const scripted = await tracker(() => ({ interval: 60, complete: 3, peers: compact(...ports) }));
    const payload = torrentOf([scripted.url]);
    const small = await run(payload, { samplePeers: 2 });
    expect(found(small, 'peer')).to.have.length(2);
    expect(found(small, 'pieces')[0]).to.include({ knownPeers: 3, triedPeers: 2 });
    const named = ports.map((port) => ({ host: '127.0.0.1', port }));
    const all = await run(payload, { samplePeers: 1, peers: named });
    expect(found(all, 'pieces')[0]).to.include({ knownPeers: 3, triedPeers: 3 });
  });

  it('shows secrets only on request', async () => {
    const secret = '0123456789abcdef0123456789abcdef';
    const scripted = await tracker(() => ({ 'failure reason': `who is ${secret}?` }));
    const url = scripted.url
      .replace('http://', 'http://user:word@')
      .replace('/announce', `/announce/${secret}/announce`);
    const payload = torrentOf([url]);
    const hidden = JSON.stringify(await run(payload));
    expect(hidden).to.include('"check":"tracker"').and.not.include(secret).and.not.include('word@');
    expect(hidden).to.include('who is 012…?');
    const shown = await run(payload, { showSecrets: true });
    expect(found(shown, 'tracker')[0]?.url).to.equal(url);
  });

  it('has left one tracker of a host before it asks the next: they may be the same', async () => {
    const scripted = await tracker(() => ({ interval: 60, peers: '' }));
    await run(torrentOf([`${scripted.url}?way=1`, `${scripted.url}?way=2`]));
    expect(scripted.queries.map((query) => [query.get('way'), query.get('event')])).to.deep.equal([
      ['1', null],
      ['1', 'stopped'],
      ['2', null],
      ['2', 'stopped'],
    ]);
  });

  it('does not wait for many silent trackers of a host one by one', async () => {
    const scripted = await tracker(() => undefined);
    const urls = Array.from({ length: 50 }, (_, at) => `${scripted.url}?way=${at}`);
    // 50 times 400 ms would be 20 s.
    const diagnosing = run(torrentOf(urls), { timeoutMs: 400 });
    expect(found(await within(diagnosing, 'all of them', 15_000), 'tracker')).to.have.length(50);
  });

  it('compares the clock with that of a tracker', async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const scripted = await tracker(() => ({ interval: 60, peers: '' }), { date });
    const [clock] = found(await run(torrentOf([scripted.url])), 'clock');
    expect(clock?.level).to.equal('warn');
    expect(clock?.aheadSec).to.be.within(3590, 3690);
  });

  it('asks at most fifty trackers, each once', async () => {
    const port = await freePort();
    const urls = Array.from({ length: 60 }, (_, at) => `http://127.0.0.1:${port}/${at}/announce`);
    const diagnosis = await run(torrentOf([...urls, ...urls]));
    expect(found(diagnosis, 'torrent')[0]).to.include({ trackers: 60, trackersLeftOut: 10 });
    expect(found(diagnosis, 'tracker')).to.have.length(50);
  });

  describe('with names', () => {
    const never = new Promise<never>(() => undefined);
    const url = 'http://tracker.example:1/announce';

    async function examined(resolve: () => Promise<never>): Promise<readonly Finding[]> {
      const findings: Finding[] = [];
      const { metainfo } = torrentOf([url, 'udp://tracker.example:2']);
      await examine(
        { ...metainfo, metainfo },
        {
          output: await swarm.folder(),
          peers: [],
          samplePeers: 1,
          port: 0,
          timeoutMs: 300,
          showSecrets: false,
          version: '0.0.0',
          onFinding: (finding) => findings.push(finding),
          resolve,
        },
      );
      return findings;
    }

    it('looks each one up once, and blames DNS', async () => {
      let asked = 0;
      const findings = await examined(async () => {
        asked += 1;
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      });
      expect(asked).to.equal(1);
      const names = found({ findings }, 'dns');
      expect(names).to.have.length(1);
      expect(names[0]).to.include({ host: 'tracker.example', cause: 'ENOTFOUND', level: 'fail' });
      expect(judge(findings).advice).to.match(/your DNS says there is no tracker\.example/);
    });

    it('does not wait for ever for an answer', async () => {
      const findings = await examined(() => never);
      expect(found({ findings }, 'dns')[0]).to.include({ cause: 'ETIMEOUT' });
      expect(judge(findings).verdict).to.equal('unknown');
    });
  });

  it('ends at once when its signal aborts, and announces stopped', async () => {
    const stop = new AbortController();
    const scripted = await tracker((query) => {
      if (query.has('event')) return { interval: 60 };
      stop.abort(new Error('enough'));
      return undefined;
    });
    const payload = torrentOf([scripted.url]);
    const reason = within(diagnose(payload.torrent, { signal: stop.signal }), 'the end').then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(await reason).to.equal('enough');
    expect(scripted.queries.map((query) => query.get('event'))).to.deep.equal([null, 'stopped']);
  });

  it('rejects with what a listener throws, once all has ended', async () => {
    const error = new Error('not mine');
    const scripted = await tracker(() => ({ interval: 60, peers: '' }));
    const onFinding = (finding: Finding): void => {
      if (finding.check === 'tracker') throw error;
    };
    await expectError(diagnose(torrentOf([scripted.url]).torrent, { onFinding }), error);
  });

  it('lists the allowed values of its options', async () => {
    const { torrent } = torrentOf([]);
    for (const wrong of [
      { samplePeers: 0 },
      { samplePeers: 201 },
      { port: -1 },
      { timeoutMs: 5 },
    ]) {
      await expectCode(diagnose(torrent, wrong), 'bad-option');
    }
    await expectCode(diagnose(torrent, { peers: ['nowhere'] }), 'bad-peer-address');
    await expectCode(diagnose('/not/there.torrent'), 'torrent-unreadable');
  });
});
