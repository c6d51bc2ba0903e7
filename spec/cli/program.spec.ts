// Help, version, and how a command's end becomes an exit code and at most one line.

import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import { failureOf } from '../../lib/cli/failure';
import { COMMANDS } from '../../lib/cli/commands';
import { fakeApi, FakeIo, FakeProcess, millrace } from './fakes';

function failing(error: unknown): ReturnType<typeof fakeApi> {
  return fakeApi({ readTorrent: () => Promise.reject(error as Error) });
}

describe('cli program', () => {
  it('lists every command in its help', async () => {
    const { exitCode, io } = await millrace(['--help']);
    expect(exitCode).to.equal(0);
    for (const name of Object.keys(COMMANDS)) expect(io.out).to.include(`  ${name}`);
    expect(io.out).to.include('Exit codes');
    expect(io.err).to.equal('');
  });

  for (const name of Object.keys(COMMANDS)) {
    it(`has help with examples for ${name}, by --help and by help`, async () => {
      const first = await millrace([name, '--help']);
      const second = await millrace(['help', name]);
      expect([first.exitCode, second.exitCode]).to.deep.equal([0, 0]);
      expect(first.io.out).to.include(`Usage: millrace ${name}`).and.include('Examples:');
      expect(second.io.out).to.equal(first.io.out);
    });
  }

  it('prints the help of all commands for help without a command, or of help', async () => {
    const { io: asked } = await millrace(['--help']);
    for (const argv of [['help'], ['help', 'help'], ['help', '--help']]) {
      const { exitCode, io } = await millrace(argv);
      expect([exitCode, io.out, io.err]).to.deep.equal([0, asked.out, '']);
    }
  });

  it('prints the help on stderr when no command is given: wrong usage', async () => {
    const { exitCode, io } = await millrace([]);
    expect(exitCode).to.equal(2);
    expect(io.err).to.include('Usage: millrace');
    expect(io.out).to.equal('');
  });

  it('prints the version of the library', async () => {
    const { exitCode, io } = await millrace(['--version']);
    expect([exitCode, io.out]).to.deep.equal([0, '9.8.7\n']);
  });

  it('prints an expected failure in one line without a stack, exit 1', async () => {
    const { api } = failing(new MillraceError('bad-metainfo', 'bad torrent: no name'));
    const { exitCode, io } = await millrace(['info', 'x'], { api });
    expect([exitCode, io.err, io.out]).to.deep.equal([1, 'millrace: bad torrent: no name\n', '']);
  });

  it('adds an error object on stdout with --json', async () => {
    const { api } = failing(new MillraceError('bad-metainfo', 'bad torrent: no name'));
    const { exitCode, io } = await millrace(['info', 'x', '--json'], { api });
    expect(exitCode).to.equal(1);
    expect(io.err).to.equal('millrace: bad torrent: no name\n');
    expect(io.json()).to.deep.equal([
      { type: 'error', code: 'bad-metainfo', message: 'bad torrent: no name' },
    ]);
  });

  it('keeps control characters of foreign words off the terminal', async () => {
    const { api } = failing(new MillraceError('torrent-unreachable', 'said "\u001b]0;x\u0007\n"'));
    const { io } = await millrace(['info', 'x'], { api });
    expect(io.err).to.equal('millrace: said "\\u001b]0;x\\u0007\\u000a"\n');
  });

  it('calls an option that the library refuses wrong usage', async () => {
    const { api } = failing(new MillraceError('bad-option', 'option port must be …'));
    expect((await millrace(['info', 'x'], { api })).exitCode).to.equal(2);
  });

  it('prints system errors in words', () => {
    const raised = (code: string, syscall: string, raw: string): Error =>
      Object.assign(new Error(`${code}: ${raw}`), { code, syscall, path: '/data/x' });
    const cases: readonly (readonly [Error, string])[] = [
      [
        raised('ENOSPC', 'write', 'no space left on device, write'),
        'cannot write /data/x: the disk is full; free space, or use another place',
      ],
      [
        raised('ELOOP', 'stat', "too many symbolic links encountered, stat '/data/x'"),
        'cannot look at /data/x: too many symbolic links, or one where none is followed; correct the link, or name the place that it is to lead to',
      ],
      [
        raised('ENOENT', 'stat', "no such file or directory, stat '/data/x'"),
        'cannot look at /data/x: no such file or folder; check the path',
      ],
      // As a thread reports it, with its advice already there.
      [
        new MillraceError('EACCES', 'cannot open /data/x: permission denied', { path: '/data/x' }),
        'cannot open /data/x: permission denied; change its permissions, or use another place',
      ],
      [new MillraceError('EIO', 'no; check the disk'), 'no; check the disk'],
    ];
    for (const [error, words] of cases) expect(failureOf(error).message).to.equal(words);
    expect(failureOf('thrown text').message).to.equal('thrown text');
  });

  it('exits 130 on SIGINT, 143 on SIGTERM and 129 on SIGHUP after the engine was closed', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const process = new FakeProcess();
      const { api, engine } = fakeApi();
      engine.onAdded = () => process.emit(signal);
      const { exitCode, io } = await millrace(['download', 'x'], { api, process });
      expect(exitCode).to.equal(code);
      expect(engine.calls.at(-1)).to.deep.equal(['close']);
      expect(io.err).to.include('stopping').and.not.include('AbortError');
      expect(process.killed).to.deep.equal([]);
      expect(process.listenerCount(signal)).to.equal(0);
    }
  });

  it('ends at once on a second signal', async () => {
    const process = new FakeProcess();
    const { api, engine } = fakeApi();
    engine.onAdded = () => {
      process.emit('SIGINT');
      process.emit('SIGTERM');
    };
    await millrace(['download', 'x'], { api, process });
    expect(process.killed).to.deep.equal(['SIGTERM']);
  });

  it('still prints what went wrong while stopping', async () => {
    const process = new FakeProcess();
    const io = new FakeIo();
    const { api, engine } = fakeApi();
    const start = api.Coordinator.start.bind(api.Coordinator);
    (api.Coordinator as { start: unknown }).start = async () => {
      const coordinator = await start();
      coordinator.close = () => Promise.reject(new MillraceError('resume-unsaved', 'not saved'));
      return coordinator;
    };
    engine.onAdded = () => process.emit('SIGINT');
    const { exitCode } = await millrace(['download', 'x', '--quiet'], { api, process, io });
    expect([exitCode, io.err]).to.deep.equal([130, 'millrace: not saved\n']);
  });

  it('ends itself by the signal that came when the command does not stop', async () => {
    const process = new FakeProcess();
    const io = new FakeIo();
    let end: (error: Error) => void = () => undefined;
    const { api } = fakeApi({
      readTorrent: () => new Promise((_, reject) => (end = reject)),
    });
    const running = millrace(['info', 'x'], { api, io, process, deadlineMs: 1 });
    process.emit('SIGTERM');
    await new Promise<void>((done) => {
      process.kill = (...args) => {
        FakeProcess.prototype.kill.apply(process, args);
        done();
      };
    });
    expect(process.killed).to.deep.equal(['SIGTERM']);
    expect(io.err).to.match(/stopping.*\nmillrace: it does not stop: .* checks again .*\n$/);
    end(new Error('over'));
    await running;
  });

  it('ends itself when an engine cannot be ended, after saying why', async () => {
    for (const signal of ['SIGHUP', undefined] as const) {
      const process = new FakeProcess();
      const { api } = failing(new MillraceError('close-incomplete', 'a thread hangs'));
      const running = millrace(['info', 'x'], { api, process });
      if (signal !== undefined) process.emit(signal);
      const { io } = await running;
      expect(process.killed).to.deep.equal([signal ?? 'SIGKILL']);
      expect(io.err).to.include('millrace: a thread hangs\n');
    }
  });
});
