import * as fs from 'node:fs';
import realFs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { MAX_WRITE_HANDLES, openReader, openWriter } from '../../lib/storage/files';
import { MAX_READ_HANDLES } from '../../lib/storage/files-reader';
import type { StorageReader, StorageWriter } from '../../lib/storage/storage';
import { useTempFolder } from './temp';

const bytes = (text: string) => new TextEncoder().encode(text);

function openDescriptors(below: string): string[] {
  return fs
    .readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target.startsWith(below));
}

/** The names below `root` of everything that is synced, as that happens. */
function watchSyncs(root: string): string[] & { stop(): void } {
  const { fdatasyncSync, fsyncSync } = realFs;
  const names = new Map<number, string>();
  for (const name of ['', ...(fs.readdirSync(root, { recursive: true }) as string[])])
    names.set(fs.statSync(path.join(root, name)).ino, name);
  const synced: string[] = [];
  const noting = (sync: (fd: number) => void) => (fd: number) => {
    synced.push(names.get(fs.fstatSync(fd).ino) ?? 'another');
    sync(fd);
  };
  realFs.fdatasyncSync = noting(fdatasyncSync);
  realFs.fsyncSync = noting(fsyncSync);
  return Object.assign(synced, {
    stop: () => void Object.assign(realFs, { fdatasyncSync, fsyncSync }),
  });
}

describe('files storage', () => {
  const folder = useTempFolder();
  let writer: StorageWriter;
  let reader: StorageReader;
  const root = () => path.join(folder(), 'out');

  beforeEach(() => {
    const ref = { module: 'files', key: 't', root: root() };
    writer = openWriter(ref);
    reader = openReader(ref);
  });
  afterEach(async () => {
    await writer.close();
    await reader.close();
  });

  it('makes files and folders at the first write, sparse, and writes at the position', async () => {
    await writer.write('a/b/c.bin', 1_000_000, [bytes('hello '), bytes('world')]);
    const file = path.join(root(), 'a/b/c.bin');
    const stat = fs.statSync(file);
    expect(stat.size).to.equal(1_000_011);
    expect(stat.blocks * 512).to.be.lessThan(100_000);
    await writer.write('a/b/c.bin', 0, [bytes('start')]);
    expect(fs.statSync(file).size).to.equal(1_000_011);
    const target = new Uint8Array(64);
    expect(await reader.read('a/b/c.bin', 1_000_000, [target])).to.equal(11);
    expect(Buffer.from(target).toString('utf8', 0, 11)).to.equal('hello world');
    expect(await writer.read('a/b/c.bin', 0, target.subarray(0, 5))).to.equal(5);
    expect(Buffer.from(target).toString('utf8', 0, 5)).to.equal('start');
  });

  it('writes thousands of chunks in one go', async () => {
    const chunks = Array.from({ length: 3000 }, (_, at) => Uint8Array.of(at & 0xff, at >> 8));
    await writer.write('many', 3, chunks);
    const found = fs.readFileSync(path.join(root(), 'many')).subarray(3);
    expect(found.equals(Buffer.concat(chunks))).to.equal(true);
  });

  it('reads nothing from a missing file, and finds it once it is there', async () => {
    const target = new Uint8Array(4);
    expect(await reader.read('late', 0, [target])).to.equal(0);
    expect(await writer.read('late', 0, target)).to.equal(0);
    await writer.write('late', 0, [bytes('now')]);
    expect(await reader.read('late', 0, [target])).to.equal(3);
    expect(await writer.read('late', 0, target)).to.equal(3);
  });

  it('creates empty files and leaves existing ones as they are', async () => {
    await writer.write('x/full', 0, [bytes('data')]);
    await writer.createEmpty(['x/full', 'x/y/empty']);
    expect(fs.readFileSync(path.join(root(), 'x/full'), 'utf8')).to.equal('data');
    expect(fs.statSync(path.join(root(), 'x/y/empty')).size).to.equal(0);
  });

  it('syncs files written by anybody, and passes over missing ones', async () => {
    await writer.write('a/one', 0, [bytes('1')]);
    fs.writeFileSync(path.join(root(), 'a/two'), '2');
    const synced = watchSyncs(root());
    try {
      await writer.sync(['a/one', 'a/two', 'a/three', 'b/none']);
      // Files, and the folders that say that they are there.
      expect(synced.splice(0)).to.have.members(['a/one', 'a/two', 'a', '']);
      await writer.sync(['a/one']);
      expect(synced.splice(0), 'its name is safe already').to.deep.equal(['a/one']);
    } finally {
      synced.stop();
    }
  });

  it('writes through no link below the output folder, wherever it leads', () => {
    const outside = path.join(folder(), 'outside');
    fs.mkdirSync(outside);
    fs.mkdirSync(path.join(root(), 'inside'), { recursive: true });
    fs.writeFileSync(path.join(outside, 'victim'), 'untouched');
    fs.symlinkSync(outside, path.join(root(), 'dir'));
    fs.symlinkSync('inside', path.join(root(), 'alias'));
    fs.symlinkSync(path.join(outside, 'victim'), path.join(root(), 'file'));
    fs.symlinkSync(path.join(outside, 'dangling'), path.join(root(), 'loose'));
    for (const target of [
      'dir/victim',
      'dir/new/deep',
      'file',
      'loose',
      'loose/x',
      'alias/f',
      'alias/new/deep',
    ]) {
      const write = () => writer.write(target, 0, [bytes('spoilt')]);
      expect(write, target)
        .to.throw('the option followLinks')
        .with.property('code', 'link-in-path');
    }
    expect(() => writer.createEmpty(['dir/empty'])).to.throw(path.join(root(), 'dir'));
    expect(() => writer.write('../up', 0, [bytes('x')])).to.throw('leads out of');
    expect(fs.readdirSync(outside)).to.deep.equal(['victim']);
    expect(fs.readdirSync(path.join(root(), 'inside'))).to.deep.equal([]);
    expect(fs.readFileSync(path.join(outside, 'victim'), 'utf8')).to.equal('untouched');
  });

  it('writes through an output folder that is a link, and through others where that is allowed', async () => {
    fs.mkdirSync(path.join(folder(), 'real'));
    fs.mkdirSync(path.join(folder(), 'big'));
    fs.symlinkSync(path.join(folder(), 'real'), root());
    await writer.write('sub/f', 0, [bytes('ok')]);
    expect(fs.readFileSync(path.join(folder(), 'real/sub/f'), 'utf8')).to.equal('ok');
    fs.symlinkSync('../big', path.join(root(), 'disk'));
    fs.symlinkSync('../big/new', path.join(root(), 'file'));
    const free = openWriter({ module: 'files', key: 'l', root: root(), followLinks: true });
    await free.write('disk/deep/f', 0, [bytes('far')]);
    await free.write('file', 0, [bytes('made')]);
    await free.close();
    expect(fs.readFileSync(path.join(folder(), 'big/deep/f'), 'utf8')).to.equal('far');
    expect(fs.readFileSync(path.join(folder(), 'big/new'), 'utf8')).to.equal('made');
  });

  it('keeps a bounded number of files open, and none after close', async () => {
    for (let at = 0; at < MAX_WRITE_HANDLES + 20; at++) {
      await writer.write(`f${at}`, 0, [Uint8Array.of(at)]);
    }
    const target = new Uint8Array(1);
    expect(openDescriptors(root()).length).to.equal(MAX_WRITE_HANDLES);
    for (let at = 0; at < MAX_WRITE_HANDLES + 20; at++) {
      await writer.write(`f${at}`, 1, [Uint8Array.of(at)]); // reopened, not truncated
    }
    await writer.close();
    const reads = Array.from({ length: MAX_WRITE_HANDLES }, async (_, at) => {
      const own = new Uint8Array(2);
      expect(await reader.read(`f${at}`, 0, [own])).to.equal(2);
      expect([...own]).to.deep.equal([at, at]);
    });
    await Promise.all(reads);
    await reader.read('f0', 0, [target]);
    expect(openDescriptors(root()).length).to.be.at.most(MAX_READ_HANDLES);
    await reader.close();
    expect(openDescriptors(root())).to.deep.equal([]);
  });

  it('fills several places from one stretch, as far as the file goes', async () => {
    await writer.write('parts', 0, [bytes('0123456789')]);
    const places = [3, 1, 4, 5].map((length) => new Uint8Array(length));
    expect(await reader.read('parts', 1, places)).to.equal(9);
    expect(Buffer.concat(places).toString('latin1')).to.equal('123456789\0\0\0\0');
  });

  it('shares one handle among concurrent reads, and close waits for them', async () => {
    await writer.write('shared', 0, [new Uint8Array(100_000).fill(7)]);
    await writer.close();
    const reads = Array.from({ length: 50 }, (_, at) => {
      const target = new Uint8Array(1000);
      return reader.read('shared', at * 1000, [target]).then((read) => read + (target[999] ?? 0));
    });
    const closed = reader.close();
    expect(openDescriptors(root()).length).to.be.at.most(1);
    expect(await Promise.all(reads)).to.deep.equal(new Array(50).fill(1007));
    await closed;
    await reader.close();
    const late = await reader.read('shared', 0, [new Uint8Array(1)]).catch((error: Error) => error);
    expect(late).to.have.property('code', 'storage-closed');
  });

  describe('where other programs put files', () => {
    let other: StorageWriter;
    const at = (name: string) => path.join(root(), name);
    const ref = () => ({
      module: 'files',
      key: 'm',
      root: root(),
      made: path.join(folder(), 'list.made'),
    });
    beforeEach(() => {
      fs.mkdirSync(root());
      writer = openWriter(ref());
      other = openWriter(ref());
    });
    afterEach(() => other.close());
    const write = (to: StorageWriter, name: string, offset = 0): void =>
      void to.write(name, offset, [bytes('ours')]);
    const identity = (name: string) => fs.statSync(at(name), { bigint: true });

    it('makes a file that two workers write to, and overwrites none that is in its place', async () => {
      fs.writeFileSync(at('first'), 'precious'); // before any list is there
      expect(() => write(writer, 'first'))
        .to.throw('not overwritten')
        .with.property('code', 'file-not-ours');
      write(writer, 'd/a');
      write(other, 'd/a', 4);
      expect(fs.readFileSync(at('d/a'), 'utf8')).to.equal('oursours');
      fs.writeFileSync(at('b'), 'precious');
      for (const each of [writer, other])
        expect(() => write(each, 'b'))
          .to.throw('not overwritten')
          .with.property('code', 'file-not-ours');
      expect(fs.readFileSync(at('b'), 'utf8')).to.equal('precious');
      fs.writeFileSync(at('c'), ''); // nothing is lost
      write(writer, 'c');
      write(other, 'c', 4);
      // The name of a file that was made does not entitle another file under it.
      fs.renameSync(at('b'), at('d/a'));
      await other.close();
      expect(() => write(other, 'd/a'))
        .to.throw()
        .with.property('code', 'file-not-ours');
    });

    it('writes to the known file alone, or to its copy', async () => {
      fs.writeFileSync(at('a'), 'known');
      const { ino: inode, size, mtimeNs } = identity('a');
      const left = { sizeBytes: Number(size), mtimeNs };
      const known = [{ path: 'a', inode, left }];
      writer.expect?.(known);
      write(writer, 'a');
      expect(fs.readFileSync(at('a'), 'utf8')).to.equal('oursn');
      fs.writeFileSync(at('new'), 'precious');
      fs.renameSync(at('new'), at('a'));
      write(writer, 'a'); // its handle still has the old one
      other.expect?.(known);
      expect(() => write(other, 'a'))
        .to.throw()
        .with.deep.property('details', { path: 'a', kind: 'replaced' });
      expect(fs.readFileSync(at('a'), 'utf8')).to.equal('precious');
      other.expect?.([
        { path: 'a', inode, left: { sizeBytes: 8, mtimeNs: identity('a').mtimeNs } },
      ]);
      write(other, 'a');
      expect(fs.readFileSync(at('a'), 'utf8')).to.equal('oursious');
      fs.rmSync(at('a'));
      await other.close();
      expect(() => write(other, 'a'))
        .to.throw()
        .with.deep.property('details', { path: 'a', kind: 'missing' });
      expect(fs.existsSync(at('a'))).to.equal(false);
    });
  });
});
