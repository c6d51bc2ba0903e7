// Passkeys and passwords in the URLs of trackers: printed by no command without `--show-secrets`.

import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Api } from '../../../lib/cli/context';
import { fakeApi, fakeMetainfo, millrace } from '../fakes';

const KEY = 'sEcReT0123456789';
const URLS = [
  `http://user:${KEY}@t.example/${KEY}/announce?passkey=${KEY}`,
  `udp://t.example:80/${KEY}`,
];

describe('cli secrets', () => {
  let folder = '';
  let api: Api;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
    const metainfo = fakeMetainfo({ trackers: URLS.map((url) => [url]) });
    const fake = fakeApi({
      readTorrent: () => Promise.resolve(metainfo),
      createTorrent: () =>
        Promise.resolve({ bytes: Buffer.from('d4:infoe'), metainfo, followed: [], skipped: [] }),
    });
    ({ api } = fake);
    fake.engine.onAdded = (torrent) => {
      const answer = { ok: true, message: undefined, peers: 0, seeds: 0, leechers: 0 };
      for (const url of URLS) torrent.emit('tracker', { url, ...answer, nextAnnounceSec: 60 });
      torrent.complete();
    };
  });
  afterEach(() => rm(folder, { recursive: true }));

  const COMMANDS: Readonly<Record<string, readonly string[]>> = {
    info: ['info', 'x'],
    'info --json': ['info', 'x', '--json'],
    download: ['download', 'x'],
    'download --json': ['download', 'x', '--json'],
    create: ['create', '.'],
    'create --json': ['create', '.', '--json'],
  };
  for (const [title, command] of Object.entries(COMMANDS)) {
    it(`${title} keeps them, --show-secrets prints them`, async () => {
      for (const show of [false, true]) {
        const argv = [...command];
        if (argv[0] === 'create') argv.push('-o', join(folder, `${String(show)}.torrent`));
        if (show) argv.push('--show-secrets');
        const { exitCode, io } = await millrace(argv, { api });
        expect(exitCode, io.err).to.equal(0);
        const printed = io.out + io.err;
        expect(printed).to.include('t.example');
        expect(printed.includes(KEY)).to.equal(show);
        for (const url of URLS) expect(printed.includes(url)).to.equal(show);
      }
    });
  }
});
