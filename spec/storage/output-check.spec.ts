import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect } from 'chai';
import { checkOutput, cutLonger } from '../../lib/storage/output-check';
import type { OutputCheckOptions } from '../../lib/storage/output-check';
import { codeOf } from '../support/code-of';
import { useTempFolder } from './temp';

describe('output check', () => {
  const folder = useTempFolder();
  const root = () => path.join(folder(), 'new/out');
  const files = [
    { path: 't/a', lengthBytes: 5 },
    { path: 't/sub/b', lengthBytes: 5 },
  ];
  const refusal = async (options?: OutputCheckOptions, list = files): Promise<unknown> =>
    checkOutput(root(), list, options).then(
      () => 'passed',
      (error: { readonly code: string }) => error.code,
    );
  const put = (stored: string, text: string) => {
    const full = path.join(root(), stored);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, text);
  };

  it('makes the output folder and reports what is there', async () => {
    expect((await checkOutput(root(), files)).stats).to.deep.equal([undefined, undefined]);
    put('t/sub/b', '123');
    const {
      stats: [a, b],
      ...look
    } = await checkOutput(root(), files);
    expect(a).to.equal(undefined);
    expect(b).to.include({ sizeBytes: 3, kind: 'file' });
    expect(look.root).to.equal(fs.realpathSync(root()));
    expect(look.folders).to.have.members(['t', 't/sub']);
    expect(look.hasLinks).to.equal(false);
    expect(look.places).to.deep.equal(files.map((file) => path.join(look.root, file.path)));
    expect(fs.readdirSync(path.join(root(), '.millrace'))).to.deep.equal([]);
  });

  it('refuses a longer file, and cuts it only by force', async () => {
    put('t/a', '1234567');
    expect(await refusal()).to.equal('file-too-large');
    expect(await refusal({ readOnly: true })).to.equal('passed');
    expect(fs.statSync(path.join(root(), 't/a')).size).to.equal(7);
    const look = await checkOutput(root(), files, { force: true });
    expect(look.stats[0]?.sizeBytes).to.equal(7);
    put('t/sub/b', '123');
    await cutLonger(look.root, files, false);
    expect(fs.readFileSync(path.join(root(), 't/sub/b'), 'utf8')).to.equal('123');
    expect(fs.readFileSync(path.join(root(), 't/a'), 'utf8')).to.equal('12345');
  });

  it('names what is in the way', async () => {
    put('t/sub', 'a file where a folder is needed');
    await checkOutput(root(), files).then(
      () => expect.fail('passed'),
      (error: Error) => expect(error.message).to.include(path.join(root(), 't/sub')),
    );
    expect(await refusal()).to.equal('output-conflict');
    fs.rmSync(path.join(root(), 't/sub'));
    fs.mkdirSync(path.join(root(), 't/a'));
    expect(await refusal()).to.equal('output-conflict');
  });

  it('refuses an output folder that cannot be made or written', async () => {
    fs.writeFileSync(path.join(folder(), 'new'), 'a file');
    expect(await refusal()).to.equal('output-not-writable');
    expect(
      await checkOutput('/proc/millrace', files).catch((e: { code: string }) => e.code),
    ).to.equal('output-not-writable');
  });

  it('only looks when the data is to be read', async () => {
    const { stats } = await checkOutput(root(), files, { readOnly: true });
    expect(stats).to.deep.equal([undefined, undefined]);
    expect(fs.existsSync(root())).to.equal(false);
  });

  it('refuses paths that leave the folder or land in our own state', async () => {
    expect(await refusal({}, [{ path: '../x', lengthBytes: 1 }])).to.equal('outside-output');
    expect(await refusal({}, [{ path: '.Millrace/x', lengthBytes: 1 }])).to.equal(
      'output-conflict',
    );
  });

  it('cuts through no link, and refuses links below the output folder unless they are allowed', async () => {
    const outside = path.join(folder(), 'outside');
    fs.mkdirSync(path.join(root(), 't'), { recursive: true });
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'a'), '1234567');
    fs.symlinkSync(path.join(outside, 'a'), path.join(root(), 't/a'));
    const links = { force: true, followLinks: true };
    expect(await refusal({ force: true })).to.equal('link-in-path');
    expect(fs.readFileSync(path.join(outside, 'a'), 'utf8')).to.equal('1234567');
    expect(await refusal({ readOnly: true })).to.equal('passed');
    expect(await refusal(links)).to.equal('passed');
    expect(await codeOf(cutLonger(fs.realpathSync(root()), files, false))).to.equal('link-in-path');
    expect(fs.readFileSync(path.join(outside, 'a'), 'utf8')).to.equal('1234567');
    const look = await checkOutput(root(), files, links);
    expect(look.hasLinks).to.equal(true);
    expect(look.places[0]).to.equal(path.join(fs.realpathSync(outside), 'a'));
    await cutLonger(look.root, files, true);
    expect(fs.readFileSync(path.join(outside, 'a'), 'utf8')).to.equal('12345');
    fs.rmSync(path.join(root(), 't'), { recursive: true });
    fs.symlinkSync(path.join(folder(), 'nowhere'), path.join(root(), 't'));
    expect(await refusal()).to.equal('link-in-path');
  });

  it('refuses a link in the place of its own folder', async () => {
    fs.mkdirSync(root(), { recursive: true });
    fs.symlinkSync(folder(), path.join(root(), '.millrace'));
    for (const options of [{}, { followLinks: true }])
      expect(await refusal(options)).to.equal('output-not-writable');
    expect(fs.readdirSync(folder())).to.deep.equal(['new']);
  });
});
