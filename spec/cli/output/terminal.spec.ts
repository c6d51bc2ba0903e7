// No line of a terminal is broken: the progress line is cleared before anything else is written.

import { expect } from 'chai';
import { liveLine } from '../../../lib/cli/output/progress-line';
import { stderrLogger } from '../../../lib/cli/transfer/log';
import { fakeApi, FakeIo, FakeProcess, millrace } from '../fakes';

const STOPPING = 'millrace: stopping; once more to stop at once';

describe('cli terminal', () => {
  it('wipes the live line before other text on either stream, and only then', () => {
    const io = new FakeIo(true);
    io.stderr('before\n');
    io.draw('half a li');
    io.stdout('data\n');
    io.stderr('after\n');
    io.draw('last');
    io.wipe();
    io.wipe();
    expect(io.err).to.equal('before\n\r\u001b[Khalf a li\r\u001b[Kafter\n\r\u001b[Klast\r\u001b[K');
    expect(io.shown()).to.deep.equal(['before', 'after', '']);
  });

  it('cuts the live line before the edge: one that wraps cannot be wiped', () => {
    const io = new FakeIo(true, 10);
    io.draw('0123456789abc');
    expect(io.shown()).to.deep.equal(['012345678']);
    const unknown = new FakeIo(true, 0); // So says a terminal that nobody gave a size.
    unknown.draw('0123456789abc');
    expect(unknown.shown()).to.deep.equal(['0123456789abc']);
  });

  it('ends the line before it prints that a download stops', async () => {
    const process = new FakeProcess();
    const io = new FakeIo(true);
    const { api, engine } = fakeApi();
    let seen: string[] = [];
    engine.onAdded = () => {
      io.draw('[####--] 17 %');
      process.emit('SIGINT');
      seen = io.shown();
    };
    const { exitCode } = await millrace(['download', 'x'], { api, io, process });
    expect(exitCode).to.equal(130);
    expect(seen.slice(-2)).to.deep.equal([STOPPING, '']);
    expect(io.shown().at(-2)).to.match(/^0\.0 % of 1000 B/);
  });

  for (const command of ['create', 'verify'] as const) {
    it(`ends the line before it prints that ${command} stops`, async () => {
      const process = new FakeProcess();
      const io = new FakeIo(true);
      const work = (): Promise<never> => {
        io.draw('hashing: 50.0 %');
        process.emit('SIGTERM');
        expect(io.shown()).to.deep.equal([STOPPING, '']);
        return Promise.reject(new DOMException('stopped', 'AbortError'));
      };
      const { api } = fakeApi({ createTorrent: work, verifyTorrent: work });
      const argv = command === 'create' ? ['-o', `${__dirname}/never`] : ['--data', __dirname];
      const { exitCode } = await millrace([command, __filename, ...argv], { api, io, process });
      expect(exitCode).to.equal(143);
      expect(io.shown()).to.deep.equal([STOPPING, '']);
    });
  }

  it('shows the figures of tracker and share a last time in a line that stays', () => {
    const io = new FakeIo(true);
    let count = 0;
    const live = liveLine(io, {}, 60_000, () => `${(count += 1)} peers`);
    io.draw('0 peers');
    io.stderr(`${STOPPING}\n`);
    live.end();
    expect(io.shown()).to.deep.equal([STOPPING, '1 peers', '']);
  });

  it('keeps log records off the live line', () => {
    const io = new FakeIo(true);
    io.draw('17 %');
    stderrLogger('info', io)?.info({ torrent: 'x' }, 'added');
    const [record, rest] = io.shown();
    expect(JSON.parse(record ?? '')).to.include({ msg: 'added', torrent: 'x' });
    expect(rest).to.equal('');
    expect(stderrLogger(undefined, io)).to.equal(undefined);
  });

  it('shows no secret under its key, in a record, an object in it or the bindings of a child', () => {
    const io = new FakeIo(false);
    const key = 'sEcReT0123456789';
    const url = `https://user:${key}@tracker.example/${key}/announce?passkey=${key}`;
    const secrets = {
      url,
      tracker: url,
      proxy: `http://user:${key}@proxy.example:3128`,
      passkey: key,
      password: key,
      trackerId: key,
    };
    const headers = { authorization: key, 'proxy-authorization': `Basic ${key}`, cookie: key };
    const logger = stderrLogger('info', io);
    logger?.info({ ...secrets, headers, torrent: 'x', reply: secrets }, 'asked');
    logger?.child?.({ ...secrets, torrent: 'x' }).warn({ headers }, 'asked again');
    expect(io.err).not.to.include(key);
    const [first, second] = io.err.split('\n').map((line) => JSON.parse(line || '{}') as object);
    expect(first).to.deep.include({ torrent: 'x', passkey: '…', msg: 'asked' });
    expect(first).to.have.property('url', 'https://…@tracker.example/sEc…/announce?passkey=sEc…');
    expect(first).to.have.nested.property('reply.proxy', 'http://…@proxy.example:3128');
    expect(second).to.include({ torrent: 'x', trackerId: '…', msg: 'asked again' });
  });
});
