// The check of stored pieces: what is read, in which jobs, and what an answer changes.

import { expect } from 'chai';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { SimDesk } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB, sha1 } from '../../support/sim-torrent';
import { NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 250 * KIB, pieceLengthBytes: 64 * KIB };
/** Six jobs of 64 pieces, of which four are out at once. */
const LONG = { totalLengthBytes: 6 * MIB, pieceLengthBytes: 16 * KIB };

describe('coordinator/checking', () => {
  it('reads each piece where it is stored, and compares it with its hash, in the background', async () => {
    const desk = new SimDesk();
    const { content } = await desk.begin(SHORT, [], ON_DISK);
    const { job, priority } = desk.takeJob('recheck');
    expect(priority).to.equal('background');
    expect(job.type === 'recheck' && job.pieces).to.deep.equal(
      [0, 1, 2, 3].map((piece) => {
        const offsetBytes = piece * 64 * KIB;
        const lengthBytes = Math.min(64 * KIB, 250 * KIB - offsetBytes);
        return {
          piece,
          lengthBytes,
          sha1: sha1(content.subarray(offsetBytes, offsetBytes + lengthBytes)).toString('hex'),
          spans: [{ path: 'sim-1.bin', offsetBytes, lengthBytes }],
        };
      }),
    );
  });

  it('keeps every worker busy, and is over with the last answer', async () => {
    const desk = new SimDesk();
    const torrent = await desk.begin(LONG);
    for (let answered = 0; answered < 6; answered++) {
      expect(desk.engine.jobs).to.have.length(Math.min(4, 6 - answered));
      expect(desk.stats(torrent)).to.include({
        phase: 'checking',
        piecesToCheck: 384,
        piecesChecked: 64 * answered,
      });
      const check = desk.takeJob('recheck');
      check.resolve(outcomeForAll(check.job, answered === 0 ? 'good' : 'bad'));
      await settled();
    }
    expect(desk.stats(torrent)).to.include({
      phase: 'downloading',
      piecesDone: 64,
      piecesChecked: 384,
    });
  });

  it('stops at the first piece that cannot be read, and reads it again in the next run', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const torrent = await desk.begin(SHORT);
    const { resolve } = desk.takeJob('recheck');
    const error = { code: 'EIO', message: 'bad disk' };
    resolve({
      ...NO_OUTCOMES,
      outcomes: [
        { type: 'good', piece: 0 },
        { type: 'storage-error', piece: 1, error },
        { type: 'good', piece: 2 },
      ],
    });
    await desk.answerJobs();
    expect(desk.stats(torrent)).to.include({ phase: 'failed', piecesDone: 1 });
    expect(engine.eventsOf('error').map((event) => event.error.code)).to.deep.equal(['EIO']);
    await desk.control.resume(torrent.state.id);
    await settled();
    const { job } = desk.takeJob('recheck');
    expect(job.type === 'recheck' && job.pieces.map(({ piece }) => piece)).to.deep.equal([1, 2, 3]);
    engine.logs.length = 0;
  });

  it('fails the torrent where no worker could take a job, unless the engine closes', async () => {
    for (const closing of [false, true]) {
      const desk = new SimDesk();
      const torrent = await desk.begin(SHORT);
      const { reject } = desk.takeJob('recheck');
      const closed = closing ? desk.closeSlowly() : undefined;
      reject(new Error('no worker'));
      await settled();
      expect(torrent.state.phase).to.equal(closing ? 'checking' : 'failed');
      expect(desk.engine.eventsOf('error')).to.have.length(closing ? 0 : 1);
      await closed?.();
    }
  });

  it('of nothing is over at once', async () => {
    const desk = new SimDesk();
    desk.engine.disk.resume = ({ pieceCount }) => ({ recheck: new Bitfield(pieceCount) });
    const torrent = await desk.begin(SHORT, [], ON_DISK);
    expect(desk.jobsOf('recheck')).to.deep.equal([]);
    expect(desk.stats(torrent)).to.include({ phase: 'downloading', piecesToCheck: 0 });
  });
});
