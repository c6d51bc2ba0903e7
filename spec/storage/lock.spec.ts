import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { acquireLock } from '../../lib/storage/lock';
import { stateFile } from '../../lib/storage/state-folder';
import { useTempFolder } from './temp';

const INFO_HASH = new Uint8Array(20).fill(0xab);
const REGISTER = path.join(__dirname, '../register.cjs');
const LOCK_MODULE = path.join(__dirname, '../../lib/storage/lock');

/** Takes the lock in `root` on "go", prints the result, and keeps running. */
const TAKER = `
  const { acquireLock } = require(${JSON.stringify(LOCK_MODULE)});
  console.log('ready');
  process.stdin.once('data', () => {
    try {
      acquireLock(process.env.ROOT, new Uint8Array(20).fill(0xab));
      console.log('taken');
    } catch (error) {
      console.log(error.code);
    }
  });
`;

class Taker {
  readonly child: ChildProcess;
  private text = '';

  constructor(root: string) {
    this.child = spawn(process.execPath, ['-r', REGISTER, '-e', TAKER], {
      env: { ...process.env, ROOT: root },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
  }

  async line(): Promise<string> {
    while (!this.text.includes('\n'))
      await once(this.child.stdout as NodeJS.ReadableStream, 'data');
    const end = this.text.indexOf('\n');
    const line = this.text.slice(0, end);
    this.text = this.text.slice(end + 1);
    return line;
  }

  go(): void {
    this.child.stdin?.write('go\n');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

describe('output lock', () => {
  const folder = useTempFolder();
  const takers: Taker[] = [];
  const taker = (): Taker => {
    const made = new Taker(folder());
    takers.push(made);
    return made;
  };
  afterEach(() => Promise.all(takers.splice(0).map((each) => each.kill())));

  const lockFile = () => stateFile(folder(), INFO_HASH, 'lock');
  const leave = (content: string) => {
    fs.mkdirSync(path.dirname(lockFile()), { recursive: true });
    fs.writeFileSync(lockFile(), content);
  };
  const leftovers = () => fs.readdirSync(path.dirname(lockFile()));

  it('keeps a second engine of this process out, and lets it in after release', () => {
    const first = acquireLock(folder(), INFO_HASH);
    expect(() => acquireLock(folder(), INFO_HASH))
      .to.throw(`pid ${process.pid}`)
      .with.property('code', 'output-locked');
    acquireLock(folder(), new Uint8Array(20)).release(); // another torrent
    first.release();
    first.release();
    const second = acquireLock(folder(), INFO_HASH);
    first.release(); // not its own any more
    expect(leftovers()).to.deep.equal([path.basename(lockFile())]);
    second.release();
    expect(leftovers()).to.deep.equal([]);
  });

  it('keeps another process out while it lives, and is taken over once that was killed', async () => {
    const other = taker();
    expect(await other.line()).to.equal('ready');
    other.go();
    expect(await other.line()).to.equal('taken');
    expect(() => acquireLock(folder(), INFO_HASH)).to.throw(`pid ${other.child.pid}`);
    await other.kill();
    acquireLock(folder(), INFO_HASH).release();
    expect(leftovers()).to.deep.equal([]);
  });

  it('goes to exactly one of several that find it stale at once', async () => {
    leave('{"pid":2147483646,"token":"gone"}');
    const racers = [taker(), taker(), taker(), taker()];
    for (const racer of racers) expect(await racer.line()).to.equal('ready');
    for (const racer of racers) racer.go();
    const lines = await Promise.all(racers.map((racer) => racer.line()));
    expect(lines.sort()).to.deep.equal([
      'output-locked',
      'output-locked',
      'output-locked',
      'taken',
    ]);
    expect(leftovers()).to.deep.equal([path.basename(lockFile())]);
  });

  for (const [what, content] of [
    ['empty', ''],
    ['garbage', '\0\0\0not json'],
    ['of another shape', '{"pid":-1,"token":7}'],
    ['far too long', 'x'.repeat(100_000)],
  ] as const) {
    it(`takes over a lock that is ${what}`, () => {
      leave(content);
      acquireLock(folder(), INFO_HASH).release();
      expect(leftovers()).to.deep.equal([]);
    });
  }

  it('is not fooled by a pid that is used again', function () {
    if (process.platform !== 'linux') this.skip(); // elsewhere there is no /proc to tell
    const own = acquireLock(folder(), INFO_HASH);
    const owner = JSON.parse(fs.readFileSync(lockFile(), 'utf8')) as Record<string, unknown>;
    own.release();
    for (const other of [{ startTicks: '1' }, { boot: 'an earlier one' }]) {
      leave(JSON.stringify({ ...owner, ...other }));
      acquireLock(folder(), INFO_HASH).release();
    }
    leave(JSON.stringify(owner));
    expect(() => acquireLock(folder(), INFO_HASH)).to.throw('already working');
  });

  it('falls with the thread that took it, though its process lives on', async function () {
    if (process.platform !== 'linux') this.skip(); // elsewhere there is no /proc to tell
    const code = `
      const { acquireLock } = require(${JSON.stringify(LOCK_MODULE)});
      acquireLock(${JSON.stringify(folder())}, new Uint8Array(20).fill(0xab));
      require('node:worker_threads').parentPort.once('message', () => {});
      require('node:worker_threads').parentPort.postMessage('taken');
    `;
    const thread = new Worker(code, { eval: true });
    await once(thread, 'message');
    expect(() => acquireLock(folder(), INFO_HASH)).to.throw('this process');
    await thread.terminate();
    acquireLock(folder(), INFO_HASH).release();
  });

  it('reports a lock that cannot be made', () => {
    fs.writeFileSync(path.join(folder(), 'file'), '');
    expect(() => acquireLock(path.join(folder(), 'file'), INFO_HASH))
      .to.throw()
      .with.property('code', 'output-not-writable');
  });
});
