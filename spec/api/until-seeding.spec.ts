// When a share may be announced, and why it may not.

import { expect } from 'chai';
import type { Torrent } from '../../lib/api/torrent';
import { reportVerified, untilSeeding } from '../../lib/api/until-seeding';
import { FakeTorrent } from '../cli/fakes';
import { refusal } from './temp-tree';

describe('api/until-seeding', () => {
  /** Its data is whole. */
  function whole(): FakeTorrent & Torrent {
    const torrent = new FakeTorrent();
    torrent.complete();
    return torrent as FakeTorrent & Torrent;
  }

  it('reports that this machine does not reach its own tracker, and why', async () => {
    const torrent = whole();
    const until = untilSeeding(torrent, 'other.example', 20);
    torrent.emit('tracker', { ok: false, message: 'tracker other.example refuses connections' });
    const error = await refusal(until);
    expect(error.code).to.equal('share-unreachable');
    expect(error.message).to.contain(
      'at other.example (tracker other.example refuses connections)',
    );
    expect(torrent.eventNames()).to.deep.equal([]);
  });

  it('has done with the first answer, whatever failed before', async () => {
    const torrent = whole();
    const until = untilSeeding(torrent, 'here', 60_000);
    torrent.emit('tracker', { ok: false, message: 'too early' });
    torrent.emit('tracker', { ok: true, message: undefined });
    await until;
    expect(torrent.eventNames()).to.deep.equal([]);
  });

  it('reports the second reading in bytes, without what is not read', () => {
    const torrent = whole();
    const calls: string[] = [];
    const end = reportVerified(torrent, ({ doneBytes, totalBytes }) =>
      calls.push(`${doneBytes} of ${totalBytes}`),
    );
    const { pieceLengthBytes, totalBytes, pieceCount } = torrent;
    for (const [piecesChecked, piecesToCheck] of [
      [0, 0],
      [0, pieceCount],
      [1, pieceCount],
      [1, 2],
      [pieceCount, pieceCount],
    ] as const) {
      torrent.emit('stats', { ...torrent.stats(), piecesChecked, piecesToCheck });
    }
    end();
    torrent.emit('complete');
    expect(calls).to.deep.equal([
      `0 of ${totalBytes}`,
      `${pieceLengthBytes} of ${totalBytes}`,
      `${pieceLengthBytes} of ${2 * pieceLengthBytes}`,
      `${totalBytes} of ${totalBytes}`,
    ]);
  });
});
