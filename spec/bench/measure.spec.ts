// How the benches measure a child process, and their rounds.

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Child, measure } from '../../bench/support/children';
import { Results } from '../../bench/support/results';
import { runRounds } from '../../bench/support/rounds';
import { until } from '../support/until';

const DEADLINE_MS = 15_000;

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] ?? '';
  } catch {
    return 'gone';
  }
}

describe('bench measure', () => {
  it('counts the CPU time of a whole process tree, and its memory', async () => {
    const burn = 'let sum = 0; while (process.cpuUsage().user < 3e5) sum += Math.sqrt(sum + 1);';
    const parent = `require('child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(burn)}])`;
    const usage = await measure({ command: [process.execPath, '-e', parent] }, DEADLINE_MS);
    expect(usage.userSec).to.be.at.least(0.3);
    expect(usage.wallSec).to.be.at.least(0.3);
    expect(usage.peakRssBytes).to.be.above(2 ** 20);
  });

  it('reports what a failing program printed', async () => {
    const command = [process.execPath, '-e', 'console.error("out of paper"); process.exit(3)'];
    const failure = await measure({ command }, DEADLINE_MS).catch(String);
    expect(failure).to.contain('ended with 3').and.contain('out of paper');
  });

  it('ends a program that takes too long', async () => {
    const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
    expect(await measure({ command }, 300).catch(String)).to.contain('did not end within 0.3 s');
  });

  it('kills what a child has started', async () => {
    const grandchild = 'setInterval(() => {}, 1000); console.log("pid", process.pid)';
    const parent = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'inherit' })`;
    const child = new Child({ command: [process.execPath, '-e', parent] });
    const [, pid] = await child.untilPrinted(/pid (\d+)/, DEADLINE_MS);
    await child.kill();
    // It may take a moment to die, and may stay a zombie without a parent to reap it.
    await until(() => ['gone', 'Z'].includes(stateOf(Number(pid))), 'the end of the grandchild');
  });
});

describe('bench rounds', () => {
  const quiet = console.log;
  const quietErrors = console.error;
  beforeEach(() => {
    console.log = console.error = () => undefined;
  });
  afterEach(() => {
    console.log = quiet;
    console.error = quietErrors;
  });

  it('turns the order, and throws the warm-up away', async () => {
    const results = new Results('spec', false);
    const order: string[] = [];
    const subject = (name: string) => ({
      name,
      run: () => {
        order.push(name);
        return Promise.resolve({ wallSec: order.length });
      },
    });
    await runRounds([subject('a'), subject('b')], {}, { rounds: 2, warmUp: true }, results);
    expect(order.join('')).to.equal('baabba');
    expect(results.samples.map(({ subject: name, round }) => name + round)).to.deep.equal([
      'a1',
      'b1',
      'b2',
      'a2',
    ]);
  });

  it('leaves a failing subject out of later rounds, and keeps the reason', async () => {
    const results = new Results('spec', false);
    let runs = 0;
    const bad = { name: 'bad', run: () => Promise.reject(new Error(`run ${++runs} failed`)) };
    const good = { name: 'good', run: () => Promise.resolve({ wallSec: 1 }) };
    await runRounds([bad, good], { peers: 1 }, { rounds: 3, warmUp: false }, results);
    expect(runs).to.equal(1);
    expect(results.misses).to.have.length(1);
    expect(results.misses[0]).to.include({ subject: 'bad', reason: 'run 1 failed' });
    expect(results.samples).to.have.length(3);
  });
});
