// The metadata that is kept in the output folder, beside the resume record.

import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { FilesState } from '../../lib/storage/files-state';
import { codeOf } from '../support/code-of';
import { useTempFolder } from './temp';

const HASH = new Uint8Array(20).fill(0xab);
const NAME = 'ab'.repeat(20);

describe('storage/files-state: kept metadata', () => {
  const temp = useTempFolder();

  it('is there in the next run, until it is removed', async () => {
    const root = path.join(temp(), 'new');
    const state = new FilesState(root, HASH);
    expect(await state.loadInfo(100)).to.equal(undefined);
    await state.saveInfo(Buffer.from('one'));
    await state.saveInfo(Buffer.from('two'));
    expect(readdirSync(path.join(root, '.millrace'))).to.deep.equal([`${NAME}.info`]);
    expect(Buffer.from((await new FilesState(root, HASH).loadInfo(3)) ?? []).toString()).to.equal(
      'two',
    );
    await state.remove();
    expect(readdirSync(path.join(root, '.millrace'))).to.deep.equal([]);
    expect(await state.loadInfo(100)).to.equal(undefined);
  });

  it('is not read where it is too long, or a link', async () => {
    const root = temp();
    const state = new FilesState(root, HASH);
    await state.saveInfo(new Uint8Array(11));
    expect(await codeOf(state.loadInfo(10))).to.equal('bad-resume');
    await state.remove();
    writeFileSync(path.join(root, 'elsewhere'), 'x');
    symlinkSync(path.join(root, 'elsewhere'), path.join(root, '.millrace', `${NAME}.info`));
    expect(await codeOf(state.loadInfo(10))).to.equal('bad-resume');
  });
});
