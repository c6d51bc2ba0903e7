import { expect } from 'chai';
import { Torrent } from '../../lib/api/torrent';
import type { EngineControl, EngineEvent } from '../../lib/messages/control';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { Payload } from '../support/payload';
import { codeOf } from '../support/code-of';

const { metainfo } = new Payload({ lengthBytes: 1 });

const COMPLETE: EngineEvent = { type: 'complete', torrent: 1 };
const ERROR: EngineEvent = {
  type: 'error',
  torrent: 1,
  error: { code: 'disk-full', message: 'the disk is full' },
};

function torrentInPhase(
  wantStats = (): void => undefined,
  known: Metainfo | undefined = metainfo,
): {
  torrent: Torrent;
  phase: (phase: string) => void;
} {
  const nothing = (): Promise<void> => Promise.resolve();
  const control = {
    pause: nothing,
    resume: nothing,
    remove: async () => torrent.handle({ type: 'removed', torrent: 1 }),
  } as unknown as EngineControl;
  const torrent: Torrent = new Torrent(
    1,
    { ...metainfo, name: 'in the link', metainfo: known ?? undefined },
    control,
    wantStats,
  );
  torrent.release();
  return {
    torrent,
    phase: (phase) =>
      torrent.handle({
        type: 'stats',
        torrent: 1,
        stats: { ...torrent.stats(), phase },
      } as EngineEvent),
  };
}

describe('api/torrent: completed', () => {
  for (const pauses of [false, true]) {
    it(`is a new promise after an error${pauses ? ', a pause' : ''} and resume`, async () => {
      const { torrent, phase } = torrentInPhase();
      const first = torrent.completed;
      phase('failed');
      torrent.handle(ERROR);
      expect(torrent.completed).to.equal(first);
      expect(await codeOf(first)).to.equal('disk-full');
      if (pauses) {
        await torrent.pause();
        phase('paused');
      }
      await torrent.resume();
      const second = torrent.completed;
      expect(second).to.not.equal(first);
      torrent.handle(COMPLETE);
      expect(torrent.completed).to.equal(second);
      expect(await codeOf(second)).to.equal('resolved');
    });
  }

  it('stays the same over a pause without an error', async () => {
    const { torrent } = torrentInPhase();
    const first = torrent.completed;
    await torrent.pause();
    await torrent.resume();
    expect(torrent.completed).to.equal(first);
    torrent.handle(COMPLETE);
    expect(await codeOf(first)).to.equal('resolved');
  });

  it('resolves though word of the error came after resume', async () => {
    const { torrent } = torrentInPhase();
    await torrent.pause();
    await torrent.resume();
    torrent.handle(ERROR);
    torrent.handle(COMPLETE);
    expect(await codeOf(torrent.completed)).to.equal('resolved');
  });

  it('stays rejected once the torrent is closed', async () => {
    const { torrent } = torrentInPhase();
    const first = torrent.completed;
    await torrent.close();
    await torrent.resume();
    expect(torrent.completed).to.equal(first);
    expect(await codeOf(first)).to.equal('closed');
  });
});

describe('api/torrent: metadata', () => {
  const LEARNT: EngineEvent = { type: 'metadata', torrent: 1, metainfo };
  const unknown = (): ReturnType<typeof torrentInPhase> & { learnt: Metainfo[] } => {
    const learnt: Metainfo[] = [];
    // A default would stand in for undefined.
    const made = torrentInPhase(() => undefined, null as unknown as undefined);
    made.torrent.on('metadata', (event) => learnt.push(event));
    return { ...made, learnt };
  };

  it('is there at once for a torrent that was added with it', async () => {
    const { torrent } = torrentInPhase();
    expect(await torrent.metadata).to.equal(metainfo);
    expect(torrent.stats()).to.include({ phase: 'checking', metadata: undefined });
  });

  it('comes later for a magnet link, and with it everything that depends on it', async () => {
    const { torrent, learnt } = unknown();
    const { totalBytes, pieceCount, pieceLengthBytes, files, metainfo: none } = torrent;
    for (const each of [totalBytes, pieceCount, pieceLengthBytes, files, none])
      expect(each).to.equal(undefined);
    expect(torrent.name).to.equal('in the link');
    expect(torrent.infoHash).to.equal(Buffer.from(metainfo.infoHash).toString('hex'));
    expect(torrent.stats()).to.deep.include({
      phase: 'metadata',
      metadata: { receivedBytes: 0, totalBytes: undefined, peers: 0 },
      totalBytes: undefined,
      pieceCount: undefined,
    });
    torrent.handle(LEARNT);
    expect(learnt).to.deep.equal([metainfo]);
    expect(await torrent.metadata).to.equal(metainfo);
    expect(torrent).to.deep.include({ name: metainfo.name, totalBytes: 1, pieceCount: 1 });
    expect(torrent.files).to.deep.equal([{ path: metainfo.name, lengthBytes: 1 }]);
  });

  it('is emitted once, even if the files get other names later', async () => {
    const { torrent, learnt } = unknown();
    torrent.handle(LEARNT);
    const renamed = { ...metainfo, name: 'renamed' };
    torrent.handle({ type: 'metadata', torrent: 1, metainfo: renamed });
    expect(learnt).to.have.length(1);
    expect(torrent.name).to.equal('renamed');
  });

  it('is a new promise after an error and a resume', async () => {
    const { torrent } = unknown();
    const first = torrent.metadata;
    torrent.handle(ERROR);
    expect(await codeOf(first)).to.equal('disk-full');
    await torrent.resume();
    const second = torrent.metadata;
    expect(second).to.not.equal(first);
    torrent.handle(LEARNT);
    expect(await second).to.equal(metainfo);
    torrent.handle(ERROR);
    await torrent.resume();
    expect(await torrent.metadata, 'it stays known').to.equal(metainfo);
  });

  it('rejects if the torrent is closed first', async () => {
    const { torrent } = unknown();
    const first = torrent.metadata;
    await torrent.close();
    expect(await codeOf(first)).to.equal('closed');
    await torrent.resume();
    expect(torrent.metadata).to.equal(first);
  });
});

describe('api/torrent: stats', () => {
  const { now } = performance;
  let nowMs = 0;
  before(() => (performance.now = () => nowMs));
  after(() => (performance.now = now));

  it('asks for newer figures when it is asked for old ones, every 5 s at the most', async () => {
    const asked: number[] = [];
    const { torrent, phase } = torrentInPhase(() => asked.push(nowMs));
    for (; nowMs < 12_000; nowMs += 500) torrent.stats();
    expect(asked).to.deep.equal([5500, 11_000]);
    phase('downloading'); // reported
    nowMs += 5000;
    torrent.stats();
    expect(asked).to.have.length(2);
    nowMs += 1;
    expect(torrent.stats().phase).to.equal('downloading');
    expect(asked).to.have.length(3);
    await torrent.close();
    nowMs += 60_000;
    torrent.stats();
    expect(asked).to.have.length(3);
  });
});

describe('api/torrent: setSuperSeed', () => {
  it('is switched on or off by a boolean, and by nothing else', async () => {
    const calls: unknown[] = [];
    const control = {
      superSeed: async (...args: unknown[]) => void calls.push(args),
    } as unknown as EngineControl;
    const torrent = new Torrent(7, { ...metainfo, metainfo }, control, () => undefined);
    await torrent.setSuperSeed(true);
    await torrent.setSuperSeed(false);
    for (const wrong of [undefined, 1, 'on', null])
      expect(await codeOf(torrent.setSuperSeed(wrong as unknown as boolean))).to.equal(
        'bad-option',
      );
    expect(calls).to.deep.equal([
      [7, true],
      [7, false],
    ]);
  });
});
