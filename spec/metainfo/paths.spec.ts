// Which names a torrent may use: nothing outside the output folder, nothing in our records.
import { expect } from 'chai';
import fc from 'fast-check';
import path from 'node:path';
import { addPath, brokenNameRule, checkPath, pathOf, PathTree } from '../../lib/metainfo/paths';

describe('names', () => {
  const refused: [string, string][] = [
    ['', 'is empty'],
    ['.', 'is "."'],
    ['..', 'is ".."'],
    ['a\0b', 'NUL'],
    ['/etc', 'absolute'],
    ['\\\\host', 'absolute'],
    ['a/b', 'separator'],
    ['a\\b', 'separator'],
    ['../x', 'separator'],
    ['C:', 'drive'],
    ['CON', 'reserved'],
    ['nul', 'reserved'],
    ['Com1', 'reserved'],
    ['lpt9. ', 'reserved'],
    ['a\ud800', 'Unicode'],
    ['a'.repeat(256), 'longer than 255'],
    ['é'.repeat(128), 'longer than 255'],
  ];
  for (const [name, rule] of refused) {
    it(`refuses ${JSON.stringify(name.slice(0, 12))}: ${rule}`, () => {
      expect(brokenNameRule(name)).to.include(rule);
      expect(() => checkPath(['ok', name], 'file 3'))
        .to.throw(`file 3`)
        .with.property('code', 'bad-metainfo');
    });
  }

  it('takes what real torrents have', () => {
    const names = [
      '...',
      '..a',
      'a..',
      ' ',
      '-',
      '~',
      'aux.c',
      'console',
      'A: b',
      '日本語',
      '😀',
      '%2e%2e',
    ];
    for (const name of [...names, 'a'.repeat(255), 'constructor', '__proto__']) {
      expect(brokenNameRule(name), name).to.equal(undefined);
    }
  });

  it('refuses our records folder in any case, but only as the first part', () => {
    expect(() => checkPath(['.millrace', 'x'], 'it')).to.throw('reserved for records');
    expect(() => checkPath(['.MillRace'], 'it')).to.throw('reserved for records');
    expect(() => checkPath(['x', '.millrace'], 'it')).not.to.throw();
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
        try {
          checkPath(parts, 'it');
        } catch {
          return;
        }
        expect(path.posix.join('/out', ...parts)).to.equal(`/out/${pathOf({ path: parts })}`);
        expect(path.win32.join('D:\\out', ...parts)).to.match(/^D:\\out\\[^]/);
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
    expect(() => addPath(tree, ['t', 'a', 'b'], 'file 7')).to.throw(
      'one path, the second is file 7',
    );
    expect(() => addPath(tree, ['t', 'a'], 'file 8')).to.throw('file 8 makes one name both');
  });
});
