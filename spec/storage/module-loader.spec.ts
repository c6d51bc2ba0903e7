import * as path from 'node:path';
import { expect } from 'chai';
import { loadStorageModule } from '../../lib/storage/module-loader';

describe('storage module loader', () => {
  it('knows the built-in back ends and loads others by path, once', () => {
    expect(loadStorageModule('files')).to.have.property('openWriter');
    expect(loadStorageModule('memory')).to.have.property('openReader');
    const own = path.join(__dirname, '../support/storages/full-disk.ts');
    expect(loadStorageModule(own)).to.equal(loadStorageModule(own));
  });

  it('reports what is wrong with an unusable module', () => {
    for (const name of ['node:path', './no/such/module', 'toString']) {
      expect(() => loadStorageModule(name), name)
        .to.throw()
        .with.property('code', 'bad-storage');
    }
  });

  it('memory: reads, writes and ends where its buffers end', async () => {
    const buffers = { f: new SharedArrayBuffer(10) };
    const ref = { module: 'memory', key: 'm', root: '/', options: { buffers } };
    const writer = loadStorageModule('memory').openWriter(ref);
    await writer.write('f', 4, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    const target = new Uint8Array(8);
    const places = [target.subarray(0, 2), target.subarray(2)];
    expect(await loadStorageModule('memory').openReader(ref).read('f', 4, places)).to.equal(6);
    expect([...target]).to.deep.equal([1, 2, 3, 0, 0, 0, 0, 0]);
    expect(await writer.read('missing', 0, target)).to.equal(0);
    expect(() => writer.write('f', 9, [Uint8Array.of(1, 2)])).to.throw('ends at 10 bytes');
    expect(() => loadStorageModule('memory').openWriter({ ...ref, options: undefined })).to.throw(
      'options.buffers',
    );
  });
});
