// Which names a torrent may use: nothing outside the output folder, nothing in our records.
import { expect } from 'chai';
import fc from 'fast-check';
import path from 'node:path';
import {
  addPath,
  brokenNameRule,
  brokenPathRule,
  checkPath,
  isRecordsName,
  pathOf,
  PathTree,
} from '../../lib/metainfo/paths';

describe('names', () => {
  const refused: [string, string][] = [
    ['', 'is empty'],
    ['.', 'is "."'],
    ['..', 'is ".."'],
    ['a\0b', 'NUL'],
    ['/etc', 'separator'],
    ['a/b', 'separator'],
    ['../x', 'separator'],
    ['a\ud800', 'Unicode'],
    ['a'.repeat(256), 'longer than 255'],
    ['é'.repeat(128), 'longer than 255'],
  ];
  for (const [name, rule] of refused) {
    it(`refuses ${JSON.stringify(name.slice(0, 12))}: ${rule}`, () => {
      expect(brokenNameRule(name, 'linux')).to.include(rule);
      expect(() => checkPath(['ok', name], 'file 3'))
        .to.throw(`file 3`)
        .with.property('code', 'bad-metainfo');
    });
  }

  it('refuses what Windows does, there alone', () => {
    const names = ['a\\b', 'C:', 'CON', 'nul', 'Com1', 'lpt9', 'a?', 'a.', 'b ', '\u0007'];
    for (const name of names) {
      expect(brokenNameRule(name, 'win32'), name).to.match(/Windows/);
      expect(brokenNameRule(name, 'linux'), name).to.equal(undefined);
    }
    expect(brokenNameRule('日'.repeat(255), 'win32')).to.equal(undefined);
    expect(brokenNameRule('日'.repeat(256), 'win32')).to.include('longer than 255');
  });

  it('takes what real torrents have', () => {
    const names = ['...', '..a', '-', '~', 'aux.c', 'console', 'A - b', '日本語', '😀', '%2e%2e'];
    for (const name of [...names, 'a'.repeat(255), 'constructor', '__proto__']) {
      expect(brokenNameRule(name, 'linux'), name).to.equal(undefined);
      if (name !== '...') expect(brokenNameRule(name, 'win32'), name).to.equal(undefined);
    }
  });

  it('refuses our records folder, however it is written and wherever it stands', () => {
    for (const name of ['.millrace', '.MillRace', '.mill\u200crace', '.millrace. ', 'MILLRA~1']) {
      expect(isRecordsName(name), name).to.equal(true);
      expect(() => checkPath([name], 'it')).to.throw('reserved for records');
      expect(() => checkPath(['x', name, 'y'], 'it')).to.throw('reserved for records');
    }
    expect(isRecordsName('.millrace:$DATA')).to.equal(true);
    for (const name of ['millrace', '.millrace2', 'x.millrace', '.millrac', 'millra~x']) {
      expect(isRecordsName(name), name).to.equal(false);
    }
  });

  it('refuses an empty path and one that is too long', () => {
    expect(() => checkPath([], 'it')).to.throw('is empty');
    expect(() => checkPath(Array<string>(2_048).fill('a'), 'it')).not.to.throw();
    expect(() => checkPath(Array<string>(2_049).fill('a'), 'it')).to.throw('longer than 4096');
  });

  it('lets nothing out of the output folder, on either kind of system', () => {
    const nasty = fc.array(fc.constantFrom('.', '..', '/', '\\', 'C', ':', 'a', '\0', ' '), {
      maxLength: 5,
    });
    const component = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      nasty.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 4 }), (parts) => {
        if (brokenPathRule(parts, 'linux') === undefined)
          expect(path.posix.join('/out', ...parts)).to.equal(`/out/${pathOf({ path: parts })}`);
        if (brokenPathRule(parts, 'win32') === undefined)
          expect(path.win32.join('D:\\out', ...parts)).to.equal(`D:\\out\\${parts.join('\\')}`);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('PathTree', () => {
  it('refuses one path twice, and a name that is both file and folder', () => {
    const tree = new PathTree();
    expect(tree.add(['t', 'a', 'b'])).to.equal('added');
    expect(tree.add(['t', 'a', 'c'])).to.equal('added');
    expect(tree.add(['t', 'a', 'b'])).to.equal('taken');
    expect(tree.add(['t', 'a'])).to.equal('is-folder');
    expect(tree.add(['t', 'a', 'b', 'c'])).to.equal('below-file');
    expect(tree.add(['t', 'a', 'b', 'c', 'd'])).to.equal('below-file');
    expect(tree.add(['t', 'A', 'b'])).to.equal('added');
    const folded = new PathTree((name) => name.toLowerCase());
    expect(folded.add(['t', 'A'])).to.equal('added');
    expect(folded.add(['T', 'a'])).to.equal('taken');
    expect(() => addPath(tree, ['t', 'a', 'b'], 'file 7')).to.throw(
      'one path, the second is file 7',
    );
    expect(() => addPath(tree, ['t', 'a'], 'file 8')).to.throw('file 8 makes one name both');
  });
});
