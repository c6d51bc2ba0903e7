// The order of a torrent's events: over several peer threads, at the end of a torrent, and at the
// end of an engine.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Torrent } from '../../lib/index';
import { expectOrder } from '../support/event-order';
import type { OrderedEvent } from '../support/event-order';
import { KIB, MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, nextEvent, within } from '../support/swarm';

/** All events of a torrent, in order. */
function record(torrent: Torrent): OrderedEvent[] {
  const events: OrderedEvent[] = [];
  torrent.on('stats', ({ piecesDone }) => events.push({ event: 'stats', piecesDone }));
  torrent.on('pieces', ({ pieces }) => events.push({ event: 'pieces', pieces }));
  torrent.on('peerConnected', ({ host, port }) =>
    events.push({ event: 'peerConnected', peer: `${host}:${port}` }),
  );
  torrent.on('peerClosed', ({ host, port, reason }) =>
    events.push({ event: 'peerClosed', peer: `${host}:${port}`, dial: reason === 'dial-failed' }),
  );
  torrent.on('complete', () => events.push({ event: 'complete' }));
  torrent.on('closed', () => events.push({ event: 'closed' }));
  return events;
}

describe('engine: the order of events', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('holds over several peer threads and verify threads, download after download', async () => {
    const engine = await swarm.engine({ peerThreads: 3, verifyThreads: 3 });
    for (let run = 1; run <= 8; run++) {
      const payload = new Payload({
        lengthBytes: 3 * MIB + run,
        pieceLengthBytes: 32 * KIB,
        seed: run,
      });
      const peers: string[] = [];
      for (let n = 0; n < 4; n++) peers.push((await swarm.seed(payload)).address);
      const output = await swarm.folder();
      const torrent = await engine.add(payload.torrent, { output, peers, seed: run % 2 === 0 });
      const events = record(torrent);
      await within(torrent.completed, 'the download');
      await torrent.remove();
      expectOrder(events);
      expect(events.filter(({ event }) => event === 'complete')).to.have.length(1);
      expect(events.flatMap((each) => (each.event === 'pieces' ? each.pieces : []))).to.have.length(
        payload.metainfo.pieceCount,
      );
      expect(events.at(-1)?.event).to.equal('closed');
    }
  });

  for (const forget of [false, true]) {
    it(`holds for a torrent that is removed in the middle${forget ? ' and forgotten' : ''}, and nothing is written after it`, async () => {
      const engine = await swarm.engine({ peerThreads: 2 });
      const left = new Map<string, string[]>();
      for (let run = 1; run <= 4; run++) {
        const payload = new Payload({ pieceLengthBytes: 32 * KIB, seed: run });
        const output = await swarm.folder();
        const torrent = await engine.add(payload.torrent, {
          output,
          peers: await slowSeeds(payload),
        });
        const events = record(torrent);
        for (let news = 0; news < run; news++) await nextEvent(torrent, 'pieces');
        await torrent.remove({ forget });
        left.set(output, filesIn(output));
        expectOrder(events);
        const { length } = events;
        expect(events[length - 1]?.event).to.equal('closed');
        await engine.stats();
        expect(events, 'after closed').to.have.length(length);
      }
      await engine.close();
      for (const [output, files] of left) expect(filesIn(output)).to.deep.equal(files);
    });
  }

  it('holds to the last event of an engine whose app is late to notice its end', async () => {
    const lines: string[] = [];
    const onLines = (more: readonly string[]): void => void lines.push(...more);
    const engine = await swarm.engine({ peerThreads: 2, trace: { onLines } });
    const payload = new Payload({ pieceLengthBytes: 32 * KIB });
    const output = await swarm.folder();
    const peers = await slowSeeds(payload);
    const torrent = await engine.add(payload.torrent, { output, peers });
    const events = record(torrent);
    await nextEvent(torrent, 'pieces');
    const closing = engine.close();
    // Every thread ends while this one looks away: then all news of that are there at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    await within(closing, 'the end of the engine');
    expectOrder(events);
    expect(events.at(-1)?.event).to.equal('closed');
    const ended = lines.filter((line) => / · closed reason=/.test(line));
    expect(ended).to.have.length(peers.length);
  });

  /** Two that need four seconds together. */
  async function slowSeeds(payload: Payload): Promise<string[]> {
    const seeds = [];
    for (let n = 0; n < 2; n++) seeds.push(await swarm.seed(payload, { bytesPerSec: 512 * KIB }));
    return seeds.map(({ address }) => address);
  }
});

/** Names, lengths and times of all that lies in a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    });
}
