import { expect } from 'chai';
import fc from 'fast-check';
import { PathRegistry } from '../../../lib/coordinator/files/path-registry';
import type { PathUser, UsedFile } from '../../../lib/coordinator/files/path-registry';

const user = (id: number): PathUser => ({ id, name: `t${id}`, infoHash: String(id) });
const at = (path: string, inode?: string): UsedFile => ({ path, inode });

describe('coordinator/path-registry', () => {
  it('gives a written file to one torrent, and read files to many', () => {
    const registry = new PathRegistry();
    expect(registry.claim(user(1), [at('/a'), at('/b')], true)).to.equal(undefined);
    expect(registry.claim(user(2), [at('/c'), at('/b')], false)).to.deep.equal({
      path: '/b',
      user: user(1),
    });
    expect(registry.claim(user(2), [at('/c')], false)).to.equal(undefined);
    expect(registry.claim(user(3), [at('/c')], false)).to.equal(undefined);
    expect(registry.claim(user(4), [at('/c')], true)?.user).to.deep.equal(user(2));
    registry.release(2);
    expect(registry.claim(user(4), [at('/c')], true)?.user).to.deep.equal(user(3));
    for (const id of [1, 3, 3, 4]) registry.release(id);
    expect(registry.size).to.equal(0);
  });

  it('knows a file by its inode, too, but lets a torrent have hard links of its own', () => {
    const registry = new PathRegistry();
    expect(registry.claim(user(1), [at('/a', '1:7'), at('/b', '1:7')], true)).to.equal(undefined);
    expect(registry.claim(user(2), [at('/other/c', '1:7')], false)?.path).to.equal('/other/c');
  });

  it('finds two names of one torrent that are one path', () => {
    const registry = new PathRegistry();
    const files = [at('/a'), at('/b'), at('/a')];
    expect(registry.claim(user(1), files, true)).to.deep.equal({ path: '/a', user: user(1) });
    expect(registry.size).to.equal(0);
    expect(registry.claim(user(1), files, false)).to.equal(undefined);
  });

  it('never has a writer beside anybody else, takes all or nothing, and forgets all that left', () => {
    const PATHS = ['/a', '/b', '/c', '/d', '/e'];
    const INODES = [undefined, '1:1', '1:2'];
    const step = fc.record({
      id: fc.integer({ min: 1, max: 6 }),
      files: fc.uniqueArray(
        fc.record({ path: fc.constantFrom(...PATHS), inode: fc.constantFrom(...INODES) }),
        { selector: ({ path }) => path, maxLength: 4 },
      ),
      writes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const registry = new PathRegistry();
        const held = new Map<number, { files: readonly UsedFile[]; writes: boolean }>();
        const meets = (one: readonly UsedFile[], other: readonly UsedFile[]): boolean =>
          one.some((a) =>
            other.some((b) => a.path === b.path || (a.inode !== undefined && a.inode === b.inode)),
          );
        for (const { id, files, writes } of steps) {
          if (held.delete(id)) registry.release(id);
          const others = [...held].filter(
            ([, other]) => (writes || other.writes) && meets(files, other.files),
          );
          const conflict = registry.claim(user(id), files, writes);
          expect(conflict === undefined).to.equal(others.length === 0);
          if (conflict === undefined) held.set(id, { files, writes });
          else expect(others.map(([other]) => other)).to.include(conflict.user.id);
        }
        for (const id of held.keys()) registry.release(id);
        expect(registry.size).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });

  it('takes 20,000 files of each of 5 torrents', () => {
    const registry = new PathRegistry();
    for (let id = 1; id <= 5; id++) {
      const files = Array.from({ length: 20_000 }, (_, file) => at(`/t${id}/${file}`));
      expect(registry.claim(user(id), files, true)).to.equal(undefined);
    }
    expect(registry.claim(user(6), [at('/t5/19999')], true)?.user.id).to.equal(5);
  });
});
