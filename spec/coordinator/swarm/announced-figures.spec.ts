// The figures in an announce: what a run has transferred, and what is left.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const PIECE = 64 * KIB;
const trackers = [['http://a.example/announce']];

describe('coordinator: the figures in an announce', () => {
  const announced = (desk: SimDesk) => desk.engine.announces.map(({ request }) => request);

  it('left is the missing pieces, and the last of them may be short', async () => {
    const short = { totalLengthBytes: 3 * PIECE + 1000, pieceLengthBytes: PIECE, trackers };
    for (const [good, leftBytes] of [
      [[], 3 * PIECE + 1000],
      [[0, 1], PIECE + 1000],
      [[3], 3 * PIECE],
      [[0, 1, 2, 3], 0],
    ] as const) {
      const { desk } = await SimDesk.with(short, { good });
      expect(announced(desk)[0], JSON.stringify(good)).to.include({ leftBytes });
    }
  });

  it('nothing is left of a torrent of 0 bytes', async () => {
    const { desk } = await SimDesk.with({ totalLengthBytes: 0, pieceLengthBytes: PIECE, trackers });
    expect(announced(desk).map(({ leftBytes }) => leftBytes)).to.deep.equal([0]);
  });

  it('each run counts from 0, in both directions', async () => {
    const { desk, engine, torrent } = await SimDesk.with(
      { totalLengthBytes: 4 * PIECE, pieceLengthBytes: PIECE, trackers },
      { good: [0] },
    );
    const transfer = async (down: number, up: number): Promise<void> => {
      const peer = desk.connect(torrent, { have: [], unchoke: false });
      engine.facts({ type: 'traffic', rows: [peer, down, up, 0] });
      desk.close(peer);
      await restart(desk, torrent);
    };
    await transfer(1000, 300);
    await transfer(500, 20);
    const figures = announced(desk).map(({ event, downloadedBytes, uploadedBytes }) => [
      event,
      downloadedBytes,
      uploadedBytes,
    ]);
    expect(figures).to.deep.equal([
      ['started', 0, 0],
      ['stopped', 1000, 300],
      ['started', 0, 0],
      ['stopped', 500, 20],
      ['started', 0, 0],
    ]);
  });
});

async function restart(desk: SimDesk, { state }: DeskTorrent): Promise<void> {
  const paused = desk.control.pause(state.id);
  await desk.answerJobs(); // The sync of what was verified.
  await paused;
  await desk.control.resume(state.id);
  await desk.answerJobs();
}
