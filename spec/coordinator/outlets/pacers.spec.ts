import { expect } from 'chai';
import { mock } from 'node:test';
import {
  ANNOUNCES_PER_TRACKER,
  HTTP_ANNOUNCES,
} from '../../../lib/coordinator/outlets/announce-pacer';
import { Pacers } from '../../../lib/coordinator/outlets/pacers';
import { settled } from '../../support/sim-engine';

const LIMITS = { maxHalfOpen: 1, dialsPerSec: 1000 };

/** Tasks that the spec ends. */
class Tasks {
  readonly begun: string[] = [];
  readonly #ends: (() => void)[] = [];

  task(name: string): () => Promise<void> {
    return () => {
      this.begun.push(name);
      return new Promise((end) => this.#ends.push(end));
    };
  }

  async endAll(): Promise<void> {
    while (this.#ends.length > 0) {
      for (const end of this.#ends.splice(0)) end();
      await settled();
    }
  }
}

describe('coordinator: pacing of announces', () => {
  it('a tracker that never answers delays the announces to itself only', async () => {
    const pacers = new Pacers(LIMITS);
    const tasks = new Tasks();
    for (let n = 0; n < 1000; n++)
      pacers.announce(tasks.task('dead'), `udp://dead.example:80/${n}`);
    pacers.announce(tasks.task('live'), 'udp://live.example:80');
    pacers.announce(tasks.task('port'), 'udp://dead.example:81');
    pacers.announce(tasks.task('http'), 'http://dead.example:80/announce');
    await settled();
    expect(tasks.begun.filter((name) => name === 'dead')).to.have.length(ANNOUNCES_PER_TRACKER);
    expect(tasks.begun.slice(ANNOUNCES_PER_TRACKER)).to.deep.equal(['live', 'port', 'http']);
    expect(pacers.busyTrackers).to.equal(4);
    await tasks.endAll();
    expect(tasks.begun).to.have.length(1003);
    expect(pacers.busyTrackers, 'nothing is left of them').to.equal(0);
  });

  it('HTTP announces are limited in number, and UDP does not wait for them', async () => {
    const pacers = new Pacers(LIMITS);
    const tasks = new Tasks();
    for (let n = 0; n < HTTP_ANNOUNCES + 50; n++) {
      pacers.announce(tasks.task('http'), `http://dead-${n}.example/announce?by=udp:`);
    }
    pacers.announce(tasks.task('udp'), 'UDP://live.example:80');
    await settled();
    expect(tasks.begun.filter((name) => name === 'http')).to.have.length(HTTP_ANNOUNCES);
    expect(tasks.begun).to.include('udp');
    await tasks.endAll();
    expect(tasks.begun).to.have.length(HTTP_ANNOUNCES + 51);
  });

  it('takes whatever stands where a URL should', async () => {
    const pacers = new Pacers(LIMITS);
    const tasks = new Tasks();
    pacers.announce(tasks.task('odd'), 'http://%zz');
    await settled();
    expect(tasks.begun).to.deep.equal(['odd']);
    await tasks.endAll();
  });
});

describe('coordinator: pacing of dials', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('a limited number of dials is half open at one time', async () => {
    const pacers = new Pacers({ maxHalfOpen: 2, dialsPerSec: 1000 });
    const tasks = new Tasks();
    for (const name of ['a', 'b', 'c', 'd', 'e']) pacers.dial(tasks.task(name));
    expect(tasks.begun).to.deep.equal(['a', 'b']);
    await tasks.endAll();
    expect(tasks.begun).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('a limited number of dials begins per second, however soon they end', async () => {
    const pacers = new Pacers({ maxHalfOpen: 100, dialsPerSec: 2 });
    const tasks = new Tasks();
    for (let n = 0; n < 5; n++) pacers.dial(tasks.task('dial'));
    await tasks.endAll();
    expect(tasks.begun).to.have.length(2);
    mock.timers.tick(999);
    await tasks.endAll();
    expect(tasks.begun).to.have.length(2);
    mock.timers.tick(1);
    await tasks.endAll();
    expect(tasks.begun).to.have.length(4);
    mock.timers.tick(1000);
    await tasks.endAll();
    expect(tasks.begun).to.have.length(5);
  });

  it('one dial per second goes on for ever', async () => {
    const pacers = new Pacers({ maxHalfOpen: 1, dialsPerSec: 1 });
    const tasks = new Tasks();
    for (let n = 0; n < 4; n++) pacers.dial(tasks.task('dial'));
    for (let second = 1; second <= 4; second++) {
      await tasks.endAll();
      expect(tasks.begun).to.have.length(second);
      mock.timers.tick(1000);
    }
  });

  it('a dial that fails makes room, too', async () => {
    const pacers = new Pacers(LIMITS);
    const tasks = new Tasks();
    pacers.dial(() => Promise.reject(new Error('refused')));
    pacers.dial(tasks.task('next'));
    await settled();
    expect(tasks.begun).to.deep.equal(['next']);
    await tasks.endAll();
  });
});
