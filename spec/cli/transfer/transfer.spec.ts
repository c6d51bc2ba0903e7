// `download` and `seed` against an engine controlled by the spec.

import { expect } from 'chai';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { fakeApi, FakeIo, fakeMetainfo, millrace } from '../fakes';
import type { FakeTorrent } from '../fakes';

describe('cli download', () => {
  it('exits 0 when complete, closes the engine, and sums up', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => {
      torrent.set({ downloadedBytes: 1000, doneBytes: 1000 });
      torrent.complete();
    };
    const { exitCode, io } = await millrace(['download', 'x'], { api });
    expect(exitCode).to.equal(0);
    expect(io.out).to.match(/^done: thing, 1000 bytes .* downloaded 1000 bytes .* MiB\/s\n$/);
    expect(engine.calls.map(([name]) => name)).to.deep.equal(['start', 'add', 'close']);
    expect(engine.torrent.eventNames()).to.deep.equal([]);
  });

  it('ends its JSON with progress, complete and the account of peers', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => torrent.complete();
    const { io } = await millrace(['download', 'x', '--json'], { api });
    const types = io.json().map(({ type }) => type);
    expect(types).to.deep.equal(['metadata', 'progress', 'complete', 'peers-closed']);
    expect(io.err).to.equal('');
  });

  it('reports once, without passkeys, that tracker URLs are not used', async () => {
    const readTorrent = (): Promise<object> =>
      Promise.resolve(
        fakeMetainfo({
          ignoredTrackers: [{ url: 'ftp://t/0123456789abcdef\u001b', reason: 'it is odd' }],
          ignoredTrackerCount: 3,
        }),
      );
    for (const command of [
      ['download', 'x', '--quiet'],
      ['download', 'x', '--json'],
    ]) {
      const { api, engine } = fakeApi({ readTorrent });
      engine.onAdded = (torrent) => torrent.complete();
      const { exitCode, io } = await millrace(command, { api });
      expect(exitCode).to.equal(0);
      expect(io.err).to.equal(
        'millrace: tracker URL not used: ftp://t/012… (it is odd), and 2 others: `millrace info` lists them\n',
      );
    }
  });

  describe('of a torrent that names no tracker, without --peer', () => {
    const alone = (
      change: object = {},
      after: (torrent: FakeTorrent) => void = () => undefined,
    ) => {
      const made = fakeApi({
        readTorrent: () => Promise.resolve(fakeMetainfo({ trackers: [], ...change })),
      });
      made.engine.onAdded = (torrent) => {
        after(torrent);
        torrent.complete();
      };
      return made;
    };
    const WAITS =
      'no --peer is given; waiting for peers that connect to port 6881 of this machine: name one ' +
      'with --peer HOST:PORT, or use a .torrent with a tracker (`millrace create --tracker URL`)';

    it('reports at once that there is no way to find peers, with the remedy, also with --quiet', async () => {
      const { io } = await millrace(['download', 'x', '--quiet'], { api: alone().api });
      expect(io.err).to.equal(
        `millrace: no source of peers: the torrent names no tracker, and ${WAITS}\n`,
      );
      const ignored = {
        ignoredTrackers: [{ url: 'ftp://t/', reason: 'it is odd' }],
        ignoredTrackerCount: 1,
      };
      const second = await millrace(['download', 'x'], { api: alone(ignored).api });
      expect(second.io.err).to.include(
        `none of the torrent's 1 tracker URL is used (\`millrace info\` says why), and ${WAITS}\n`,
      );
    });

    it('prints an object with --json', async () => {
      const { io } = await millrace(['download', 'x', '--json'], { api: alone().api });
      const [message] = io.err.split('\n');
      expect(io.json()[1]).to.deep.equal({
        type: 'no-peer-source',
        ignoredTrackers: 0,
        port: 6881,
        message: message?.replace('millrace: ', ''),
      });
    });

    it('reports it when the check of existing data has ended, not when that data is whole', async () => {
      let printed: string[] = [];
      const { api, engine } = alone({}, (torrent) => {
        printed = [io.err];
        torrent.set({ phase: 'downloading' });
        torrent.set({ phase: 'downloading' });
        printed.push(io.err);
      });
      engine.torrent.set({ phase: 'checking' });
      const io = new FakeIo();
      await millrace(['download', 'x', '--quiet'], { api, io });
      expect(printed[0]).to.equal('');
      expect(printed[1]).to.match(/^millrace: no source of peers: [^\n]*\n$/);

      const whole = alone();
      whole.engine.torrent.set({ phase: 'checking' });
      const second = await millrace(['download', 'x', '--quiet'], { api: whole.api });
      expect(second.io.err).to.equal('');
      expect(whole.engine.torrent.eventNames()).to.deep.equal([]);
    });

    it('reports nothing where there is a peer', async () => {
      const argv = ['download', 'x', '--quiet', '--peer', '192.0.2.1:6881'];
      expect((await millrace(argv, { api: alone().api })).io.err).to.equal('');
    });
  });

  it('exits 1 with the engine’s error, after closing it', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) =>
      torrent.emit('error', new MillraceError('disk-full', 'the disk of /data is full'));
    const { exitCode, io } = await millrace(['download', 'x', '--json'], { api });
    expect(exitCode).to.equal(1);
    expect(io.err).to.equal('millrace: the disk of /data is full\n');
    expect(io.json().at(-1)).to.include({ type: 'error', code: 'disk-full' });
    expect(engine.calls.at(-1)).to.deep.equal(['close']);
  });

  it('exits 1 when the engine dies', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => {
      torrent.reject(new MillraceError('coordinator-died', 'the coordinator thread ended'));
      torrent.emit('closed');
    };
    const { exitCode, io } = await millrace(['download', 'x', '--quiet'], { api });
    expect([exitCode, io.err]).to.deep.equal([1, 'millrace: the coordinator thread ended\n']);
  });

  it('exits 1 after --stall-timeout without a byte', async () => {
    const { api } = fakeApi();
    const { exitCode, io } = await millrace(['download', 'x', '--stall-timeout', '0.01'], { api });
    expect(exitCode).to.equal(1);
    expect(io.err).to.include('no byte arrived for 0.01 s');
  });

  it('seeds on until the ratio is reached', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => {
      torrent.complete();
      setImmediate(() => torrent.set({ uploadedBytes: 2000 }));
    };
    const { exitCode } = await millrace(['download', 'x', '--seed-ratio', '2'], { api });
    expect(exitCode).to.equal(0);
    expect(engine.calls[1]?.[2]).to.include({ seed: true });
    expect(engine.torrent.stats().uploadedBytes).to.equal(2000);
  });

  it('ends the engine that was starting when the torrent is bad, and names the torrent’s fault', async () => {
    const { api, engine } = fakeApi({
      readTorrent: () => Promise.reject(new MillraceError('bad-bencode', 'bad torrent: cut off')),
    });
    const { exitCode, io } = await millrace(['download', 'x'], { api });
    expect([exitCode, io.err]).to.deep.equal([1, 'millrace: bad torrent: cut off\n']);
    expect(engine.calls.map(([name]) => name)).to.deep.equal(['start', 'close']);
  });

  it('stops reading the torrent when the engine cannot start, and names the engine’s fault', async () => {
    const { api } = fakeApi({
      Coordinator: {
        start: () => Promise.reject(new MillraceError('listen-failed', 'port in use')),
      },
      readTorrent: (_source: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    });
    const { exitCode, io } = await millrace(['download', 'x'], { api });
    expect([exitCode, io.err]).to.deep.equal([1, 'millrace: port in use\n']);
  });
});

describe('cli seed', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    await writeFile(join(folder, 'thing'), new Uint8Array(1000));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const argv = (...more: string[]): string[] => ['seed', 'x', '--data', folder, ...more];

  it('serves whole data until the limit', async () => {
    const { api, engine } = fakeApi();
    engine.torrent.set({ phase: 'checking' });
    engine.onAdded = (torrent) => {
      torrent.set({ phase: 'checking', piecesChecked: 5, piecesToCheck: 10 });
      torrent.complete();
      torrent.set({ uploadedBytes: 500 });
    };
    const { exitCode } = await millrace(argv('--seed-ratio', '0.5', '--super-seed'), { api });
    expect(exitCode).to.equal(0);
    expect(engine.calls[1]?.[2]).to.include({ output: folder, seed: true, superSeed: true });
  });

  it('warns that no peer can find a seed without a tracker', async () => {
    const readTorrent = () => Promise.resolve(fakeMetainfo({ trackers: [[]] }));
    const { api, engine } = fakeApi({ readTorrent });
    engine.onAdded = (torrent) => torrent.complete();
    const { io } = await millrace(argv('--seed-time', '0', '--quiet'), { api });
    expect(io.err).to.match(
      /^millrace: this seed is not announced: the torrent names no tracker, .* port 6881 .*\n$/,
    );
  });

  it('does not serve, and does not complete, data that is not whole', async () => {
    const { api, engine } = fakeApi();
    engine.torrent.set({ phase: 'checking' });
    engine.onAdded = (torrent) => {
      torrent.set({ phase: 'failed', piecesDone: 7 });
      torrent.emit('error', new MillraceError('not-whole', '3 of 10 pieces are missing or wrong'));
    };
    const { exitCode, io } = await millrace(argv(), { api });
    expect(exitCode).to.equal(1);
    expect(io.err).to.match(/millrace: 3 of 10 pieces are missing or wrong/);
    expect(engine.calls.find(([name]) => name === 'add')?.[2]).to.include({ download: false });
    expect(engine.calls.at(-1)).to.deep.equal(['close']);
  });

  it('exits 1 with one line when the data vanishes while it is served', async () => {
    const { api, engine } = fakeApi();
    engine.onAdded = (torrent) => {
      torrent.complete();
      setImmediate(() => torrent.emit('error', new MillraceError('data-missing', 'it is gone')));
    };
    const { exitCode, io } = await millrace(argv('--quiet'), { api });
    expect([exitCode, io.err]).to.deep.equal([1, 'millrace: it is gone\n']);
  });

  it('names a missing file before the engine gets the torrent', async () => {
    await rm(join(folder, 'thing'));
    const { api, engine } = fakeApi();
    const { exitCode, io } = await millrace(argv(), { api });
    expect(exitCode).to.equal(1);
    expect(io.err).to.include(join(folder, 'thing')).and.include('is not there');
    expect(engine.calls.map(([name]) => name)).to.not.include('add');
  });

  it('names a file of another length', async () => {
    await truncate(join(folder, 'thing'), 999);
    const { io } = await millrace(argv());
    expect(io.err).to.include('has 999 bytes, the torrent says 1000');
  });

  it('does not ask for empty files', async () => {
    const empty = { path: ['thing', 'empty'], lengthBytes: 0, offsetBytes: 0 };
    const { api, engine } = fakeApi({
      readTorrent: () => Promise.resolve(fakeMetainfo({ files: [empty] })),
    });
    engine.torrent.set({ phase: 'checking' });
    engine.onAdded = (torrent) => torrent.complete();
    expect((await millrace(argv('--seed-time', '0'), { api })).exitCode).to.equal(0);
  });
});
