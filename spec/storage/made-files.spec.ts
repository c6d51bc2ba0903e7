import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { entryOf, forgetMade, isMade, noteMade, readMade } from '../../lib/storage/made-files';
import { useTempFolder } from './temp';

describe('list of made files', () => {
  const folder = useTempFolder();
  const list = () => path.join(folder(), 'list');
  const entry = (path: string, inode = 1n, bornNs = 2n) => entryOf(path, { inode, bornNs });

  it('identifies a file that was made by inode and birth time', async () => {
    expect([...(await readMade(list()))]).to.deep.equal([]);
    noteMade(list(), [entry('a'), entry('b b\nb')]);
    noteMade(list(), [entry('é')]);
    const made = await readMade(list());
    for (const each of [entry('a'), entry('b b\nb'), entry('é')]) {
      expect(made.has(each)).to.equal(true);
      expect(isMade(list(), each)).to.equal(true);
    }
    for (const each of [entry('a', 3n), entry('a', 1n, 3n), entry('b')]) {
      expect(made.has(each)).to.equal(false);
      expect(isMade(list(), each)).to.equal(false);
    }
    forgetMade(list());
    forgetMade(list());
    expect(isMade(list(), entry('a'))).to.equal(false);
    expect((await readMade(list())).size).to.equal(0);
  });

  it('is looked through whole where its end does not have the file', () => {
    noteMade(
      list(),
      Array.from({ length: 10_000 }, (_, at) => entry(`file ${at}`)),
    );
    expect(fs.statSync(list()).size).to.be.greaterThan(2 * 64 * 1024);
    expect(isMade(list(), entry('file 0'))).to.equal(true);
    expect(isMade(list(), entry('file 9999'))).to.equal(true);
    expect(isMade(list(), entry('file 10000'))).to.equal(false);
  });

  it('is neither read nor written through a link, and never blocks', async () => {
    fs.writeFileSync(path.join(folder(), 'target'), `${entry('a')}\0`);
    fs.symlinkSync('target', list());
    expect((await readMade(list())).size).to.equal(0);
    expect(() => noteMade(list(), [entry('a')])).to.throw();
    expect(() => isMade(list(), entry('a'))).to.throw();
  });
});
