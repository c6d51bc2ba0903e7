// Torrents of version 2 (BEP 52), made by libtorrent: hybrids are transferred both ways, others are refused.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { toHex } from '../../lib/bytes/hex';
import { MillraceError, readMagnet, readTorrent } from '../../lib/index';
import {
  downloadWithLibtorrent,
  downloadWithMillrace,
  seedWithLibtorrent,
  seedWithMillrace,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { digestsOf } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { freePort } from '../support/free-port';

const TIMEOUT_MS = 120_000;

interface Made {
  readonly v1: string | null;
  readonly v2: string;
  readonly magnet: string;
}

describeWith(
  ['opentracker', 'libtorrent'],
  'interop of hybrid torrents',
  function (this: Mocha.Suite) {
    this.timeout(TIMEOUT_MS);
    useClients();
    let folder = '';
    let payload: Payload;
    let onlyV2 = '';
    let made: { readonly hybrid: Made; readonly only: Made };
    let trackerPort = 0;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
      trackerPort = await freePort();
      const data = join(folder, 'data');
      const source = join(data, 'set');
      await mkdir(join(source, 'sub'), { recursive: true });
      const bytes = Uint8Array.from({ length: 300_001 }, (_, at) => (at * 7) % 251);
      await writeFile(join(source, 'a.bin'), bytes);
      await writeFile(join(source, 'empty'), '');
      await writeFile(join(source, 'sub', 'b.bin'), bytes.subarray(0, 40_000));
      const torrent = join(folder, 'hybrid.torrent');
      onlyV2 = join(folder, 'v2.torrent');
      const script = join(__dirname, 'libtorrent-hybrid.py');
      const url = `http://127.0.0.1:${trackerPort}/announce`;
      const output = execFileSync('/usr/bin/python3', [script, source, torrent, onlyV2, url]);
      made = JSON.parse(output.toString()) as typeof made;
      const infoHash = made.hybrid.v1 ?? '';
      payload = { folder: data, torrent, infoHash, digests: await digestsOf(data) };
    });
    after(() => rm(folder, { recursive: true, force: true }));
    // libtorrent announces a hybrid by both hashes.
    beforeEach(() =>
      startOpentracker(folder, trackerPort, [payload.infoHash, made.hybrid.v2.slice(0, 40)]),
    );

    it('have both hashes', async () => {
      const { infoHash, infoHashV2 = new Uint8Array() } = await readTorrent(payload.torrent);
      expect(toHex(infoHash)).to.equal(made.hybrid.v1);
      expect(toHex(infoHashV2)).to.equal(made.hybrid.v2);
    });

    it('come from libtorrent', async () => {
      await seedWithLibtorrent(payload);
      const output = await mkdtemp(join(folder, 'output-'));
      await downloadWithMillrace(payload, output);
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
    });

    it('come with their metadata from libtorrent by a link with both hashes', async () => {
      await seedWithLibtorrent(payload);
      const output = await mkdtemp(join(folder, 'output-'));
      const saved = join(folder, 'saved.torrent');
      const linked = { ...payload, torrent: made.hybrid.magnet };
      await downloadWithMillrace(linked, output, ['--save-torrent', saved]);
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
      const { infoHashV2 = new Uint8Array() } = await readTorrent(saved);
      expect(toHex(infoHashV2)).to.equal(made.hybrid.v2);
      const third = await mkdtemp(join(folder, 'output-'));
      await downloadWithLibtorrent({ ...payload, torrent: saved }, third);
      expect(await digestsOf(third)).to.deep.equal(payload.digests);
    });

    it('go to libtorrent', async () => {
      await seedWithMillrace(payload);
      const output = await mkdtemp(join(folder, 'output-'));
      await downloadWithLibtorrent(payload, output);
      expect(await digestsOf(output)).to.deep.equal(payload.digests);
    });

    it('are not the torrents of version 2 only, which are refused by name', async () => {
      const error: unknown = await readTorrent(onlyV2).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(MillraceError);
      expect((error as MillraceError).code).to.equal('v2-unsupported');
      expect((error as MillraceError).message)
        .to.include(onlyV2)
        .and.include('version 2 only');
      expect(() => readMagnet(made.only.magnet))
        .to.throw(MillraceError, /version 2 only/)
        .with.property('code', 'v2-unsupported');
    });
  },
);
