// Errors of the operating system as users read them: what, which path or port, why, what to do.

import { expect } from 'chai';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Coordinator } from '../../lib/api/coordinator';
import { createTorrent } from '../../lib/api/create-torrent';
import { startTracker } from '../../lib/api/tracker';
import { recordOf } from '../../lib/errors/millrace-error';
import { systemAdvice, systemReason, withPath } from '../../lib/errors/system-error';
import { JobRunner } from '../../lib/verify/run-job';
import { TempTree, refusal } from '../api/temp-tree';

const CODES = (
  'ENOSPC EACCES EPERM EADDRINUSE EADDRNOTAVAIL EROFS ENOTDIR EISDIR ENAMETOOLONG EMFILE ENFILE EIO ' +
  'ENOENT ELOOP EDQUOT EFBIG EXDEV EBUSY'
).split(' ');

describe('errors: the operating system', () => {
  let tree: TempTree;
  before(() => (tree = new TempTree()));
  after(() => tree.remove());

  const thrownBy = (work: () => unknown): unknown => {
    try {
      work();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  };

  it('has words for every code that a file, a disk or a port brings', () => {
    for (const code of CODES) {
      const error = Object.assign(new Error(`${code}: raw words, write`), { code });
      expect(systemReason(error), code)
        .to.match(/^[a-z]/)
        .and.not.include('raw words');
    }
    expect(systemReason(new Error('my own words'))).to.equal('my own words');
    expect(systemAdvice('ENOSPC')).to.equal('; free space, or use another place');
    expect(systemAdvice(undefined)).to.equal('');
  });

  it('names the failed operation and the path, and keeps the code', () => {
    const missing = tree.path('none');
    expect(recordOf(thrownBy(() => readFileSync(missing)))).to.deep.equal({
      code: 'ENOENT',
      message: `cannot open ${missing}: no such file or folder`,
      details: { path: missing },
    });
    const file = tree.write('file', 1);
    const below = recordOf(thrownBy(() => mkdirSync(join(file, 'x'))));
    expect(below.message).to.equal(
      `cannot make the folder ${join(file, 'x')}: a part of the path is not a folder`,
    );
    const long = recordOf(thrownBy(() => openSync(tree.path('n'.repeat(300)), 'r')));
    expect(long.message).to.include('too long for the file system');
    const other = Object.assign(new Error('bind EINVAL'), { code: 'EINVAL', syscall: 'bind' });
    expect(recordOf(other)).to.deep.equal({ code: 'EINVAL', message: 'bind EINVAL' });
  });

  it('names the file of a write that failed on an open file', function () {
    if (process.platform !== 'linux') this.skip(); // there is no /dev/full elsewhere
    const fd = openSync('/dev/full', 'w');
    const error = thrownBy(() => writeSync(fd, 'x'));
    closeSync(fd);
    const { code, message } = recordOf(withPath(error, '/out/a.bin'));
    expect([code, message]).to.deep.equal(['ENOSPC', 'cannot write /out/a.bin: the disk is full']);
  });

  it('appears in what a verify worker reports', async () => {
    symlinkSync('loop.bin', tree.path('loop.bin'));
    const storage = { module: 'files', key: 'k', root: tree.root, followLinks: true };
    const spans = [{ path: 'loop.bin', offsetBytes: 0, lengthBytes: 1 }];
    const job = {
      type: 'recheck' as const,
      storage,
      pieces: [{ piece: 0, lengthBytes: 1, sha1: '0'.repeat(40), spans }],
    };
    const { outcomes } = await new JobRunner(new SharedArrayBuffer(0)).run(job);
    expect(outcomes[0]).to.have.nested.property('error.code', 'ELOOP');
    expect(outcomes[0])
      .to.have.nested.property('error.message')
      .that.includes(`${tree.path('loop.bin')}: too many symbolic links`);
  });

  it('names host and port that cannot be listened on, and what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const engine = await refusal(Coordinator.start({ port, host: '127.0.0.1', peerThreads: 1 }));
      expect([engine.code, engine.details.cause]).to.deep.equal(['listen-failed', 'EADDRINUSE']);
      expect(engine.message).to.equal(
        `cannot listen on 127.0.0.1, port ${port}: another program uses the port; choose another port, or 0 for a free one`,
      );
      const tracker = await refusal(startTracker({ port, host: '127.0.0.1' }));
      expect(tracker.details).to.include({ cause: 'EADDRINUSE' });
      expect(tracker.message)
        .to.include(`127.0.0.1 HTTP port ${port}: another program uses the port; choose another`)
        .and.not.include('EADDRINUSE');
    } finally {
      server.close();
    }
  });

  it('appears for an output that cannot be used, a trace and a source', async () => {
    const { bytes } = await createTorrent(tree.write('data.bin', 100), { threads: 1 });
    const output = tree.path('o'.repeat(300));
    const engine = await Coordinator.start({ port: 0, peerThreads: 1 });
    try {
      const { code, message, details } = await refusal(engine.add(bytes, { output }));
      expect([code, details.cause]).to.deep.equal(['output-not-writable', 'ENAMETOOLONG']);
      expect(message).to.include(`${output} cannot be used: the name or the path is too long`);
      expect(message).to.include('use a place with a shorter path').and.not.include('ENAMETOOLONG');
    } finally {
      await engine.close();
    }
    const file = tree.path('none/x.pcapng');
    const trace = await refusal(Coordinator.start({ port: 0, trace: { file } }));
    expect(trace.message).to.include(`cannot open ${file}: no such file or folder`);
    const source = await refusal(createTorrent(tree.path('none')));
    expect(source.message).to.equal(
      `cannot make a torrent of ${tree.path('none')}: no such file or folder`,
    );
    const long = await refusal(createTorrent(tree.path('o'.repeat(300))));
    expect(long.message).to.match(
      /: the name or the path is too long .*; use a place with a shorter/,
    );
    const folder = await refusal(Coordinator.start({ port: 0, trace: { file: tree.root } }));
    expect(folder.message).to.match(/is a folder, not a regular file: [^;]*$/);
  });
});
