// Results of a verify worker for pieces: good, bad, a disk that fails, or nothing at all.

import { expect } from 'chai';
import type { ErrorRecord } from '../../../lib/errors/millrace-error';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { ON_DISK } from '../../support/sim-disk';
import { settled } from '../../support/sim-engine';
import type { PendingJob } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { NO_OUTCOMES, outcomeForAll } from '../../support/sim-verify';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

/** A peer brings one piece; the job that verifies it. */
function fetch({ desk, engine, torrent }: Fetching, piece: number): PendingJob {
  const peer = desk.connect(torrent, { have: [piece], creditBlocks: 4 });
  for (const lease of desk.leases(peer)) desk.deliver(lease);
  const [job, ...others] = engine.jobs.splice(0);
  if (job?.job.type !== 'pieces' || others.length > 0) throw new Error('no job');
  return job;
}

type Fetching = Awaited<ReturnType<typeof SimDesk.with>>;

describe('coordinator/on-piece', () => {
  it('reports a bad piece as failed, and not as one that is here', async () => {
    const it = await SimDesk.with(SHORT);
    const job = fetch(it, 0);
    job.resolve(outcomeForAll(job.job, 'bad'));
    await settled();
    expect(it.engine.eventsOf('pieces')).to.deep.equal([]);
    expect(it.desk.stats(it.torrent)).to.include({ piecesFailed: 1, piecesDone: 0 });
    const logs = it.engine.logs.filter(({ message }) => message.startsWith('a piece failed'));
    expect(logs).to.have.length(1);
    expect(logs[0]).to.include({ level: 'warn' });
    const [failed] = it.engine.eventsOf('piece-failed');
    expect(failed?.suspects).to.have.length(1);
    expect(logs[0]?.message).to.include('"piece":0').and.include(JSON.stringify(failed?.suspects));
  });

  describe('a storage error', () => {
    async function failing(details: ErrorRecord['details']): Promise<Fetching> {
      const it = await SimDesk.with(SHORT);
      fetch(it, 0).resolve({
        ...NO_OUTCOMES,
        outcomes: [{ type: 'storage-error', piece: 0, error: { ...DISK_FULL, details } }],
      });
      await settled();
      it.engine.logs.length = 0;
      return it;
    }
    const DISK_FULL = { code: 'ENOSPC', message: 'no space left' };
    const errorOf = ({ desk, torrent }: { desk: SimDesk; torrent: DeskTorrent }) =>
      desk.stats(torrent).error;

    for (const [kind, code, words] of [
      ['missing', 'data-missing', 'sim-1.bin was removed or renamed'],
      ['replaced', 'data-changed', 'sim-1.bin was replaced by another file'],
    ] as const) {
      it(`of a file that is ${kind} explains what happened to it`, async () => {
        const error = errorOf(await failing({ path: 'sim-1.bin', kind }));
        expect(error?.code).to.equal(code);
        expect(error?.message).to.include(words);
      });
    }

    const OTHERS: readonly ErrorRecord['details'][] = [
      undefined,
      { path: 'sim-1.bin' },
      { path: 'sim-1.bin', kind: 'cut' },
      { kind: 'missing' },
      { path: 7, kind: 'missing' },
    ];
    for (const details of OTHERS) {
      it(`with the details ${JSON.stringify(details)} is reported unchanged`, async () => {
        const it = await failing(details);
        expect(errorOf(it)?.code).to.equal('ENOSPC');
        expect(it.engine.memoryIsBack).to.equal(true);
      });
    }
  });

  it('fetches the pieces of a lost job again, and reports no error while the engine closes', async () => {
    for (const closing of [false, true]) {
      const it = await SimDesk.with(SHORT);
      const job = fetch(it, 0);
      it.engine.state.closing = closing;
      job.reject(new Error('three workers died'));
      await settled();
      it.engine.logs.length = 0;
      expect(it.engine.eventsOf('error')).to.have.length(closing ? 0 : 1);
      expect(it.torrent.state.content.active.size).to.equal(0);
      expect(it.torrent.state.content.possession.picker.idle).to.equal(4);
    }
  });

  it('knows how a job left a file, unless an earlier attempt may have written to it, too', async () => {
    for (const again of [undefined, false, true]) {
      const it = await SimDesk.with(SHORT, { request: ON_DISK });
      const { file: before } = it.engine.disk;
      if (before === undefined) throw new Error('no file');
      const after = { ...before, mtimeNs: 200n };
      const job = fetch(it, 0);
      const written = [{ path: 'sim-1.bin', before, after, endBytes: 64 * KIB }];
      job.resolve({
        ...outcomeForAll(job.job, 'good'),
        written,
        ...(again !== undefined && { again }),
      });
      await settled();
      const next = fetch(it, 1).job;
      expect(next.type === 'pieces' && next.known).to.deep.equal([
        { path: 'sim-1.bin', inode: 1n, ...(again !== true && { left: after }) },
      ]);
    }
  });
});
