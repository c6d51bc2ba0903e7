import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { Bitfield } from '../../lib/bytes/bitfield';
import { isBlank, recordedOwner } from '../../lib/storage/foreign-files';
import type { RecordedOwner } from '../../lib/storage/foreign-files';
import { identityOf } from '../../lib/storage/stat-files';
import { recordIn } from './record-in';
import type { RecordInFolder } from './record-in';
import { useTempFolder } from './temp';

describe('foreign files', () => {
  const folder = useTempFolder();
  const at = (name: string) => path.join(folder(), name);

  it('are blank when all they hold is zeros', async () => {
    const cases: [name: string, lengthBytes: number, text: string, at: number, blank: boolean][] = [
      ['empty', 0, '', 0, true],
      ['sparse', 5_000_001, '', 0, true],
      ['zeros', 10, '\0\0', 0, true],
      ['first', 100, 'x', 0, false],
      ['last', 3_000_000, 'x', 2_999_999, false],
    ];
    for (const [name, lengthBytes, text, position, blank] of cases) {
      const fd = fs.openSync(at(name), 'w');
      fs.ftruncateSync(fd, lengthBytes);
      fs.writeSync(fd, text, position);
      fs.closeSync(fd);
      expect(await isBlank(at(name)), name).to.equal(blank);
    }
    for (const [offset, end, blank] of [
      [0, 2_999_999, true],
      [2_999_999, 3_000_000, false],
      [1_000_000, 4_000_000, false],
      [3_000_000, 3_000_001, true],
    ] as const)
      expect(await isBlank(at('last'), offset, end), `${offset}`).to.equal(blank);
  });

  describe('and the records of others', () => {
    /** Another torrent, with a record in `root`. */
    async function recorded(root: string, stored: string, open = false): Promise<RecordInFolder> {
      const shape = {
        infoHash: new Uint8Array(20).fill(7),
        pieceCount: 1,
        pieceLengthBytes: 16_384,
        files: [{ path: stored, lengthBytes: 5 }],
      };
      fs.mkdirSync(path.dirname(path.join(root, stored)), { recursive: true });
      fs.writeFileSync(path.join(root, stored), '12345');
      const record = recordIn(root, shape);
      const identity = identityOf(fs.statSync(path.join(root, stored), { bigint: true }));
      const files = [{ path: stored, ...identity }];
      await record.save(new Bitfield(1), { open, savedAtMs: 1, files });
      return record;
    }
    const look = (files: readonly string[], folders: readonly string[] = [], own = '') =>
      recordedOwner(
        files.map((file) => ({
          path: file,
          identity: identityOf(fs.statSync(file, { bigint: true })),
        })),
        own,
        folder(),
        folders,
      );
    const nameOf = (owner: RecordedOwner | undefined) => owner?.name;

    it('belong to the torrent whose record has them as they are', async () => {
      const record = await recorded(folder(), 'other/file');
      expect(await look([at('other/file')])).to.deep.equal({
        path: at('other/file'),
        name: 'other',
        infoHash: '07'.repeat(20),
        record: record.path,
      });
      expect(await look([at('other/file')], [], record.path)).to.equal(undefined);
    });

    it('belong to no torrent once they were changed or replaced, or the record is gone', async () => {
      const record = await recorded(folder(), 'other');
      fs.utimesSync(at('other'), 1, 1);
      expect(await look([at('other')])).to.equal(undefined);
      const again = await recorded(folder(), 'other');
      expect(again.path).to.equal(record.path);
      expect(nameOf(await look([at('other')]))).to.equal('other');
      fs.writeFileSync(at('longer'), '1234567');
      fs.renameSync(at('longer'), at('other'));
      expect(await look([at('other')])).to.equal(undefined);
      fs.rmSync(record.path);
      expect(await look([at('other')])).to.equal(undefined);
    });

    it('still belong to a torrent that crashed while it wrote them', async () => {
      await recorded(folder(), 'other', true);
      fs.appendFileSync(at('other'), 'more');
      expect(nameOf(await look([at('other')]))).to.equal('other');
      await recorded(folder(), 'other', false);
      fs.appendFileSync(at('other'), 'more');
      expect(await look([at('other')])).to.equal(undefined);
    });

    it('are known by their inode, and in the outputs around and below', async function () {
      await recorded(folder(), 'other');
      if (process.platform === 'linux') {
        fs.linkSync(at('other'), at('hard-link')); // inodes count within one boot, which has a name
        expect(nameOf(await look([at('hard-link')]))).to.equal('other');
      }
      await recorded(at('in/side'), 'deep');
      expect(await look([at('in/side/deep')])).to.equal(undefined);
      expect(nameOf(await look([at('in/side/deep')], ['in', 'in/side']))).to.equal('deep');
    });

    it('are not held by what is no record', async () => {
      await recorded(folder(), 'other');
      fs.writeFileSync(at('.millrace/garbage.resume'), 'x'.repeat(100));
      fs.symlinkSync('/dev/zero', at('.millrace/endless.resume'));
      fs.writeFileSync(at('mine'), 'x');
      expect(await look([at('mine')])).to.equal(undefined);
    });
  });
});
