import { expect } from 'chai';
import { withRemedy } from '../../../lib/coordinator/torrent/remedies';
import type { ErrorRecord } from '../../../lib/errors/millrace-error';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

/** 128 KiB, of which 20 are padding; 64 KiB are here. */
const TORRENT = {
  totalLengthBytes: 128 * KIB,
  pieceLengthBytes: 64 * KIB,
  paddingBytes: 20 * KIB,
};
const GO_ON = 'resume the torrent or start it again: nothing that was verified is lost';
const SPACE = `free space, or use another place, then ${GO_ON}`;

describe('coordinator/remedies', () => {
  async function remedied(error: ErrorRecord): Promise<ErrorRecord> {
    const { torrent } = await SimDesk.with(TORRENT, { good: [0] });
    return withRemedy(torrent.state, error);
  }

  for (const [code, meaning] of [
    ['ENOSPC', 'the disk is full'],
    ['EDQUOT', 'the disk quota is used up'],
  ] as const) {
    it(`${code}: says how many bytes of the files are missing, without padding`, async () => {
      const message = `cannot write /out: ${meaning}`;
      expect(await remedied({ code, message, details: { path: '/out' } })).to.deep.equal({
        code,
        message: `${message}; ${44 * KIB} bytes of the torrent are still missing; ${SPACE}`,
        details: { path: '/out', missingBytes: 44 * KIB, advice: SPACE },
      });
    });
  }

  it('says what to do about other errors of the system', async () => {
    const advice = `check the disk, then ${GO_ON}`;
    expect(
      await remedied({ code: 'EIO', message: 'x: the disk reports an input/output error' }),
    ).to.deep.equal({
      code: 'EIO',
      message: `x: the disk reports an input/output error; ${advice}`,
      details: { advice },
    });
    expect(
      (await remedied({ code: 'EEXIST', message: 'x: it exists already' })).message,
      'without advice of its own',
    ).to.equal(`x: it exists already; ${GO_ON}`);
  });

  it('explains what a back end reports in the words of the system', async () => {
    const { message } = await remedied({ code: 'EIO', message: 'EIO: i/o error, write' });
    expect(message).to.match(
      /^the disk reports an input\/output error \(EIO: i\/o error, write\); check the disk/,
    );
  });

  it('leaves other errors as they are', async () => {
    const error = { code: 'data-missing', message: 'gone', details: { path: '/x' } };
    expect(await remedied(error)).to.equal(error);
  });

  it('knows no missing bytes of a torrent whose content is not known', async () => {
    const { state } = await new SimDesk().addUnknown(TORRENT);
    const error = withRemedy(state, { code: 'ENOSPC', message: 'x: the disk is full' });
    expect(error.message).to.equal(`x: the disk is full; ${SPACE}`);
    expect(error.details).to.deep.equal({ advice: SPACE });
  });
});
