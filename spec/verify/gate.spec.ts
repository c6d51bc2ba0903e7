import { expect } from 'chai';
import { VerifyGate } from '../../lib/verify/gate';

/** Jobs that the gate lets out now, one after another. */
function letOut(gate: VerifyGate, nowMs: number): number {
  let jobs = 0;
  for (; gate.isOpen(nowMs); jobs++) gate.onOut();
  return jobs;
}

describe('verify/gate', () => {
  it('lets out two jobs for each worker, and another for each answer', () => {
    const gate = new VerifyGate(2, 2);
    expect(letOut(gate, 0)).to.equal(4);
    gate.onAnswer();
    expect(letOut(gate, 1_000)).to.equal(1);
    expect(letOut(gate, 9_000)).to.equal(0);
  });

  it('doubles the workers whenever a job has waited for 50 ms, as far as they go', () => {
    const gate = new VerifyGate(1, 3);
    expect(letOut(gate, 100)).to.equal(2);
    expect(letOut(gate, 149)).to.equal(0);
    expect(letOut(gate, 150)).to.equal(2);
    expect(letOut(gate, 199)).to.equal(0);
    expect(letOut(gate, 200)).to.equal(2);
    expect(letOut(gate, 9_000)).to.equal(0);
  });

  it('counts from where jobs began to wait without a gap', () => {
    const gate = new VerifyGate(1, 2);
    letOut(gate, 0);
    gate.onNoneWaiting();
    expect(letOut(gate, 60)).to.equal(0);
    gate.onAnswer();
    expect(letOut(gate, 100)).to.equal(1);
    expect(letOut(gate, 110)).to.equal(2);
  });

  it('is shut until there is room again for what could not wait', () => {
    const gate = new VerifyGate(1, 1);
    for (let job = 0; job < 3; job++) gate.onOut();
    gate.onAnswer();
    expect(gate.isOpen(0)).to.equal(false);
    gate.onAnswer();
    expect(gate.isOpen(0)).to.equal(true);
  });
});
