// Threads are killed at every stage of a piece: the download still ends, byte for byte, and no memory
// is lost from the budget.

import { expect } from 'chai';
import type { Coordinator, Torrent } from '../../lib/index';
import { FaultyDisk } from '../support/storages/faults';
import { KIB, Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  untilEngine,
  untilMemoryIsBack,
  untilStats,
  within,
} from '../support/swarm';
import type { ScriptedSeed } from '../support/faults/seed';

/** 16 blocks a piece. */
const PIECE_BYTES = 256 * KIB;
const payload = new Payload({
  lengthBytes: 6 * PIECE_BYTES + 33_119,
  pieceLengthBytes: PIECE_BYTES,
});

interface Scene {
  readonly engine: Coordinator;
  readonly torrent: Torrent;
  readonly seed: ScriptedSeed;
  readonly disk: FaultyDisk;
  readonly output: string;
}

describe('engine faults', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  let engine: Coordinator;
  // One each: the more often a thread died, the longer its restart is put off.
  beforeEach(async () => {
    engine = await swarm.engine();
  });
  afterEach(() => swarm.close());

  /**
   * One torrent from one seed that stops after so many blocks: fewer than all, or the download may
   * be over before the phase is looked at. With a shut disk, the first write waits at its gate: the
   * seed sends nothing before that is shut, or it might all be written by then.
   */
  async function scene(gateAfterBlocks: number, diskIs: 'open' | 'shut' = 'open'): Promise<Scene> {
    const seed = await swarm.seed(payload, {
      gateAfterBlocks: diskIs === 'shut' ? 0 : gateAfterBlocks,
    });
    const disk = new FaultyDisk();
    const output = await swarm.folder();
    const torrent = await engine.add(payload.torrent, {
      output,
      storage: disk.ref,
      peers: [seed.address],
    });
    swarm.onClose(async () => disk.openGate());
    await untilStats(torrent, 'the check of nothing', ({ phase }) => phase === 'downloading');
    if (diskIs === 'shut') {
      disk.shutGate();
      seed.open(gateAfterBlocks);
    }
    return { engine, torrent, seed, disk, output };
  }

  async function kill(kind: 'peer' | 'verify', index = 0): Promise<void> {
    const { threadRestarts } = await engine.stats();
    expect(await engine.killThread(kind, index)).to.equal(true);
    await untilEngine(engine, 'the death', (stats) => stats.threadRestarts > threadRestarts);
  }

  async function finish({ torrent, seed, disk, output }: Scene): Promise<void> {
    disk.openGate();
    seed.open();
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    await untilMemoryIsBack(engine);
  }

  describe('a peer thread dies', () => {
    const stages: Record<string, number> = {
      'before the first block': 0,
      'in the middle of the first piece': 5,
      'one block before the end of a piece': 15,
      'at the end of a piece': 16,
      'one block into the second piece': 17,
      'deep in the download': 60,
    };
    for (const [stage, blocks] of Object.entries(stages)) {
      it(stage, async () => {
        const set = await scene(blocks);
        await within(
          set.seed.until((seed) => seed.blocksSent === blocks && seed.waiting > 0),
          'the seed to stand at its gate',
        );
        await untilStats(
          set.torrent,
          'the blocks to be here',
          (stats) => stats.downloadedBytes >= set.seed.bytesSent,
        );
        await kill('peer');
        await finish(set);
        expect(set.seed.connections).to.equal(2);
      });
    }

    it('while dialling', async () => {
      const set = await scene(0);
      await kill('peer');
      await finish(set);
    });

    it('and its successor while that starts', async () => {
      const set = await scene(20);
      await kill('peer');
      const { threadRestarts } = await engine.stats();
      await untilEngine(engine, 'the second death', (stats) => {
        void engine.killThread('peer'); // hits it as soon as it is there
        return stats.threadRestarts > threadRestarts;
      });
      await finish(set);
    });

    it('while a piece is being written', async () => {
      const set = await scene(20, 'shut');
      await within(
        set.seed.until((seed) => seed.blocksSent === 20),
        'the seed to stand at its gate',
      );
      await untilEngine(engine, 'a write', () => set.disk.atGate > 0);
      await kill('peer');
      await finish(set);
    });

    it('after everything is here but the last write', async () => {
      const set = await scene(0, 'shut');
      set.seed.open();
      await untilStats(
        set.torrent,
        'all blocks',
        (stats) => stats.downloadedBytes >= payload.lengthBytes,
      );
      await kill('peer');
      await finish(set);
    });

    it('twice in a row, and a pause and a resume while it is down', async () => {
      const set = await scene(20);
      await untilStats(set.torrent, 'a piece', (stats) => stats.piecesDone > 0);
      await kill('peer');
      await set.torrent.pause();
      await set.torrent.resume();
      await within(
        set.seed.until((seed) => seed.waiting > 0),
        'requests after the restart',
      );
      await kill('peer');
      await finish(set);
    });
  });

  describe('a verify thread dies', () => {
    it('while it idles', async () => {
      const set = await scene(5);
      await untilStats(set.torrent, 'blocks', (stats) => stats.downloadedBytes > 0);
      await kill('verify');
      await finish(set);
    });

    it('in the middle of a write', async () => {
      const set = await scene(40, 'shut');
      await untilEngine(engine, 'a write', () => set.disk.atGate > 0);
      await kill('verify');
      const before = set.disk.atGate;
      await untilEngine(engine, 'the write by another', () => set.disk.atGate > before);
      await kill('verify');
      await finish(set);
    });

    it('again and again, with writes under way', async () => {
      const set = await scene(20, 'shut');
      await untilEngine(engine, 'a write', () => set.disk.atGate > 0);
      await kill('verify');
      set.disk.openGate();
      await untilStats(set.torrent, 'a piece', ({ piecesDone }) => piecesDone > 0);
      const before = set.disk.atGate;
      set.disk.shutGate();
      set.seed.open();
      await untilEngine(engine, 'another write', () => set.disk.atGate > before);
      await kill('verify');
      await finish(set);
    });

    it('together with the peer thread', async () => {
      const set = await scene(40, 'shut');
      await untilEngine(engine, 'a write', () => set.disk.atGate > 0);
      await Promise.all([kill('verify'), kill('peer')]);
      await finish(set);
    });
  });
});
