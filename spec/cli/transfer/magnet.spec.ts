// Magnet links on the command line: `download` and `info`, and the commands that need a .torrent.

import { expect } from 'chai';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { fakeApi, FakeIo, fakeMetainfo, millrace } from '../fakes';
import type { FakeEngine } from '../fakes';

/** The hash of `fakeMetainfo`. */
const HASH = 'ab'.repeat(20);
const BARE = `magnet:?xt=urn:btih:${HASH}`;
const PASSKEY = 'http://t.example/0123456789abcdef/announce';
const FULL =
  `${BARE}&xt=urn:btmh:1220${'cd'.repeat(32)}&dn=a%2Fb&xl=2048&tr=${PASSKEY}&tr=udp://u:1&tr=ftp://x` +
  '&x.pe=192.0.2.1:1&ws=http://w/&so=0,2-4&kt=x';

describe('cli download of a magnet link', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-magnet-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** An engine whose torrent is known by its link; `then` continues once its metadata is known. */
  function linked(then: (engine: FakeEngine) => void = ({ torrent }) => torrent.complete()) {
    const { api, engine } = fakeApi();
    const learn = engine.torrent.forget();
    engine.onAdded = () => {
      learn();
      setImmediate(() => then(engine));
    };
    return { api, engine };
  }

  it('adds the link, and reports the torrent once it is known', async () => {
    const { api, engine } = linked();
    const { exitCode, io } = await millrace(
      ['download', `${BARE}&dn=x&tr=udp://u:1`, '--max-metadata', '2M'],
      { api },
    );
    expect(exitCode).to.equal(0);
    const [, [, link, options] = []] = engine.calls;
    expect(link).to.deep.include({ name: 'x', trackers: ['udp://u:1'] });
    expect(options).to.include({ maxMetadataBytes: 2 * 2 ** 20 });
    const [first, second] = io.err.split('\n');
    expect(first).to.match(/^x: magnet link with 1 tracker and 0 peers; folder .*; listening on/);
    expect(second).to.match(/^thing: 1000 B in 1 file, 10 pieces of 100 B; folder /);
    expect(io.out).to.match(/^done: thing, 1000 bytes/);
    expect(engine.torrent.eventNames()).to.deep.equal([]);
  });

  it('prints what the link says, and the progress of the metadata, with --json', async () => {
    const { api } = linked();
    const { io } = await millrace(['download', FULL, '--json'], { api });
    const [link, metadata] = io.json();
    expect(link).to.deep.include({
      type: 'magnet',
      infoHash: HASH,
      infoHashV2: 'cd'.repeat(32),
      name: 'ab',
      rawName: 'a/b',
      lengthBytes: 2048,
      trackers: ['http://t.example/012…/announce', 'udp://u:1'],
      peers: ['192.0.2.1:1'],
      webSeeds: ['http://w/'],
      selection: [
        { first: 0, last: 0 },
        { first: 2, last: 4 },
      ],
      ignoredCount: 2,
      port: 6881,
    });
    expect(metadata).to.include({ type: 'metadata', name: 'thing', totalBytes: 1000 });
  });

  it('prints the progress as null where nothing is known', async () => {
    const fake = fakeApi();
    fake.engine.torrent.forget();
    fake.engine.onAdded = (torrent) => torrent.emit('error', new MillraceError('EIO', 'no'));
    const { exitCode, io } = await millrace(['download', BARE, '--json'], { api: fake.api });
    expect(exitCode).to.equal(1);
    const progress = io.json().find(({ type }) => type === 'progress');
    expect(progress).to.deep.include({
      phase: 'metadata',
      metadata: { receivedBytes: 0, totalBytes: null, peers: 0 },
      totalBytes: null,
      pieceCount: null,
    });
  });

  it('notes once what it does not use, also with --quiet', async () => {
    const { api } = linked();
    const { io } = await millrace(['download', FULL, '--quiet'], { api });
    expect(io.err.split('\n')).to.deep.equal([
      'millrace: the magnet link selects files (so=0,2-4); files cannot be selected yet, so all are downloaded',
      'millrace: web seeds are not used yet: the magnet link names 1',
      'millrace: not used of the magnet link: tr=ftp://x (it does not start with http://, https://, udp://, ws:// or wss://)',
      '',
    ]);
  });

  it('reports that a link names no source of peers', async () => {
    const { api } = linked();
    const { io } = await millrace(['download', BARE, '--quiet'], { api });
    expect(io.err).to.match(/no source of peers: the magnet link names no tracker, and no --peer/);
    const second = await millrace(['download', `${BARE}&x.pe=a:1`, '--quiet'], linked());
    expect(second.io.err).to.equal('');
  });

  describe('with --save-torrent', () => {
    it('writes the torrent when it is known, and says so', async () => {
      const file = join(folder, 'saved.torrent');
      const { api } = linked();
      const { exitCode, io } = await millrace(
        ['download', `${BARE}&x.pe=a:1`, '--save-torrent', file],
        {
          api,
        },
      );
      expect(exitCode).to.equal(0);
      expect(await readFile(file, 'utf8')).to.equal('the torrent thing');
      expect(await readdir(folder)).to.deep.equal(['saved.torrent']);
      expect(io.err).to.include(`the torrent was saved as ${file}\n`);
      const again = await millrace(['download', BARE, '--save-torrent', file, '--json'], linked());
      expect(again.exitCode, 'it is this torrent').to.equal(0);
      const saved = again.io.json().filter(({ type }) => type === 'torrent-saved');
      expect(saved).to.deep.equal([{ type: 'torrent-saved', file }]);
    });

    it('writes the .torrent of another source, too', async () => {
      const { api, engine } = fakeApi();
      engine.onAdded = (torrent) => torrent.complete();
      const file = join(folder, 'saved.torrent');
      await millrace(['download', 'x', '--save-torrent', file], { api });
      expect(await readFile(file, 'utf8')).to.equal('the torrent thing');
    });

    it('refuses beforehand to replace anything else', async () => {
      const file = join(folder, 'notes.txt');
      await writeFile(file, 'mine');
      for (const readTorrent of [
        () => Promise.reject(new MillraceError('bad-bencode', 'no')),
        () => Promise.resolve(fakeMetainfo({ infoHash: new Uint8Array(20) })),
      ]) {
        const { api, engine } = fakeApi({ readTorrent });
        const { exitCode, io } = await millrace(['download', BARE, '--save-torrent', file], {
          api,
        });
        expect(exitCode).to.equal(1);
        expect(io.err).to.match(/notes\.txt exists already, and is not this torrent: name another/);
        expect(engine.calls.map(([name]) => name)).to.not.include('add');
      }
      expect(await readFile(file, 'utf8')).to.equal('mine');
      for (const bad of [folder, join(folder, 'no', 'folder')]) {
        const { exitCode } = await millrace(['download', BARE, '--save-torrent', bad], fakeApi());
        expect(exitCode, bad).to.equal(1);
      }
    });

    it('fails if the file cannot be written after all', async () => {
      const { api, engine } = fakeApi({
        encodeTorrent: () => {
          throw new MillraceError('bad-metainfo', 'nothing to write');
        },
      });
      const learn = engine.torrent.forget();
      engine.onAdded = () => learn();
      const { exitCode, io } = await millrace(
        ['download', BARE, '--save-torrent', join(folder, 'a.torrent')],
        { api },
      );
      expect(exitCode).to.equal(1);
      expect(io.err).to.include('nothing to write');
      expect(await readdir(folder)).to.deep.equal([]);
    });
  });

  it('fails for a link that is refused, with its reason', async () => {
    for (const [link, reason] of [
      ['magnet:?dn=a', /bad magnet link: it has no "xt=urn:btih:"/],
      [`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`, /version 2 only \(BEP 52\)/],
    ] as const) {
      const { api, engine } = fakeApi();
      const { exitCode, io } = await millrace(['download', link], { api });
      expect(exitCode).to.equal(1);
      expect(io.err).to.match(reason);
      expect(engine.calls.map(([name]) => name)).to.not.include('add');
    }
  });

  it('checks the range of --max-metadata', async () => {
    for (const size of ['15K', '65M', '0', 'x']) {
      const { exitCode, io } = await millrace(['download', BARE, '--max-metadata', size]);
      expect(exitCode, size).to.equal(2);
      expect(io.err).to.match(/--max-metadata.*16/s);
    }
  });
});

describe('cli info of a magnet link', () => {
  it('prints what the link says, and what is not used, without passkeys', async () => {
    const { exitCode, io } = await millrace(['info', FULL]);
    expect(exitCode).to.equal(0);
    expect(io.out.split('\n')).to.deep.equal([
      'name        ab',
      'in the link a/b',
      `info hash   ${HASH}`,
      `v2 hash     ${'cd'.repeat(32)} (hybrid; transferred as version 1)`,
      'size        2048 bytes (2.00 KiB), as the link says',
      'trackers    http://t.example/012…/announce',
      '            udp://u:1',
      'peers       192.0.2.1:1',
      'web seeds   http://w/ (not used yet)',
      'files       0,2-4 (cannot be selected yet: all are)',
      'not used    tr=ftp://x (it does not start with http://, https://, udp://, ws:// or wss://)',
      '            kt=x (Millrace does not know it)',
      '',
    ]);
    const open = await millrace(['info', FULL, '--show-secrets']);
    expect(open.io.out).to.include(PASSKEY);
  });

  it('prints little where the link says little, and one object with --json', async () => {
    const { io } = await millrace(['info', BARE]);
    expect(io.out).to.equal(`name        not in the link\ninfo hash   ${HASH}\n`);
    const json = await millrace(['info', BARE, '--json']);
    expect(json.io.json()).to.deep.equal([
      {
        type: 'magnet',
        infoHash: HASH,
        infoHashV2: null,
        name: null,
        lengthBytes: null,
        trackers: [],
        peers: [],
        webSeeds: [],
        selection: null,
        ignored: [],
        ignoredCount: 0,
      },
    ]);
  });

  it('counts what is not listed, and cuts a long selection', async () => {
    const many = Array.from({ length: 30 }, (_, at) => `&q${at}=`).join('');
    const so = Array.from({ length: 30 }, (_, at) => 2 * at).join(',');
    const { io } = await millrace(['info', `${BARE}${many}&so=${so}`]);
    expect(io.out)
      .to.include(' and 10 more parameters\n')
      .and.to.match(/36,38,… \(cannot/);
  });

  it('prints the link of a .torrent, without trackers whose URLs hold keys', async () => {
    const { api } = fakeApi({
      readTorrent: () =>
        Promise.resolve(fakeMetainfo({ trackers: [[PASSKEY, 'udp://u:1'], ['http://v/']] })),
    });
    const { io } = await millrace(['info', 'x'], { api });
    const trackers = '&tr=udp%3A%2F%2Fu%3A1&tr=http%3A%2F%2Fv%2F';
    expect(io.out).to.include(
      `magnet      ${BARE}&dn=thing&xl=1000${trackers}\n` +
        '            (without 1 tracker with keys in the URL: --show-secrets adds them)\n',
    );
    const open = new FakeIo();
    await millrace(['info', 'x', '--show-secrets', '--json'], { api, io: open });
    expect(open.json()[0]?.magnet).to.include('0123456789abcdef');
  });
});

describe('cli commands that need a .torrent', () => {
  for (const argv of [
    ['seed', BARE, '--data', '.'],
    ['verify', BARE, '--data', '.'],
  ]) {
    it(`${argv[0]} says how to get it`, async () => {
      const { exitCode, io } = await millrace(argv);
      expect(exitCode).to.equal(2);
      expect(io.err).to.match(/`millrace download --save-torrent FILE` gets the \.torrent/);
    });
  }
});
