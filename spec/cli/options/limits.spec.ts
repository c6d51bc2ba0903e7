import { InvalidArgumentError } from 'commander';
import { expect } from 'chai';
import { timedLimits } from '../../../lib/cli/options/limits';
import { fakeApi, millrace } from '../fakes';

describe('cli/limits', () => {
  it('reads an entry of the schedule', () => {
    const MIB = 1024 ** 2;
    expect(timedLimits('08:00-18:00 down=1M up=200K')).to.deep.equal([
      { from: '08:00', to: '18:00', downLimitBytesPerSec: MIB, upLimitBytesPerSec: 200 * 1024 },
    ]);
    expect(timedLimits(' Fri-mon,wed  22:00-24:00 peer-down=0 peer-up=1MB ')).to.deep.equal([
      {
        from: '22:00',
        to: '24:00',
        days: ['fri', 'sat', 'sun', 'mon', 'wed'],
        peerDownLimitBytesPerSec: 0,
        peerUpLimitBytesPerSec: 1e6,
      },
    ]);
    const two = timedLimits('06:00-07:00 up=1M', timedLimits('05:00-06:00 up=2M'));
    expect(two.map(({ from }) => from)).to.deep.equal(['05:00', '06:00']);
  });

  for (const [text, says] of [
    ['', /no valid days/],
    ['always down=1M', /no valid days/],
    ['mon-xyz 08:00-18:00 down=1M', /no valid days/],
    ['mon-tue-wed 08:00-18:00 down=1M', /no valid days/],
    ['mon 08:00 down=1M', /no valid time of day/],
    ['mon 8:00-18:00 down=1M', /no valid time of day/],
    ['mon 08:00-25:00 down=1M', /no valid time of day/],
    ['24:00-08:00 down=1M', /no valid days/],
    ['08:00-08:00 down=1M', /no valid time of day/],
    ['08:00-18:00', /no valid limits.*such as 'mon-fri/],
    ['08:00-18:00 sideways=1M', /no valid limits/],
    ['08:00-18:00 down=1M=2M', /no valid limits/],
    ['08:00-18:00 down=', /from 1.00 KiB|from 1 KiB to 1 TiB/],
    ['08:00-18:00 down=5', /a size from 1 KiB to 1 TiB, such as 5M or 200K/],
  ] as const) {
    it(`refuses '${text}'`, () => {
      expect(() => timedLimits(text)).to.throw(InvalidArgumentError, says);
    });
  }

  it('hands limits on in bytes per second', async () => {
    for (const command of ['download', 'seed']) {
      const { api, engine } = fakeApi();
      engine.onAdded = (torrent) => torrent.complete();
      const argv = [command, 'a.torrent', '--down-limit', '5M', '--up-limit', '0'];
      argv.push('--peer-down-limit', '1.5K', '--peer-up-limit', '4096', ...data(command));
      argv.push(
        '--limit-schedule',
        '01:00-02:00 down=0',
        '--limit-schedule',
        'sun 03:00-04:00 up=1K',
      );
      await millrace(argv, { api });
      expect(engine.calls[0]?.[1]).to.deep.include({
        downLimitBytesPerSec: 5 * 1024 ** 2,
        upLimitBytesPerSec: 0,
        peerDownLimitBytesPerSec: 1536,
        peerUpLimitBytesPerSec: 4096,
        limitSchedule: [
          { from: '01:00', to: '02:00', downLimitBytesPerSec: 0 },
          { from: '03:00', to: '04:00', days: ['sun'], upLimitBytesPerSec: 1024 },
        ],
      });
    }
  });

  it('refuses a rate without meaning', async () => {
    for (const flag of ['--down-limit', '--up-limit', '--peer-down-limit', '--peer-up-limit']) {
      const { exitCode, io } = await millrace(['download', 'a', flag, 'fast'], {
        api: fakeApi().api,
      });
      expect(exitCode).to.equal(2);
      expect(io.err).to.match(/such as 5M or 200K, per second, or 0 for no limit/);
    }
  });
});

function data(command: string): readonly string[] {
  return command === 'seed' ? ['--data', '/nowhere', '--seed-time', '0'] : [];
}
