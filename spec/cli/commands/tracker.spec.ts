// `tracker` with the real tracker, on loopback; `share` with one that is made up.

import { expect } from 'chai';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as api from '../../../lib/index';
import type { Api } from '../../../lib/cli/context';
import { shellWord } from '../../../lib/cli/output/shell';
import { FakeIo, FakeProcess, FakeTorrent, fakeApi, fakeMetainfo, millrace } from '../fakes';

/** Runs a command that goes on until it is stopped: waits for its first line, looks, stops it. */
async function during(
  argv: readonly string[],
  used: Api,
  look: (io: FakeIo) => Promise<void> | void,
): Promise<{ exitCode: number; io: FakeIo }> {
  const io = new FakeIo();
  const process = new FakeProcess();
  const spoke = new EventEmitter();
  const write = io.stdout.bind(io);
  io.stdout = (text) => {
    write(text);
    spoke.emit('line');
  };
  const firstLine = once(spoke, 'line');
  const ended = millrace(argv, { api: used, io, process });
  await Promise.race([firstLine, ended]);
  await look(io);
  process.emit('SIGINT');
  return ended;
}

describe('cli tracker', () => {
  const LOCAL = ['tracker', '--host', '127.0.0.1', '--http', '0', '--udp', '0'];
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-tracker-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('prints its URLs, sums up, and ends with 130', async () => {
    const { exitCode, io } = await during(LOCAL, api, async ({ out }) => {
      const page = /http:\/\/127\.0\.0\.1:\d+\/stats/.exec(out)?.[0] ?? '';
      expect((await fetch(`${page}.json`)).status).to.equal(200);
    });
    expect(exitCode).to.equal(130);
    expect(io.out).to.match(
      /^http:\/\/127\.0\.0\.1:\d+\/announce\nudp:\/\/127\.0\.0\.1:\d+\/announce\nhttp:.*\/stats\n$/,
    );
    expect(io.err).to.match(/0 torrents, 0 peers, 0 seeds; 0 announces \(0 HTTP, 0 UDP\)/);
  });

  it('speaks one protocol alone, in JSON', async () => {
    const { io } = await during([...LOCAL, '--no-http', '--json'], api, () => undefined);
    const [started, stats] = io.json();
    expect(started).to.include({ type: 'tracker-started', stats: null });
    expect(started?.announce).to.have.length(1);
    expect(stats).to.include({ type: 'tracker-stats', peers: 0 });
    const neither = await millrace([...LOCAL, '--no-http', '--no-udp'], { api });
    expect(neither.exitCode).to.equal(2);
    expect(neither.io.err).to.contain('a port for HTTP, for UDP, or both');
  });

  it('names no IPv6 address where it listens on IPv4 alone', async () => {
    const used: Api = { ...api, localAddresses: () => ['10.0.0.2', 'fd00::2'] };
    const argv = (host: string) => ['tracker', '--host', host, '--http', '0', '--udp', '0'];
    const { io } = await during(argv('0.0.0.0'), used, () => undefined);
    expect(io.out).to.contain('http://10.0.0.2:').and.not.contain('[');
    const { io: both } = await during(argv('::'), used, () => undefined);
    expect(both.out).to.contain('http://10.0.0.2:').and.contain('udp://[fd00::2]:');
  });

  it('takes its list from a file or from a folder of torrents, and its limits', async () => {
    const asked: (Parameters<Api['startTracker']>[0] | undefined)[] = [];
    const used: Api = {
      ...api,
      startTracker: (options) => {
        asked.push(options);
        return api.startTracker(options);
      },
    };
    const list = join(folder, 'list.txt');
    const hash = 'ab'.repeat(20);
    await writeFile(list, `# ours\n${hash} # the first\r\n\n`);
    await writeFile(
      join(folder, 'x.torrent'),
      `d4:infod6:lengthi5e4:name5:small12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}ee`,
    );
    const more = ['--peers-per-ip', '7', '--torrents', '3', '--interval', '60'];
    await during([...LOCAL, '--whitelist', list, ...more], used, () => undefined);
    expect(asked[0]).to.deep.include({ whitelist: [hash], intervalSec: 60 });
    expect(asked[0]?.limits).to.include({ maxPeersPerIp: 7, maxTorrents: 3 });
    await during([...LOCAL, '--whitelist', folder], used, () => undefined);
    const { infoHash } = await api.readTorrent(join(folder, 'x.torrent'));
    expect(asked[1]?.whitelist).to.deep.equal([Buffer.from(infoHash).toString('hex')]);
    const device = await millrace([...LOCAL, '--whitelist', '/dev/zero'], { api });
    expect(device.io.err).to.contain('/dev/zero').and.contain('neither a file nor a folder');
    await writeFile(list, 'not a hash\n');
    const wrong = await millrace([...LOCAL, '--whitelist', list], { api });
    expect([wrong.exitCode, wrong.io.out]).to.deep.equal([2, '']);
    expect(wrong.io.err).to.include(`line 1 of the list ${list} is no info hash`);
  });
});

describe('cli share', () => {
  function sharing(downloadUrl: string): { used: Api; torrent: FakeTorrent; closed: string[] } {
    const torrent = new FakeTorrent();
    const closed: string[] = [];
    const { api: used } = fakeApi({
      localAddresses: () => ['10.0.0.2', '10.9.9.9'],
      share: () =>
        Promise.resolve({
          downloadUrl,
          torrent,
          metainfo: fakeMetainfo(),
          followed: [],
          skipped: [],
          peerPort: 7001,
          tracker: { stats: () => ({ peers: 4, seeds: 1, completed: 5 }) },
          close: () => Promise.resolve(void closed.push('share')),
        }),
    });
    return { used, torrent, closed };
  }

  it('prints the one line, quoted where a shell would take it apart', async () => {
    const plain = sharing('http://10.0.0.2:1/a%20b.torrent');
    const { exitCode, io } = await during(['share', 'x'], plain.used, () =>
      plain.torrent.set({ uploadedBytes: 1500 }),
    );
    expect(exitCode).to.equal(130);
    expect(io.out).to.equal('millrace download http://10.0.0.2:1/a%20b.torrent\n');
    expect(io.err).to.contain('this machine is also 10.9.9.9');
    expect(io.err).to.contain('3 leechers, 5 finished; 1.46 KiB uploaded (1.50 copies)');
    expect(plain.closed).to.deep.equal(['share']);
    expect(plain.torrent.eventNames()).to.deep.equal([]);
    const six = sharing('http://[fd00::2]:1/a.torrent');
    const quoted = await during(['share', 'x', '--quiet'], six.used, () => undefined);
    expect(quoted.io.out).to.equal("millrace download 'http://[fd00::2]:1/a.torrent'\n");
    expect(quoted.io.err).to.equal('');
  });

  it('prints the same in JSON', async () => {
    const { used } = sharing('http://10.0.0.2:1/a.torrent');
    const { io } = await during(['share', 'x', '--json'], used, () => undefined);
    const [shared, progress] = io.json();
    expect(shared).to.deep.include({
      type: 'shared',
      command: 'millrace download http://10.0.0.2:1/a.torrent',
      url: 'http://10.0.0.2:1/a.torrent',
      addresses: ['10.0.0.2', '10.9.9.9'],
      peerPort: 7001,
    });
    expect(progress).to.include({ type: 'share-progress', leechers: 3, finished: 5, copies: 0 });
  });

  it('ends with 1 when the seed fails, after closing', async () => {
    const { used, torrent, closed } = sharing('http://10.0.0.2:1/a.torrent');
    const { exitCode, io } = await during(['share', 'x'], used, async () => {
      torrent.emit('error', new api.MillraceError('disk-failed', 'the data is gone'));
      await new Promise(setImmediate); // It has ended when the signal comes.
    });
    expect(exitCode).to.equal(1);
    expect(io.err).to.contain('millrace: the data is gone');
    expect(closed).to.deep.equal(['share']);
  });
});

describe('cli shell words', () => {
  it('are quoted where they must be', () => {
    expect(shellWord('http://a:1/b%20c.torrent')).to.equal('http://a:1/b%20c.torrent');
    for (const word of ['a b', '$x', 'a;b', '*', '[x]', '', '~', 'a&b', '#']) {
      expect(shellWord(word)).to.equal(`'${word}'`);
    }
    expect(shellWord("it's")).to.equal(`'it'\\''s'`);
  });
});
