// Builds against each other: the interval of a ratio, the order of a round, and the verdict.

import { expect } from 'chai';
import fc from 'fast-check';
import { judge, runBuilds, shownVerdict } from '../../bench/compare/builds';
import { intervalOf } from '../../bench/compare/interval';
import { namedBuilds } from '../../bench/support/flags';
import { Results } from '../../bench/support/results';
import type { Sample } from '../../bench/support/results';

const CASE = { direction: 'download', peers: 1 } as const;

/** Rounds of A B A' A' B A, where the machine slows down all the time and B runs at `speed` of A. */
function drifting(rounds: number, speed: number, noise: (run: number) => number = () => 1) {
  const samples: Sample[] = [];
  const order = ['a', 'b', 'a, again', 'a, again', 'b', 'a'];
  for (let round = 1; round <= rounds; round++) {
    for (const subject of order) {
      const run = samples.length;
      const mibPerSec = 500 * 0.99 ** run * noise(run) * (subject === 'b' ? speed : 1);
      const values = { mibPerSec, cpuSecPerGib: 1500 / mibPerSec };
      samples.push({ type: 'sample', suite: 'spec', case: CASE, subject, round, values });
    }
  }
  return samples;
}

function outcomes(samples: readonly Sample[]): Record<string, string> {
  const verdicts = judge(samples, 'download');
  return Object.fromEntries(
    verdicts.map(({ subject, value, outcome }) => [`${subject} ${value}`, outcome]),
  );
}

describe('bench interval', () => {
  it('is the median of the pairwise means, on a logarithmic scale', () => {
    expect(intervalOf([0.5, 2]).estimate).to.be.closeTo(1, 1e-12);
    expect(intervalOf([3, 3, 3]).estimate).to.be.closeTo(3, 1e-12);
  });

  it('follows the tables of the signed-rank test: with 7 pairs the 4th lowest and highest of 28', () => {
    const logs = [1, 2, 3, 4, 5, 6, 7];
    const { low, high } = intervalOf(logs.map(Math.exp));
    // The means in order begin 1, 1.5, 2, 2, 2.5.
    expect(Math.log(low)).to.be.closeTo(2, 1e-9);
    expect(Math.log(high)).to.be.closeTo(6, 1e-9);
  });

  it('holds its estimate, turns with the ratios, and shrugs at one outlier', () => {
    const ratios = fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), {
      minLength: 7,
      maxLength: 30,
    });
    fc.assert(
      fc.property(ratios, (values) => {
        const { estimate, low, high } = intervalOf(values);
        expect(low).to.be.at.most(estimate + 1e-12);
        expect(high).to.be.at.least(estimate - 1e-12);
        const turned = intervalOf(values.map((value) => 1 / value));
        expect(turned.low).to.be.closeTo(1 / high, 1e-9);
        const outlier = intervalOf([...values, 1000]);
        expect(outlier.estimate).to.be.at.most(Math.max(...values) + 1e-12);
      }),
    );
  });
});

describe('bench builds', () => {
  it('cancels a drift of the machine, and sees the same build as the same', () => {
    const [speed, cpu, same] = judge(drifting(7, 0.9), 'download');
    expect(speed?.interval.estimate).to.be.closeTo(0.9, 1e-9);
    expect(cpu?.interval.estimate).to.be.closeTo(1 / 0.9, 1e-9);
    expect(same?.interval.estimate).to.be.closeTo(1, 1e-9);
    expect(shownVerdict(speed ?? expect.fail())).to.equal(
      'mibPerSec: b / a = 0.900 (90 %: 0.900–0.900), 7 rounds: regression (limit 2 %)',
    );
  });

  it('calls a regression only what lies beyond the limit as a whole', () => {
    expect(outcomes(drifting(7, 0.97))).to.deep.equal({
      'b mibPerSec': 'regression',
      'b cpuSecPerGib': 'regression',
      'a, again mibPerSec': 'no regression',
      'a, again cpuSecPerGib': 'no regression',
    });
    expect(outcomes(drifting(7, 0.99))['b mibPerSec']).to.equal('no regression');
    expect(outcomes(drifting(7, 1.2))['b cpuSecPerGib']).to.equal('no regression');
    const noisy = drifting(7, 0.98, (run) => 1 + 0.1 * Math.sin(run * run));
    expect(outcomes(noisy)['b mibPerSec']).to.equal('undecided');
    expect(judge(drifting(7, 0.97), 'upload')[0]?.outcome).to.equal('no regression');
  });

  it('leaves out a round in which a run failed', () => {
    const samples = drifting(7, 0.9).filter((sample) => sample.subject !== 'b' || sample.round > 1);
    const verdict = judge(samples, 'download').find(({ subject }) => subject === 'b');
    expect(verdict?.rounds).to.equal(6);
  });

  it('runs forwards and backwards, and adds rounds while it is undecided', async () => {
    const quiet = console.log;
    console.log = () => undefined;
    try {
      const order: string[] = [];
      const subject = (name: string, speed: () => number) => ({
        name,
        run: () => {
          order.push(name);
          return Promise.resolve({ mibPerSec: speed(), cpuSecPerGib: 1 });
        },
      });
      const clear = [subject('a', () => 100), subject('b', () => 100)];
      const options = { rounds: 2, maxRounds: 9, warmUp: true };
      await runBuilds(clear, CASE, options, new Results('spec', false));
      expect(order.join('')).to.equal('abba'.repeat(3));
      order.length = 0;
      const wild = [subject('a', () => 100), subject('b', () => (order.length % 8 < 4 ? 50 : 200))];
      await runBuilds(wild, CASE, { ...options, warmUp: false }, new Results('spec', false));
      expect(order).to.have.length(4 * 9);
    } finally {
      console.log = quiet;
    }
  });

  it('takes builds by name, each name once', () => {
    const builds = namedBuilds('after=a=b/dist', namedBuilds('before=/tmp/x'));
    expect(builds).to.deep.equal([
      { name: 'before', folder: '/tmp/x' },
      { name: 'after', folder: 'a=b/dist' },
    ]);
    expect(() => namedBuilds('/tmp/x/dist')).to.throw('NAME=DIR');
    expect(() => namedBuilds('a=1', namedBuilds('a=2'))).to.throw('Two builds are called a.');
  });
});
