// Each option names its allowed values, and refuses the rest before anything starts.

import { expect } from 'chai';
import { join } from 'node:path';
import { fakeApi, millrace } from '../fakes';

const WRONG: readonly [argv: string[], says: RegExp][] = [
  [['download'], /missing required argument 'torrent'/],
  [['download', 'a', 'b'], /too many arguments/],
  [['download', ''], /must not be empty/],
  [
    ['verify', 'magnet:?xt=urn:btih:00', '--data', '.'],
    /A magnet link does not hold the hashes of the data/,
  ],
  [['download', 'a', '--max-metadata', '15K'], /from 16 KiB to 64 MiB, such as 512K or 64M/],
  [['download', 'a', '--nonsense'], /unknown option '--nonsense'/],
  [['download', 'a', '--port', '65536'], /whole number from 0 to 65535/],
  [['download', 'a', '--port', '-1'], /whole number from 0 to 65535/],
  [['download', 'a', '--port', '6881x'], /whole number from 0 to 65535/],
  [['download', 'a', '--port', '1e3'], /whole number from 0 to 65535/],
  [['download', 'a', '--peer', '127.0.0.1'], /HOST:PORT or \[IPV6\]:PORT/],
  [['download', 'a', '--peer', '127.0.0.1:0'], /port from 1 to 65535/],
  [['download', 'a', '--peer', '::1:6881'], /HOST:PORT or \[IPV6\]:PORT/],
  [['download', 'a', '--peer', '[host]:6881'], /HOST:PORT or \[IPV6\]:PORT/],
  [['download', 'a', '--peer-threads', '0'], /whole number from 1 to 32/],
  [['download', 'a', '--verify-threads', '1'], /whole number from 2 to 64/],
  [['seed', 'a', '--upload-slots', 'all'], /whole number from 1 to 1000, or auto/],
  [['seed', 'a', '--seed-choking', 'first'], /Allowed choices are round-robin, fastest-upload/],
  [['seed', 'a', '--connections-per-address', '0'], /whole number from 1 to 8000/],
  [
    ['download', 'a', '--memory', '3'],
    /from 4 MiB to 4 GiB, such as 100M or 1.5G; a number alone counts MiB/,
  ],
  [['seed', 'a', '--memory', '100X'], /from 4 MiB to 4 GiB, such as/],
  [['seed', 'a', '--memory', '5G'], /from 4 MiB to 4 GiB, such as/],
  [
    ['download', 'a', '--stall-timeout', '0'],
    /a time above 0 s and up to 7 d, such as 60 or 5min; a number alone counts seconds/,
  ],
  [['download', 'a', '--seed-ratio', 'all'], /number from 0 up to/],
  [
    ['download', 'a', '--seed-time', '-5'],
    /from 0 s to 3650 d, such as 90 or 36h; a number alone counts minutes/,
  ],
  [['download', 'a', '--seed', '--seed-ratio', '1'], /cannot be used with/],
  [['download', 'a', '--seed-time', '1', '--seed-ratio', '1'], /cannot be used with/],
  [['download', 'a', '--log-level', 'loud'], /trace, debug, info, warn, error, fatal/],
  [['download', 'a', '--announce-to-all', 'some'], /none, tiers, trackers/],
  [['seed', 'a'], /--data <DIR>' not specified/],
  [['create', '/'], /say with --output what to write/],
  [['create', 'a', '-o', 'b', '--piece-length', '100000'], /power of two from 16 KiB/],
  [['create', 'a', '-o', 'b', '--piece-length', '8K'], /power of two from 16 KiB/],
  [
    ['create', 'a', '-o', 'b', '--piece-length', '512M'],
    /from 16 KiB to 256 MiB, such as 256K or 4M; a number alone counts bytes/,
  ],
  [['create', 'a', '-o', 'b', '--tracker', 'tracker.example'], /starts with http/],
  [['verify', 'a'], /--data <DIR>' not specified/],
  [['tracker', '--http', '65536'], /whole number from 0 to 65535/],
  [['tracker', '--interval', '0'], /whole seconds from 1 s to 1 d, such as 300 or 30min/],
  [['tracker', '--interval', '1.5'], /whole seconds/],
  [['doctor', 'a', '--timeout', '11min'], /from 0.1 s to 10 min, such as/],
  [['scrape', 'a', '--timeout', '0'], /from 0.1 s to 10 min, such as/],
  [['tracker', '--peers-per-ip', 'many'], /whole number from 1 to/],
  [['share'], /missing required argument 'path'/],
  [['share', 'a', '--port', 'x'], /whole number from 0 to 65535/],
  [['share', 'a', '--piece-length', '100000'], /power of two from 16 KiB/],
  [['demo', '--size', '0'], /from 1 MiB to 64 GiB, such as 100M or 1G/],
  [
    ['download', 'a', '--ouput', 'b'],
    /\(Did you mean --output\?\)\n\(millrace download --help lists/,
  ],
  [['frobnicate'], /unknown command 'frobnicate'\n\(millrace --help lists the commands\)/],
  [['dowload', 'a'], /\(Did you mean download\?\)/],
  [['dowload', '--help'], /\(Did you mean download\?\)/],
  [['help', 'dowload'], /unknown command 'dowload'\n\(Did you mean download\?\)/],
  [['help', 'toString'], /unknown command 'toString'/],
  [['--frobnicate'], /unknown option '--frobnicate'/],
];

describe('cli options', () => {
  for (const [argv, says] of WRONG) {
    it(`refuses: millrace ${argv.join(' ')}`, async () => {
      const { api, engine } = fakeApi();
      const { exitCode, io } = await millrace(argv, { api });
      expect(io.err)
        .to.match(says)
        .and.match(/^millrace: /);
      expect(exitCode).to.equal(2);
      expect(io.out).to.equal('');
      expect(engine.calls).to.deep.equal([]);
    });
  }

  it('quotes no tracker URL whole in what it refuses', async () => {
    const key = '0123456789abcdef';
    for (const argv of [
      ['announce', 'x', '--tracker', `t.example:80/${key}/announce`],
      ['announce', 'x', '--tracker', `https://t.example/${key}/announce `],
      ['create', 'x', '-o', 'y', '--tracker', `ftp://t.example/it's/${key}`],
      ['create', 'x', '-o', 'y', `--trackers=http://t.example/${key}/announce`],
      ['seed', `magnet:?xt=urn:btih:00&tr=http://t.example/${key}/announce`, '--data', '.'],
    ]) {
      const { exitCode, io } = await millrace(argv, { api: fakeApi().api });
      expect(exitCode).to.equal(2);
      expect(io.err).to.not.include(key).and.not.equal('');
    }
    for (const link of [
      'magnet:?xt=urn:btih:00',
      `magnet:?xt=urn:btih:${'a'.repeat(40)}&tr=ftp:`,
    ]) {
      const refused = await millrace(['info', `${link}&tr=x://t.example/${key}/announce`]);
      expect(refused.io.err + refused.io.out)
        .to.not.include(key)
        .and.not.equal('');
    }
  });

  it('hands options on in the units of the library', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => torrent.complete();
    const argv = ['download', 'a.torrent', '--output', '/tmp/x', '--port', '7000', '--force'];
    argv.push('--peer', '192.0.2.1:1', '--peer', '[::1]:2', '--peer', 'host.example:3');
    argv.push('--peer-threads', '3', '--verify-threads', '4', '--memory', '0.1G', '--recheck');
    argv.push('--connections-per-address', '30', '--multiple-per-address');
    argv.push('--upload-slots', '20', '--seed-choking', 'fastest-upload');
    argv.push('--bind', 'tun0', '--announce-address', 'x.example', '--announce-port', '7001');
    argv.push('--dscp', '8', '--max-peers', '500');
    argv.push('--ip-filter', 'a.p2p', '--ip-filter', 'b.dat', '--ip-allow', 'c');
    argv.push('--announce-to-all', 'tiers', '--follow-links', '--adopt', '--max-metadata', '512K');
    const { exitCode } = await millrace(argv, { api });
    expect(exitCode).to.equal(0);
    const [start, add, close] = engine.calls;
    expect(start?.[1]).to.deep.include({
      ipFilter: { blockFiles: ['a.p2p', 'b.dat'], allowFiles: ['c'] },
      bind: 'tun0',
      announceAddress: 'x.example',
      announcePort: 7001,
      dscp: 8,
      maxConnections: 500,
      maxConnectionsPerTorrent: 500,
      port: 7000,
      peerThreads: 3,
      verifyThreads: 4,
      connectionsPerAddress: 30,
      multiplePerAddress: true,
      uploadSlots: 20,
      seedChoking: 'fastest-upload',
      memoryBytes: Math.floor(0.1 * 1024 ** 3),
      logger: undefined,
    });
    expect(add?.[2]).to.deep.equal({
      output: '/tmp/x',
      peers: ['192.0.2.1:1', '[::1]:2', 'host.example:3'],
      force: true,
      adopt: true,
      followLinks: true,
      recheck: true,
      maxMetadataBytes: 512 * 1024,
      seed: false,
      announceToAll: 'tiers',
    });
    expect(close).to.deep.equal(['close']);
  });

  it('leaves defaults to the library, listens on a free port, and asks for no log', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => torrent.complete();
    await millrace(['download', 'a.torrent'], { api });
    expect(engine.calls[0]?.[1]).to.include({
      port: 0,
      peerThreads: undefined,
      memoryBytes: undefined,
      logger: undefined,
    });
    expect(engine.calls[1]?.[2]).to.include({ output: '.', seed: false });
  });

  it('takes piece lengths in bytes, K and M', async () => {
    for (const [text, bytes] of [
      ['16384', 16_384],
      ['256K', 262_144],
      ['4MiB', 4_194_304],
    ] as const) {
      let given: unknown;
      const { api } = fakeApi({
        createTorrent: (_path: string, options: { pieceLengthBytes: number }) => {
          given = options.pieceLengthBytes;
          return Promise.reject(new Error('enough'));
        },
      });
      await millrace(
        ['create', __filename, '-o', join(__dirname, 'never'), '--piece-length', text],
        {
          api,
        },
      );
      expect(given).to.equal(bytes);
    }
  });
});
