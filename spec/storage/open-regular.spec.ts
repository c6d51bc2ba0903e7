import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import * as path from 'node:path';
import { expect } from 'chai';
import { acquireLock } from '../../lib/storage/lock';
import { openReader, openWriter } from '../../lib/storage/files';
import { loadStorageModule } from '../../lib/storage/module-loader';
import {
  OPEN_TO_READ,
  OPEN_TO_WRITE,
  openRegular,
  openRegularAsync,
} from '../../lib/storage/open-regular';
import { stateFile } from '../../lib/storage/state-folder';
import { codeOf } from '../support/code-of';
import { recordIn } from './record-in';
import { useTempFolder } from './temp';

// Whatever blocks here blocks for ever: the time-out of the example is the failure.
describe('opening what is no regular file', function () {
  before(function () {
    if (process.platform === 'win32') this.skip(); // it has no FIFOs among its files
  });
  const folder = useTempFolder();
  const at = (name: string) => path.join(folder(), name);
  const fifo = (name: string): string => {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    execFileSync('mkfifo', [at(name)]);
    return at(name);
  };

  it('names the path and what is there, for reading and for writing', async () => {
    fifo('pipe');
    fs.mkdirSync(at('folder'));
    fs.symlinkSync('pipe', at('to-pipe'));
    const server = createServer().listen(at('socket'));
    await once(server, 'listening');
    try {
      for (const [name, kind] of [
        ['pipe', 'a named pipe (FIFO)'],
        ['to-pipe', 'a named pipe (FIFO)'],
        ['socket', 'a socket'],
        ['folder', 'a folder'],
      ] as const) {
        for (const flags of [OPEN_TO_READ, OPEN_TO_WRITE, fs.constants.O_RDWR]) {
          expect(() => openRegular(at(name), flags), name)
            .to.throw(`${at(name)} is ${kind}`)
            .with.property('code', 'not-a-regular-file');
          const code = await codeOf(openRegularAsync(at(name), flags));
          expect(code).to.equal('not-a-regular-file');
        }
      }
    } finally {
      server.close();
      await once(server, 'close');
    }
    expect(() => openRegular('/dev/null', OPEN_TO_READ)).to.throw('is a device');
    expect(() => openRegular(at('none'), OPEN_TO_READ)).to.throw('ENOENT');
  });

  it('cuts nothing, makes what is missing, and follows a last link only where it may', () => {
    fs.writeFileSync(at('file'), 'text');
    fs.symlinkSync('file', at('link'));
    for (const name of ['file', 'link', 'new']) fs.closeSync(openRegular(at(name), OPEN_TO_WRITE));
    expect(fs.readFileSync(at('file'), 'utf8')).to.equal('text');
    expect(fs.statSync(at('new')).size).to.equal(0);
    expect(() => openRegular(at('link'), OPEN_TO_READ, { followLink: false })).to.throw(
      `${at('link')} is a symbolic link`,
    );
  });

  it('never waits for a FIFO in the place of data', async () => {
    fifo('data');
    const ref = { module: 'files', key: 't', root: folder() };
    const writer = openWriter(ref);
    const reader = openReader(ref);
    const target = new Uint8Array(1);
    expect(() => writer.read('data', 0, target)).to.throw('named pipe');
    expect(() => writer.write('data', 0, [target])).to.throw('named pipe');
    expect(() => writer.createEmpty(['data'])).to.throw('named pipe');
    expect(() => writer.sync(['data'])).to.throw('named pipe');
    expect(await codeOf(reader.read('data', 0, [target]))).to.equal('not-a-regular-file');
    await writer.close();
    await reader.close();
  });

  it('never waits for a FIFO in the place of a record, a lock or a module', async () => {
    const shape = {
      infoHash: new Uint8Array(20),
      pieceCount: 0,
      pieceLengthBytes: 16_384,
      files: [],
    };
    const resume = recordIn(folder(), shape);
    fifo(path.relative(folder(), resume.path));
    const { status, reason } = await resume.load();
    expect(status).to.equal('unusable');
    expect(reason).to.include('named pipe');
    fifo(path.relative(folder(), stateFile(folder(), shape.infoHash, 'lock')));
    expect(() => acquireLock(folder(), shape.infoHash))
      .to.throw('named pipe')
      .with.property('code', 'output-not-writable');
    expect(() => loadStorageModule(fifo('storage.js')))
      .to.throw('named pipe')
      .with.property('code', 'bad-storage');
  });
});
