// Torrents with padding files, made by libtorrent, both ways: the same files, figures and `left`.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { readTorrent, verifyTorrent } from '../../lib/index';
import { layoutOf } from '../../lib/metainfo/layout';
import {
  downloadWithLibtorrent,
  downloadWithMillrace,
  eventsOf,
  seedWithLibtorrent,
  seedWithMillrace,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, digestsOf } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { readPcapng, streamFrom } from '../support/pcapng-reader';

const TIMEOUT_MS = 120_000;
/** The message `request` (BEP 3). */
const REQUEST_ID = 6;
const FILES: Readonly<Record<string, number>> = {
  'a.bin': 100_000,
  'b.bin': 50_001,
  'd/aligned.bin': 64 * KIB,
  'd/c.bin': 200_000,
  empty: 0,
  'one byte': 1,
};

/** What libtorrent reports about the torrent that it made. */
interface MadeTorrent {
  readonly infoHash: string;
  readonly totalBytes: number;
  readonly doneBytes: number;
  readonly paddedBytes: number;
  readonly files: readonly string[];
}

/** A tracker that lists all peers to all, and records `left` of the first announce. */
async function startNotingTracker(): Promise<{
  readonly server: http.Server;
  readonly url: string;
  readonly left: number[];
}> {
  const ports = new Set<number>();
  const left: number[] = [];
  const server = http.createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const port = Number(searchParams.get('port'));
    if (searchParams.get('event') === 'started') left.push(Number(searchParams.get('left')));
    const others = [...ports].filter((other) => other !== port);
    ports.add(port);
    const peers = Buffer.concat(
      others.map((other) => Buffer.from([127, 0, 0, 1, other >> 8, other])),
    );
    response.end(encode({ interval: 1800, peers }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/announce`, left };
}

interface Request {
  readonly piece: number;
  readonly begin: number;
  readonly lengthBytes: number;
}

/** The requests that a traced download sent on its first connection. */
async function requestsIn(trace: string): Promise<Request[]> {
  const { packets } = readPcapng(await readFile(trace));
  const bytes = streamFrom(packets, packets[0]?.from ?? '');
  const requests: Request[] = [];
  for (let at = 68; at + 4 <= bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    if (bytes.readUInt32BE(at) !== 13 || bytes[at + 4] !== REQUEST_ID) continue;
    const [piece = 0, begin = 0, lengthBytes = 0] = [5, 9, 13].map((to) =>
      bytes.readUInt32BE(at + to),
    );
    requests.push({ piece, begin, lengthBytes });
  }
  return requests;
}

describeWith(['libtorrent'], 'interop of padding', () => {
  useClients();
  let folder = '';
  let payload: Payload;
  let made: MadeTorrent;
  let tracker: Awaited<ReturnType<typeof startNotingTracker>>;

  before(async function () {
    this.timeout(TIMEOUT_MS);
    folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
    const data = join(folder, 'data');
    const source = join(data, 'padded');
    for (const [path, lengthBytes] of Object.entries(FILES)) {
      mkdirSync(dirname(join(source, path)), { recursive: true });
      const bytes = Buffer.from(
        Uint8Array.from({ length: lengthBytes }, (_, at) => (at * 7) % 251),
      );
      writeFileSync(join(source, path), bytes);
    }
    tracker = await startNotingTracker();
    const torrent = join(folder, 'padded.torrent');
    const script = join(__dirname, 'libtorrent-padding.py');
    const output = execFileSync('/usr/bin/python3', [script, source, torrent, tracker.url]);
    made = JSON.parse(output.toString()) as MadeTorrent;
    tracker.left.length = 0;
    payload = { folder: data, torrent, infoHash: made.infoHash, digests: await digestsOf(data) };
  });
  after(async () => {
    tracker.server.closeAllConnections();
    tracker.server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Without a `.pad` folder anywhere. */
  async function expectSameFiles(output: string): Promise<void> {
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
    const top = await readdir(join(output, 'padded'));
    expect(top.sort()).to.deep.equal(['a.bin', 'b.bin', 'd', 'empty', 'one byte']);
  }

  it('has the size and the files that libtorrent reports', async () => {
    const metainfo = await readTorrent(payload.torrent);
    const { totalLengthBytes, paddingBytes = 0, files } = metainfo;
    expect(Buffer.from(metainfo.infoHash).toString('hex')).to.equal(made.infoHash);
    expect(totalLengthBytes).to.equal(made.paddedBytes);
    expect(totalLengthBytes - paddingBytes)
      .to.equal(made.totalBytes)
      .and.equal(made.doneBytes);
    expect(files.map(({ path }) => path.join('/'))).to.deep.equal(made.files);
    const report = await verifyTorrent(metainfo, { data: payload.folder, threads: 1 });
    expect(report.whole).to.equal(true);
  });

  it('comes from libtorrent', async function () {
    this.timeout(TIMEOUT_MS);
    await seedWithLibtorrent(payload);
    const output = mkdtempSync(join(folder, 'output-'));
    const trace = join(folder, 'download.pcapng');
    tracker.left.length = 0;
    const client = await downloadWithMillrace(payload, output, ['--trace', trace]);
    await expectSameFiles(output);
    const requests = await requestsIn(trace);
    expect(requests.length).to.be.above(0);
    const layout = layoutOf(await readTorrent(payload.torrent));
    for (const { piece, begin, lengthBytes } of requests) {
      const spans = layout.spans(piece * layout.pieceLengthBytes + begin, lengthBytes);
      const asksForBytes = spans.some(({ path }) => path !== undefined);
      expect(asksForBytes, `${piece} at ${begin}`).to.equal(true);
    }
    expect(tracker.left).to.include(made.paddedBytes);
    const [complete] = eventsOf(client, 'complete');
    expect(complete).to.include({ totalBytes: made.totalBytes });
  });

  it('goes to libtorrent', async function () {
    this.timeout(TIMEOUT_MS);
    await seedWithMillrace(payload);
    const output = mkdtempSync(join(folder, 'output-'));
    tracker.left.length = 0;
    await downloadWithLibtorrent(payload, output);
    await expectSameFiles(output);
    // What libtorrent reports as missing matches ours above.
    expect(tracker.left).to.deep.equal([made.paddedBytes]);
  });
});
