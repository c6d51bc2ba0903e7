import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { Bitfield } from '../../lib/bytes/bitfield';
import type { RecordedFile } from '../../lib/storage/resume-record';
import { recordIn } from './record-in';
import { useTempFolder } from './temp';

/** With its times: to the nanosecond, which Node's own copies do not keep. */
const copy = (from: string, to: string) => execFileSync('cp', ['-Rp', from, to]);

const SHAPE = {
  infoHash: new Uint8Array(20).fill(0x5a),
  pieceCount: 3,
  pieceLengthBytes: 10,
  files: [
    { path: 'name/a', lengthBytes: 20 },
    { path: 'name/empty', lengthBytes: 0 },
    { path: 'name/b', lengthBytes: 10 },
  ],
};

describe('storage/torrent-record', () => {
  const folder = useTempFolder();
  const resume = () => recordIn(folder(), SHAPE);
  /** The files as they are, as a coordinator knows them after a sync. */
  const present = async (): Promise<RecordedFile[]> => {
    const found = await resume().look();
    return SHAPE.files.flatMap(({ path: name, lengthBytes }, at) => {
      const now = found[at];
      return now && lengthBytes > 0 ? [{ path: name, ...now }] : [];
    });
  };
  const put = (stored: string, bytes: number) => {
    const full = path.join(folder(), stored);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, new Uint8Array(bytes));
  };
  const have = (...pieces: number[]) => {
    const field = new Bitfield(3);
    for (const piece of pieces) field.set(piece);
    return field;
  };

  it('comes back clean after an orderly close, crashed after an open mark', async () => {
    expect((await resume().load()).status).to.equal('none');
    put('name/a', 20);
    const first = resume();
    await first.save(have(0), { open: true, savedAtMs: 1, files: await present() });
    const crashed = await resume().load();
    expect(crashed.status).to.equal('crashed');
    expect(crashed.have.count()).to.equal(1);
    expect(crashed.recheck.get(1)).to.equal(true);
    put('name/b', 10);
    await first.save(have(0, 2), { open: false, savedAtMs: 2, files: await present() });
    const clean = await resume().load();
    expect(clean.status).to.equal('clean');
    expect(clean.have.count()).to.equal(2);
    expect(clean.recheck.isEmpty()).to.equal(true);
    expect(fs.readdirSync(path.dirname(first.path))).to.deep.equal([path.basename(first.path)]);
    await first.remove();
    expect((await resume().load()).status).to.equal('none');
  });

  it('keeps saves in order and copies what it is given', async () => {
    put('name/a', 20);
    put('name/b', 10);
    const file = resume();
    const field = have(0);
    const saves = [file.save(field, { open: true, savedAtMs: 1, files: await present() })];
    field.set(1);
    saves.push(file.save(field, { open: false, savedAtMs: 2, files: await present() }));
    field.set(2);
    await saves[0];
    await Promise.all(saves);
    const state = await resume().load();
    expect(state.status).to.equal('clean');
    expect(state.have.count()).to.equal(2);
  });

  it('does not read a record longer than the torrent can have, nor trip over garbage', async () => {
    put('name/a', 20);
    const file = resume();
    await file.save(have(0), { open: false, savedAtMs: 1, files: await present() });
    fs.truncateSync(file.path, 64 * 1024 * 1024);
    expect((await resume().load()).reason).to.include('bytes long');
    fs.writeFileSync(file.path, 'd4:spam');
    const state = await resume().load();
    expect(state.status).to.equal('unusable');
    expect(state.recheck.count()).to.equal(2);
  });

  it('trusts a whole output that was copied, and no single file that was', async () => {
    put('name/a', 20);
    put('name/b', 10);
    await resume().save(have(0, 1, 2), { open: false, savedAtMs: 1, files: await present() });
    const moved = path.join(folder(), 'moved');
    fs.mkdirSync(moved);
    for (const part of ['name', '.millrace']) copy(path.join(folder(), part), moved);
    const state = await recordIn(moved, SHAPE).load();
    expect([state.status, state.have.count()]).to.deep.equal(['clean', 3]);

    const file = path.join(folder(), 'name', 'b');
    copy(file, `${file}.new`);
    fs.renameSync(`${file}.new`, file);
    const swapped = await resume().load();
    // Only where boots have names do inodes count.
    if (process.platform !== 'linux') return;
    expect([swapped.status, swapped.have.count()]).to.deep.equal(['changed', 2]);
    expect(swapped.recheck.get(2)).to.equal(true);
    expect(swapped.reason).to.equal('name/b was replaced by another file');
  });

  it('reports a save that fails and goes on with the next', async () => {
    const file = resume();
    fs.writeFileSync(path.dirname(file.path), 'in the way');
    const failed = await file
      .save(have(), { open: true, savedAtMs: 1, files: await present() })
      .catch((e: Error) => e);
    expect(failed).to.be.instanceOf(Error);
    fs.rmSync(path.dirname(file.path));
    await file.save(have(), { open: true, savedAtMs: 1, files: await present() });
  });
});
