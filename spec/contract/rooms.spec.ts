// What ESLint cannot see: every file says what lives in it, and none grows into a house of its own.

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

  it('says at the top of each file what lives there', () => {
    const silent = files.filter((file) => !/^(#!.*\n)?(\/\/ |\/\*)/.test(read(file)));
    expect(silent).to.deep.equal([]);
  });

  it(`has no file over ${MAX_LINES} lines`, () => {
    const long = files.filter((file) => read(file).split('\n').length > MAX_LINES);
    expect(long).to.deep.equal([]);
  });
});
