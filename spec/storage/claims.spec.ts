import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { claimFiles, findConflict } from '../../lib/storage/claims';
import type { Claim, ClaimConflict, ClaimRequest } from '../../lib/storage/claims';
import { acquireGuard } from '../../lib/storage/lock';
import { useTempFolder } from './temp';

const REGISTER = path.join(__dirname, '../register.cjs');
const CLAIMS_MODULE = path.join(__dirname, '../../lib/storage/claims');

/** Claims the files in each line, prints the result, and keeps running. */
const CLAIMER = `
  const { claimFiles } = require(${JSON.stringify(CLAIMS_MODULE)});
  console.log('"ready"');
  require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    const request = JSON.parse(line);
    const taken = await claimFiles({ ...request, fold: (name) => name });
    console.log(JSON.stringify('pid' in taken ? taken : 'taken'));
  });
`;

class Claimer {
  readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor() {
    this.child = spawn(process.execPath, ['-r', REGISTER, '-e', CLAIMER], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const input = this.child.stdout as NodeJS.ReadableStream;
    this.lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  async line(): Promise<'ready' | 'taken' | ClaimConflict> {
    const { value } = await this.lines.next();
    return JSON.parse(String(value)) as 'taken' | ClaimConflict;
  }

  ask(request: ClaimRequest): void {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

describe('claims of output files', () => {
  const folder = useTempFolder();
  const claimers: Claimer[] = [];
  const claimer = async (): Promise<Claimer> => {
    const made = new Claimer();
    claimers.push(made);
    expect(await made.line()).to.equal('ready');
    return made;
  };
  afterEach(() => Promise.all(claimers.splice(0).map((each) => each.kill())));

  const hash = (name: string) => Buffer.alloc(20, name).toString('hex');
  function request(
    root: string,
    name: string,
    files: readonly string[],
    more: Partial<ClaimRequest> = {},
  ): ClaimRequest {
    fs.mkdirSync(path.join(root, '.millrace'), { recursive: true });
    return {
      root,
      infoHash: hash(name),
      writes: true,
      files,
      places: files.map((file) => path.join(root, file)),
      hasLinks: false,
      folders: [],
      fold: (file) => file,
      ...more,
    };
  }
  async function held(asked: ClaimRequest): Promise<Claim> {
    const taken = await claimFiles(asked);
    if ('pid' in taken) throw new Error(`${taken.path} is claimed already`);
    return taken;
  }
  /** A process takes the guard of the folder, and is killed where the given code decides. */
  async function killedIn(code: string): Promise<void> {
    const lock = JSON.stringify(path.join(__dirname, '../../lib/storage/lock'));
    const script = `
      const fs = require('node:fs');
      const { acquireGuard } = require(${lock});
      const die = () => process.kill(process.pid, 'SIGKILL');
      let after = () => {};
      ${code};
      acquireGuard(${JSON.stringify(folder())}).then(() => after());
    `;
    const child = spawn(process.execPath, ['-r', REGISTER, '-e', script], { stdio: 'inherit' });
    expect(await once(child, 'exit')).to.deep.equal([null, 'SIGKILL']);
  }
  const inState = (root = folder()) => fs.readdirSync(path.join(root, '.millrace'));

  it('reports what is in the way where a claim should be', async () => {
    const asked = request(folder(), 'a', ['t/a']);
    const file = path.join(folder(), '.millrace', `${asked.infoHash}.anywhere.claim`);
    fs.mkdirSync(file);
    const error: unknown = await claimFiles(asked).catch((cause: unknown) => cause);
    expect(error).to.have.property('code', 'output-not-writable');
    expect(error).to.have.property('message').that.includes(file).and.includes('folder');
    expect(inState(), 'the guard was given back').to.deep.equal([path.basename(file)]);
  });

  it('gives files to exactly one of several processes that add at once', async () => {
    const racers = await Promise.all([claimer(), claimer(), claimer(), claimer()]);
    for (const [at, racer] of racers.entries())
      racer.ask(request(folder(), `r${at}`, ['t/own' + at, 't/shared']));
    const lines = await Promise.all(racers.map((racer) => racer.line()));
    const winners = lines.filter((line) => line === 'taken');
    expect(winners).to.have.length(1);
    const winner = racers[lines.indexOf('taken')];
    for (const line of lines) {
      if (line === 'taken') continue;
      expect(line).to.include({ pid: winner?.child.pid, name: 't' });
      expect(line).to.have.property('path', path.join(folder(), 't/shared'));
    }
    expect(inState()).to.have.length(1);
  });

  it('lets two torrents share a folder, and readers a file', async () => {
    const other = await claimer();
    other.ask(request(folder(), 'one', ['Season/1']));
    expect(await other.line()).to.equal('taken');
    (await held(request(folder(), 'two', ['Season/2']))).release();
    const read = request(folder(), 'three', ['Season/1'], { writes: false });
    expect(await claimFiles(read)).to.include({ infoHash: hash('one') });
    expect(await findConflict(read)).to.include({ infoHash: hash('one') });
    other.ask(request(folder(), 'seed', ['seed/1'], { writes: false }));
    expect(await other.line()).to.equal('taken');
    (await held(request(folder(), 'peer', ['seed/1'], { writes: false }))).release();
    expect(await claimFiles(request(folder(), 'peer', ['seed/1']))).to.include({ name: 'seed' });
  });

  it('counts no dead process, and nothing that is no claim', async () => {
    const other = await claimer();
    other.ask(request(folder(), 'one', ['t/a']));
    expect(await other.line()).to.equal('taken');
    const [name = ''] = inState();
    await other.kill();
    const state = (file: string) => path.join(folder(), '.millrace', file);
    const mark = name.split('.')[1];
    const live = { owner: { pid: process.pid, token: 'x' }, writes: true, hasPlaces: false };
    const noClaims = [
      '',
      '{"owner',
      '{"owner":{}}\0t/a\0',
      JSON.stringify(live),
      `${JSON.stringify(live)}\0t/a\0`,
    ];
    for (const [at, text] of noClaims.entries())
      fs.writeFileSync(state(`${hash(`no${at}`)}.${mark}.claim`), text);
    const open = JSON.stringify({ ...live, infoHash: hash('open') });
    fs.writeFileSync(state(`${hash('open')}.${mark}.claim`), `${open}\0t/a`); // never ended
    fs.writeFileSync(
      state(`${hash('long')}.${mark}.claim`),
      `${open}\0${'tt'.repeat(200_000)}\0t/a\0`,
    );
    fs.writeFileSync(state(`${hash('huge')}.${mark}.claim`), `${open}\0t/a\0`);
    fs.truncateSync(state(`${hash('huge')}.${mark}.claim`), 2 ** 40);
    fs.symlinkSync(name, state(`${hash('link')}.${mark}.claim`));
    const claim = await held(request(folder(), 'two', ['t/a']));
    claim.release();
    claim.release();
  });

  it('sees claims of output folders that lie around it, or in it', async () => {
    const outer = folder();
    const inner = path.join(outer, 'b');
    const other = await claimer();
    other.ask(request(inner, 'inner', ['f']));
    expect(await other.line()).to.equal('taken');
    const from = (files: readonly string[]) => request(outer, 'outer', files, { folders: ['b'] });
    expect(await claimFiles(from(['b/f']))).to.include({ path: path.join(inner, 'f') });
    expect(inState(outer)).to.deep.equal([]); // the refused claim is gone
    (await held(from(['b/g']))).release();
    other.ask(request(outer, 'around', ['b/deep/x']));
    expect(await other.line()).to.equal('taken');
    const deep = path.join(inner, 'deep');
    expect(await claimFiles(request(deep, 'deep', ['x']))).to.include({ name: 'b' });
    (await held(request(deep, 'deep', ['y']))).release();
  });

  it('sees through links by the real places of files', async () => {
    const other = await claimer();
    const real = path.join(folder(), 'big/x');
    other.ask(request(folder(), 'one', ['alias/x'], { hasLinks: true, places: [real] }));
    expect(await other.line()).to.equal('taken');
    expect(await claimFiles(request(folder(), 'two', ['big/x']))).to.include({ path: real });
    other.ask(request(folder(), 'three', ['plain/x']));
    expect(await other.line()).to.equal('taken');
    const places = [path.join(folder(), 'plain/x')];
    const linked = request(folder(), 'four', ['other/x'], { hasLinks: true, places });
    expect(await claimFiles(linked)).to.include({ name: 'plain' });
  });

  it('treats names as equal where the file system does', async () => {
    const other = await claimer();
    other.ask(request(folder(), 'one', ['T/File']));
    expect(await other.line()).to.equal('taken');
    const fold = (name: string) => name.toLowerCase();
    expect(await claimFiles(request(folder(), 'two', ['t/fILE'], { fold }))).to.have.property(
      'pid',
    );
    (await held(request(folder(), 'two', ['t/fILE']))).release();
  });

  it('clears up after a run of the same torrent that was killed', async () => {
    const asked = request(folder(), 'one', ['t/a', 't/b']);
    const other = await claimer();
    other.ask(asked);
    expect(await other.line()).to.equal('taken');
    await other.kill();
    const temp = `${asked.infoHash}.resume.00ff.tmp`;
    fs.writeFileSync(path.join(folder(), '.millrace', temp), '');
    const claim = await held({ ...asked, files: ['other'] });
    expect(inState()).to.have.length(1);
    claim.release();
    expect(inState()).to.deep.equal([]);
  });

  it('waits for a guard that somebody holds', async () => {
    const asked = request(folder(), 'one', ['t/a']);
    const guard = await acquireGuard(folder());
    let done = false;
    const claiming = held(asked).finally(() => (done = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).to.equal(false);
    guard.release();
    (await claiming).release();
    expect(inState()).to.deep.equal([]);
  });

  it('reads long claims in parts, whole, and lets others have the thread meanwhile', async () => {
    const files = Array.from({ length: 20_000 }, (_, at) => `t/${'é'.repeat(at % 40)}${at}`);
    const other = await claimer();
    other.ask(request(folder(), 'one', files));
    expect(await other.line()).to.equal('taken');
    const last = files.at(-1) ?? '';
    let turns = 0;
    let reading = true;
    const count = (): void => {
      turns++;
      if (reading) setImmediate(count);
    };
    count();
    const conflict = await findConflict(request(folder(), 'two', ['t/none', last]));
    reading = false;
    expect(conflict).to.include({ path: path.join(folder(), last) });
    expect(turns).to.be.at.least(3);
    (await held(request(folder(), 'three', ['t/none']))).release();
  });

  it('clears up after processes that were killed at any moment, and only after these', async () => {
    const next = request(folder(), 'one', ['t/a']);
    const state = (name: string) => path.join(folder(), '.millrace', name);
    await killedIn('fs.writeFileSync = (file) => { fs.openSync(file, "wx"); die(); }');
    await killedIn('fs.linkSync = die');
    await killedIn('after = die');
    await killedIn(
      'const real = fs.renameSync; fs.renameSync = (...args) => { real(...args); die(); }',
    );
    await killedIn('fs.renameSync = die');
    expect(inState().filter((name) => name.endsWith('.tmp'))).to.have.length(3);
    expect(inState().filter((name) => /lock\.[0-9a-f]{16}$/.test(name))).to.have.length(2);
    const guard = `claims.lock.${'0'.repeat(16)}`;
    const living = `claims.lock.${process.pid}.${'0'.repeat(16)}.tmp`;
    for (const name of [guard, living, 'notes.tmp']) fs.writeFileSync(state(name), '');
    (await held(next)).release();
    expect(inState().sort()).to.deep.equal([living, 'notes.tmp'].sort());
  });
});
