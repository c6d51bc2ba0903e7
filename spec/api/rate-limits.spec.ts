import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import { engineLimits, periodsOf, torrentLimits } from '../../lib/api/rate-limits';

function refusal(limits: unknown): string {
  try {
    engineLimits(limits);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'bad-option') return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('api/rate-limits', () => {
  it('takes bytes per second, and 0 or Infinity for none', () => {
    const limits = torrentLimits({
      downLimitBytesPerSec: 1024,
      upLimitBytesPerSec: 0,
      peerDownLimitBytesPerSec: Infinity,
    });
    expect(limits).to.deep.equal({
      downLimitBytesPerSec: 1024,
      upLimitBytesPerSec: Infinity,
      peerDownLimitBytesPerSec: Infinity,
      peerUpLimitBytesPerSec: undefined,
    });
  });

  it('says what is allowed', () => {
    for (const value of [1023, -1, NaN, 2 ** 40 + 1, '5M', null, true]) {
      expect(refusal({ downLimitBytesPerSec: value })).to.match(
        /^option downLimitBytesPerSec must be 1024 to 1099511627776 bytes per second, or 0 or Infinity for no limit, not /,
      );
    }
  });

  it('takes limits by time of day', () => {
    const { limitSchedule } = engineLimits({
      limitSchedule: [
        { from: '08:00', to: '18:00', days: ['mon', 'fri'], downLimitBytesPerSec: 1e6 },
        { from: '22:30', to: '24:00', upLimitBytesPerSec: 0 },
      ],
    });
    const none = {
      downLimitBytesPerSec: undefined,
      upLimitBytesPerSec: undefined,
      peerDownLimitBytesPerSec: undefined,
      peerUpLimitBytesPerSec: undefined,
    };
    expect(periodsOf(limitSchedule ?? [])).to.deep.equal([
      { ...none, fromMinute: 480, toMinute: 1080, days: [1, 5], downLimitBytesPerSec: 1e6 },
      {
        ...none,
        fromMinute: 1350,
        toMinute: 1440,
        days: [0, 1, 2, 3, 4, 5, 6],
        upLimitBytesPerSec: Infinity,
      },
    ]);
    // What was checked may be checked again.
    expect(engineLimits({ limitSchedule }).limitSchedule).to.deep.equal(limitSchedule);
  });

  it('says what is wrong with an entry', () => {
    const entry = { from: '08:00', to: '18:00', downLimitBytesPerSec: 1e6 };
    const wrong = (change: object): string => refusal({ limitSchedule: [{ ...entry, ...change }] });
    expect(wrong({ from: '8:00' })).to.include(
      'limitSchedule[0].from must be a time of day, HH:MM',
    );
    expect(wrong({ to: '24:01' })).to.include('limitSchedule[0].to must be a time of day');
    expect(wrong({ to: 18 })).to.include('limitSchedule[0].to must be a time of day');
    expect(wrong({ to: '08:00' })).to.include('must end at another time than it begins');
    expect(wrong({ days: ['monday'] })).to.include('limitSchedule[0].days[0] must be "sun"');
    expect(wrong({ downLimitBytesPerSec: undefined })).to.include('must have a limit');
    expect(wrong({ upLimitBytesPerSec: 5 })).to.include('upLimitBytesPerSec must be 1024');
    expect(refusal({ limitSchedule: 'always' })).to.include('must be a list of');
  });
});
