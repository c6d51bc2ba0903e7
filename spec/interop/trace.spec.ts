// Wire traces as Wireshark reads them: every message named, nothing malformed, no TCP warnings.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Coordinator } from '../../lib/index';
import {
  downloadWithMillrace,
  libtorrentPort,
  seedWithLibtorrent,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { KIB, digestsOf, makePayload } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';

const TIMEOUT_MS = 120_000;

const BLOCKS = 64;
const LAYOUT = {
  pieceLengthBytes: 64 * KIB,
  files: new Map([['payload.bin', BLOCKS * 16 * KIB - 5]]),
};

/**
 * A port that another dissector claims must not hide the messages: the handshake identifies them.
 */
const PREFERENCES = ['tcp.try_heuristic_first', 'tcp.check_checksum', 'ip.check_checksum'];

async function tshark(file: string, ...args: readonly string[]): Promise<string[]> {
  const preferences = PREFERENCES.flatMap((name) => ['-o', `${name}:TRUE`]);
  const { stdout } = await promisify(execFile)(
    'tshark',
    ['-n', '-r', file, ...preferences, ...args],
    { maxBuffer: 64 * 1024 * KIB },
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** Wireshark's names of the messages, with their counts. */
async function countNames(file: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const info of await tshark(file, '-Y', 'bittorrent', '-T', 'fields', '-e', '_ws.col.Info')) {
    const name = /^[A-Z][a-z]*( [A-Z][a-z]+)*/.exec(info)?.[0] ?? info;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** What must match no packet: damage, doubt, or a message that Wireshark cannot name. */
const UNSOUND = [
  '_ws.malformed',
  'tcp.analysis.flags',
  '(tcp.len > 0 && !bittorrent)',
  'bittorrent.continuous_data',
  'tcp.checksum.status == "Bad"',
  'ip.checksum.status == "Bad"',
].join(' || ');

describeWith(['tshark', 'libtorrent'], 'interop: wire traces in tshark', () => {
  useClients();
  let folder = '';
  let payload: Payload;
  let output = '';
  let file = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-trace-'));
    payload = await makePayload(folder, LAYOUT, 'http://127.0.0.1:9/announce'); // nobody is there
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    output = await mkdtemp(join(folder, 'output-'));
    file = join(output, '..', 'download.pcapng');
  });
  afterEach(() => rm(output, { recursive: true }));

  for (const kind of ['cut', 'whole'] as const) {
    it(`has every message between two of us named, blocks ${kind}`, async () => {
      const seedFile = join(folder, 'seed.pcapng');
      const trace = { file: seedFile, payload: kind === 'whole' };
      const engine = await Coordinator.start({ host: '127.0.0.1', trace });
      try {
        const seed = await engine.add(payload.torrent, { output: payload.folder });
        await seed.completed;
        const more = kind === 'whole' ? ['--trace-payload'] : [];
        const peer = ['--peer', `127.0.0.1:${engine.port}`];
        await downloadWithMillrace(payload, output, [...peer, '--trace', file, ...more]);
      } finally {
        await engine.close();
      }
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
      for (const side of [file, seedFile]) {
        expect(await tshark(side, '-Y', UNSOUND)).to.deep.equal([]);
        expect(await countNames(side)).to.include({
          Handshake: 2,
          'Have All': 1,
          'Have None': 1,
          Extended: 2,
          Interested: 1,
          Unchoke: 1,
          Request: BLOCKS,
          Piece: BLOCKS,
        });
        const places = await tshark(
          side,
          ...['-Y', 'bittorrent.msg.type == 7', '-T', 'fields'],
          ...['-e', 'bittorrent.piece.index', '-e', 'bittorrent.piece.begin'],
        );
        expect(new Set(places).size).to.equal(BLOCKS);
        const [why = ''] = await tshark(
          side,
          '-Y',
          'frame.comment',
          '-T',
          'fields',
          '-e',
          'frame.comment',
        );
        expect(why).to.match(/^closed reason=[a-z-]+ rule="/);
      }
    }).timeout(TIMEOUT_MS);
  }

  it('has every message of libtorrent over IPv6 named', async () => {
    const port = libtorrentPort(await seedWithLibtorrent(payload, '::1'));
    const args = ['--peer', `[::1]:${port}`, '--trace', file, '--trace-peer', '[::1]'];
    await downloadWithMillrace(payload, output, args);
    expect(await tshark(file, '-Y', UNSOUND)).to.deep.equal([]);
    const counts = await countNames(file);
    // The fast extension (BEP 6) is in use.
    expect(counts).to.include({ Handshake: 2, 'Have All': 1, 'Have None': 1, Interested: 1 });
    expect(counts.Piece).to.be.at.least(BLOCKS);
    expect(await tshark(file, '-Y', '!ipv6')).to.deep.equal([]);
  }).timeout(TIMEOUT_MS);
});
