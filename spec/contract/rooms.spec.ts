// Rules that ESLint cannot check: every file opens with a description, none grows too long, the map
// of imports has no unused permission, and pure files import only pure files.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';

const ROOT = path.join(__dirname, '..', '..');
const MAX_LINES = 450;

const files = ['lib', 'workers'].flatMap((folder) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(folder, name)),
);

describe('contract: rooms', () => {
  it('has files to look at', () => {
    expect(files.length).to.be.above(100);
  });

  const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

  it('has a comment at the top of each file that describes it', () => {
    const silent = files.filter((file) => !/^(#!.*\n)?(\/\/ |\/\*)/.test(read(file)));
    expect(silent).to.deep.equal([]);
  });

  it(`has no file over ${MAX_LINES} lines`, () => {
    const long = files.filter((file) => read(file).split('\n').length > MAX_LINES);
    expect(long).to.deep.equal([]);
  });

  describe('imports', () => {
    interface Lint {
      readonly MAY_IMPORT: Readonly<Record<string, readonly string[]>>;
      readonly PURE_ROOMS: readonly string[];
    }
    let lint: Lint;
    before(async () => {
      lint = (await import(path.join(ROOT, 'eslint.config.mjs'))) as unknown as Lint;
    });

    const roomOf = (file: string): string => file.split(path.sep)[1] ?? '';

    /**
     * The files of `lib` that a file imports; only those of which it uses more than types where
     * `values`.
     */
    function importsOf(file: string, values: boolean): string[] {
      const found = read(file).matchAll(
        /^(?:import|export)( type)? [^;]*?from '(\.[^']+)'|require\('(\.[^']+)'\)/gm,
      );
      return [...found]
        .filter(([, type]) => !values || type === undefined)
        .map(([, , from, required]) =>
          path.join(path.dirname(file), `${from ?? required ?? ''}.ts`),
        );
    }

    it('are of rooms that exist, and each permission is used', () => {
      const used = new Map<string, Set<string>>();
      for (const file of files.filter((name) => name.startsWith(`lib${path.sep}`))) {
        const rooms = used.get(roomOf(file)) ?? new Set();
        used.set(roomOf(file), rooms);
        for (const other of importsOf(file, false)) rooms.add(roomOf(other));
      }
      const unused = Object.entries(lint.MAY_IMPORT).flatMap(([room, others]) =>
        others.filter((other) => !used.get(room)?.has(other)).map((other) => `${room}: ${other}`),
      );
      expect(unused).to.deep.equal([]);
    });

    it('of pure files lead to pure files, errors, constants of the treaties and shared memory', () => {
      const isPure = (file: string): boolean =>
        lint.PURE_ROOMS.includes(roomOf(file)) || read(file).startsWith('// PURE.');
      const allowed = new Set(['errors', 'memory', 'messages']);
      const pure = files.filter(isPure);
      expect(pure.length).to.be.above(100);
      const impure = pure.flatMap((file) =>
        importsOf(file, true)
          .filter((other) => !isPure(other) && !allowed.has(roomOf(other)))
          .map((other) => `${file}: ${other}`),
      );
      expect(impure).to.deep.equal([]);
    });
  });
});
