// A share as an embedder starts it: everything real, on loopback.

import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Coordinator } from '../../lib/api/coordinator';
import { createTorrent } from '../../lib/api/create-torrent';
import { share } from '../../lib/api/share';
import type { Share, ShareOptions } from '../../lib/api/share';
import { readTorrent } from '../../lib/api/sources';
import { startTracker } from '../../lib/api/tracker';
import { freePort } from '../support/free-port';
import { TempTree, refusal } from './temp-tree';

const HOST = '127.0.0.1';

describe('api/share', function () {
  this.timeout(30_000);
  let tree: TempTree;
  const open: { close(): Promise<void> }[] = [];
  beforeEach(() => (tree = new TempTree()));
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    tree.remove();
  });

  async function shareOf(path: string): Promise<Share> {
    const started = await share(path, { host: HOST, threads: 1 });
    open.push(started);
    return started;
  }

  it('is downloaded from its URL alone, whatever its name, and counts finished downloads', async () => {
    const file = tree.write("it's a säck (1).bin", 100_000);
    const { downloadUrl, metainfo, tracker, torrent, close } = await shareOf(file);
    expect(downloadUrl).to.match(/^http:\/\/127\.0\.0\.1:\d+\/[\w.%-]+\.torrent$/);
    expect(metainfo.trackers).to.deep.equal([
      [`http://${HOST}:${tracker.port}/announce`],
      [`udp://${HOST}:${tracker.udpPort}/announce`],
    ]);
    expect(tracker.stats()).to.include({ peers: 1, seeds: 1, completed: 0 });
    expect((await readTorrent(downloadUrl)).infoHash).to.deep.equal(metainfo.infoHash);

    const engine = await Coordinator.start({ host: HOST });
    open.unshift(engine);
    const output = tree.path('output');
    const download = await engine.add(downloadUrl, { output, seed: false });
    await download.completed;
    await engine.close(); // By now the tracker has its `completed`.
    expect(readFileSync(join(output, metainfo.name))).to.deep.equal(readFileSync(file));
    expect(tracker.stats()).to.include({ completed: 1, peers: 1 });
    expect(torrent.stats().phase).to.equal('seeding');
    await close();
    await close();
    expect((await refusal(readTorrent(downloadUrl))).code).to.equal('torrent-unreachable');
  });

  it('serves a folder with links, odd names and a pipe, and lists what it left out', async () => {
    const file = tree.write('set/a\\b', 50_000);
    symlinkSync('a\\b', tree.path('set/link'));
    symlinkSync('nowhere', tree.path('set/dangling'));
    execFileSync('mkfifo', [tree.path('set/pipe')]);
    const { downloadUrl, followed, skipped, torrent } = await shareOf(tree.path('set'));
    expect(followed).to.deep.equal([{ path: 'set/link', target: 'set/a\\b' }]);
    expect(skipped.map(({ path }) => path)).to.deep.equal(['set/dangling', 'set/pipe']);
    expect(torrent.files?.map(({ path }) => path)).to.deep.equal(['set/a\\b', 'set/link']);
    const engine = await Coordinator.start({ host: HOST });
    open.unshift(engine);
    const output = tree.path('output');
    await (
      await engine.add(downloadUrl, { output, seed: false })
    ).completed;
    for (const name of ['ab', 'link'])
      expect(readFileSync(join(output, 'set', name))).to.deep.equal(readFileSync(file));
  });

  it('serves nothing but its own torrent', async () => {
    const { tracker } = await shareOf(tree.write('one.bin', 10));
    const other = await Coordinator.start({ host: HOST });
    open.unshift(other);
    const { bytes } = await createTorrent(tree.write('two.bin', 20), {
      threads: 1,
      trackers: [[`http://${HOST}:${tracker.port}/announce`]],
    });
    const torrent = await other.add(bytes, { output: tree.path('.') });
    const [answer] = await new Promise<[{ ok: boolean; message: string | undefined }]>((resolve) =>
      torrent.once('tracker', (...args) => resolve(args)),
    );
    expect(answer.ok).to.equal(false);
    expect(answer.message).to.contain('not on the list');
  });

  it('reports what is wrong, and leaves nothing behind', async () => {
    const file = tree.write('one.bin', 10);
    const port = await freePort();
    const codes: string[] = [];
    const shareFails = async (path: string, options: ShareOptions): Promise<void> => {
      codes.push((await refusal(share(path, { host: HOST, port, threads: 1, ...options }))).code);
      await (await startTracker({ host: '::', port, udpPort: port })).close();
    };
    await shareFails(tree.path('missing'), {});
    await shareFails(file, { host: 'a b' });
    await shareFails(file, { host: 'example.org:80' });
    await shareFails(file, { engine: { peerThreads: 0 } });
    expect(codes).to.deep.equal(['source-unreadable', 'bad-option', 'bad-option', 'bad-option']);
    const taken = await startTracker();
    open.push(taken);
    expect((await refusal(share(file, { host: HOST, port: taken.port }))).code).to.equal(
      'tracker-listen-failed',
    );
    const aborted = await share(file, { host: HOST, signal: AbortSignal.abort() }).catch(
      (error: unknown) => error,
    );
    expect(aborted).to.include({ name: 'AbortError' });
  });

  it('ends the tracker also where the engine does not end well', async () => {
    const started = await share(tree.write('one.bin', 10), { host: HOST, threads: 1 });
    const { close } = Coordinator.prototype;
    const fault = new Error('the engine fell over');
    Coordinator.prototype.close = async function (this: Coordinator) {
      await close.call(this);
      throw fault;
    };
    const failure = await started.close().then(
      () => undefined,
      (error: unknown) => error,
    );
    Coordinator.prototype.close = close;
    expect(failure).to.equal(fault);
    expect((await refusal(readTorrent(started.downloadUrl))).code).to.equal('torrent-unreachable');
  });

  it('reports the progress of hashing and then of verifying', async () => {
    const calls: string[] = [];
    const note =
      (pass: string): ShareOptions['onProgress'] =>
      ({ doneBytes, totalBytes }) => {
        calls.push(pass);
        expect(doneBytes).to.be.at.most(totalBytes);
        if (doneBytes === totalBytes) calls.push(`all ${pass}, ${totalBytes}`);
      };
    const started = await share(tree.write('one.bin', 50_000), {
      host: HOST,
      threads: 1,
      onProgress: note('hashed'),
      onVerifyProgress: note('verified'),
    });
    open.push(started);
    expect(calls).to.include('all hashed, 50000').and.include('all verified, 50000');
    expect(calls.lastIndexOf('hashed')).to.be.lessThan(calls.indexOf('verified'));
  });
});
