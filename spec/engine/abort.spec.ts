// An add that is aborted, at any moment: nothing is left of it, and the same torrent can be added again
// at once. And one signal for everything an app does.

import { getEventListeners } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { createTorrent, readTorrent, verifyTorrent } from '../../lib/index';
import type { AddOptions, Coordinator, Torrent, TorrentSource } from '../../lib/index';
import { ListenerLeaks } from '../support/listener-leaks';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectError, nextEvent, within } from '../support/swarm';

/** What an add may be in the middle of; each is seen, not waited for, but for the clock's own. */
const MOMENTS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['at once', () => Promise.resolve()],
  ['a microtask later', () => Promise.resolve().then(() => undefined)],
  ['when the loop has turned', () => new Promise((done) => setImmediate(done))],
  ...[1, 2, 3, 5, 8, 13].map((ms): [string, () => Promise<unknown>] => [
    `some ${ms} ms later`,
    () => delay(ms),
  ]),
];

describe('engine: aborted adds', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  let engine: Coordinator;
  let leaks: ListenerLeaks;

  before(async () => {
    leaks = new ListenerLeaks((emitter) => emitter instanceof AbortSignal);
    engine = await swarm.engine();
  });
  after(async () => {
    leaks.end();
    await swarm.close();
  });

  /** Adds and aborts; whichever came first, no torrent is left when this resolves. */
  async function addAndAbort(
    source: TorrentSource,
    options: AddOptions,
    moment: () => Promise<unknown>,
  ): Promise<'rejected' | 'added'> {
    const reason = new Error('the user changed his mind');
    const controller = new AbortController();
    const { signal } = controller;
    const adding = engine.add(source, { ...options, signal });
    const outcome = adding.then(
      (torrent: Torrent) => torrent,
      (error: unknown) => error,
    );
    await moment();
    controller.abort(reason);
    const came = await within(outcome, 'the end of an add');
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    if (came === reason) return 'rejected';
    // It had been added just before: then the torrent goes, as by `remove()`.
    const torrent = came as Torrent;
    if (!torrent.closed) await nextEvent(torrent, 'closed');
    return 'added';
  }

  for (const [moment, wait] of MOMENTS) {
    it(`leaves nothing when it is aborted ${moment}, and can be added again at once`, async () => {
      const payload = new Payload({
        name: 'many',
        files: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`file-${n}`, n])),
      });
      const output = await swarm.folder();
      const file = join(await swarm.folder(), 'many.torrent');
      await writeFile(file, payload.torrent);
      for (const source of [file, payload.torrent]) {
        await addAndAbort(source, { output }, wait);
        expect(engine.torrents).to.deep.equal([]);
        const again = await engine.add(source, { output });
        expect(engine.torrents).to.deep.equal([again]);
        await again.remove();
      }
      const locks = (await readdir(join(output, '.millrace'))).filter((name) => /lock/.test(name));
      expect(locks).to.deep.equal([]);
    });
  }

  it('neither announces nor downloads what was aborted before it was read', async () => {
    const events: (string | null)[] = [];
    const tracker = createServer((request, response) => {
      events.push(new URL(request.url ?? '', 'http://tracker').searchParams.get('event'));
      response.end('d8:intervali1800e5:peers0:e');
    });
    await new Promise<void>((listening) => tracker.listen(0, '127.0.0.1', listening));
    swarm.onClose(async () => void tracker.close());
    const url = `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/announce`;
    const payload = new Payload({ lengthBytes: MIB, trackers: [[url]] });
    const seed = await swarm.seed(payload);
    const output = await swarm.folder();
    const options = { output, peers: [seed.address] };
    expect(await addAndAbort(payload.torrent, options, () => Promise.resolve())).to.equal(
      'rejected',
    );
    // The same engine then does these two for another one: what it had begun before would be seen.
    const other = await engine.add(payload.torrent, { output: await swarm.folder(), seed: false });
    const announced = nextEvent(other, 'tracker');
    await announced;
    await other.remove();
    expect(events).to.deep.equal(['started', 'stopped']);
    expect(await readdir(output)).to.deep.equal([]);
    expect(seed.bytesSent).to.equal(0);
  });

  it('waits with an add for the end of a removal that is under way', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const output = await swarm.folder();
    const torrent = await engine.add(payload.torrent, { output });
    const removed = torrent.remove();
    const again = await engine.add(payload.torrent, { output });
    await removed;
    expect(torrent.closed).to.equal(true);
    expect(engine.torrents).to.deep.equal([again]);
    await again.remove();
  });

  it('accepts one signal for hundreds of torrents and calls, without a warning or a leak', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const output = await swarm.folder();
    const torrents: Torrent[] = [];
    for (let n = 0; n < 200; n++) {
      const payload = new Payload({ name: `one-${n}`, lengthBytes: 1 + n });
      torrents.push(await engine.add(payload.torrent, { output, signal }));
    }
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    await Promise.all(torrents.slice(0, 50).map((torrent) => torrent.remove()));
    const [first] = torrents.slice(50);
    if (first === undefined) throw new Error('no torrent is left');
    const readers = Array.from({ length: 20 }, () => first.progress({ signal }));
    await Promise.all(readers.map((reader) => reader.next()));
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    await Promise.all(readers.map((reader) => reader.return()));
    const closed = Promise.all(torrents.slice(50).map((torrent) => nextEvent(torrent, 'closed')));
    const reason = new Error('enough');
    controller.abort(reason);
    await closed;
    expect(engine.torrents).to.deep.equal([]);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    await new Promise((done) => setImmediate(done)); // warnings come a turn later
    expect(leaks.found).to.deep.equal([]);
  });

  it('leaves no listener behind where no torrent lives on', async () => {
    const { signal } = new AbortController();
    const folder = await swarm.folder();
    const file = join(folder, 'data');
    await writeFile(file, 'some data');
    const made = await Promise.all(
      Array.from({ length: 12 }, () => createTorrent(file, { threads: 1, signal })),
    );
    const [{ bytes }] = made as [(typeof made)[0]];
    await Promise.all(made.map(() => readTorrent(bytes, { signal })));
    await verifyTorrent(bytes, { data: folder, threads: 1, signal });
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    await new Promise((done) => setImmediate(done));
    expect(leaks.found).to.deep.equal([]);
  });

  it('rejects with the reason of the signal while a .torrent is fetched', async () => {
    const server = createServer(() => undefined); // never answers
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const asked = new Promise((resolve) => server.once('request', resolve));
    const { port } = server.address() as AddressInfo;
    const controller = new AbortController();
    const reason = new Error('too slow');
    const read = readTorrent(`http://127.0.0.1:${port}/x.torrent`, { signal: controller.signal });
    const rejected = expectError(read, reason);
    await asked;
    controller.abort(reason);
    await rejected;
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
});
