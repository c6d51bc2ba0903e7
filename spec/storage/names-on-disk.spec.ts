// The names under which a torrent's files are found in a folder made by another client.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { Bitfield } from '../../lib/bytes/bitfield';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { namedBy } from '../../lib/metainfo/names';
import type { NameMapping } from '../../lib/metainfo/names';
import { parseMetainfo } from '../../lib/metainfo/parse';
import { pathOf } from '../../lib/metainfo/paths';
import { storedFiles } from '../../lib/metainfo/layout';
import { namesOnDisk } from '../../lib/storage/names-on-disk';
import { recordIn } from './record-in';
import { useTempFolder } from './temp';

const ODD = ['AC\\DC', 'a:b', 'x', 'X', 'con'];

function torrent(paths: readonly string[], name = 'set'): Metainfo {
  const files = paths.map((each) => ({ length: 10, path: [each] }));
  const info = {
    name,
    files,
    'piece length': 16_384,
    pieces: new Uint8Array(20),
  };
  return parseMetainfo(encode({ info }), () => new Uint8Array(20).fill(7), process.platform);
}

describe('names on disk', () => {
  const folder = useTempFolder();
  const put = (metainfo: Metainfo | undefined, indexes: readonly number[]): void => {
    for (const index of indexes) {
      const full = path.join(folder(), pathOf(metainfo?.files[index] ?? { path: [] }));
      fs.mkdirSync(path.dirname(full), { recursive: true });
      fs.writeFileSync(full, new Uint8Array(10));
    }
  };
  const by = (mapping: NameMapping): Metainfo | undefined =>
    namedBy(torrent(ODD), mapping, process.platform);
  const found = async (): Promise<NameMapping | undefined> =>
    (await namesOnDisk(torrent(ODD), folder())).names;

  it("are libtorrent's where there is nothing, or as much of each", async () => {
    expect(await found()).to.equal('libtorrent');
    put(by('libtorrent'), [0]);
    put(by('raw'), [0]);
    expect(await found()).to.equal('libtorrent');
    const { files } = await namesOnDisk(torrent(ODD), folder());
    expect(files.map(pathOf)).to.deep.equal(['set/ACDC', 'set/a:b', 'set/x', 'set/X.1', 'set/con']);
  });

  for (const mapping of ['raw', 'transmission-4.0', 'transmission-3.00'] as const) {
    it(`are those of the mapping under which most files exist: ${mapping}`, async () => {
      put(by(mapping), [0, 1, 2, 3, 4]);
      put(by('libtorrent'), [0]);
      expect(await found()).to.equal(mapping);
      const metainfo = await namesOnDisk(torrent(ODD), folder());
      expect(metainfo.files).to.deep.equal(by(mapping)?.files);
      // From any mapping the same one is found.
      expect(await namesOnDisk(metainfo, folder())).to.deep.equal(metainfo);
    });
  }

  it('are found below another folder name, too', async () => {
    const odd = torrent(['a'], 'R1/beta');
    put(namedBy(odd, 'transmission-4.1', process.platform), [0]);
    const metainfo = await namesOnDisk(odd, folder());
    expect(metainfo).to.include({ names: 'transmission-4.1', name: 'R1', rawName: 'R1/beta' });
    expect(metainfo.files.map(pathOf)).to.deep.equal(['R1/beta/a']);
  });

  it('are no folders and nothing else but files', async () => {
    fs.mkdirSync(path.join(folder(), 'set', 'AC\\DC'), { recursive: true });
    expect(await found()).to.equal('libtorrent');
  });

  it('are those of the resume record, whatever else is there', async () => {
    const raw = by('raw');
    if (raw === undefined) throw new Error('raw names are legal here');
    const { infoHash, pieceCount, pieceLengthBytes, names } = raw;
    const shape = { infoHash, pieceCount, pieceLengthBytes, files: storedFiles(raw) };
    const record = recordIn(folder(), shape, names);
    await record.save(new Bitfield(pieceCount), { open: true, savedAtMs: 1, files: [] });
    put(by('libtorrent'), [0, 1, 2, 3, 4]);
    expect(await found()).to.equal('raw');
    await record.remove();
    expect(await found()).to.equal('libtorrent');
  });

  it('are not looked for where every client gives the same', async () => {
    const ordinary = torrent(['a', 'b']);
    expect(await namesOnDisk(ordinary, folder())).to.equal(ordinary);
  });
});
