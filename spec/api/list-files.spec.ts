// What a folder gives to a torrent: links inside and out, circles, special files, names that are no text.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { createTorrent } from '../../lib/api/create-torrent';
import { listFiles } from '../../lib/api/list-files';
import type { LinkRule } from '../../lib/api/create-torrent';
import type { Listed } from '../../lib/api/list-files';
import { verifyTorrent } from '../../lib/api/verify-torrent';
import { TempTree, refusal } from './temp-tree';

describe('api/list-files', () => {
  let tree: TempTree;
  beforeEach(() => (tree = new TempTree()));
  afterEach(() => tree.remove());

  const link = (target: string, name: string): void => symlinkSync(target, tree.path(name));
  const list = (links: LinkRule = 'inside'): Promise<Listed> => listFiles(tree.path('set'), links);
  const paths = (listed: Listed): string[] => listed.files.map(({ path }) => path.join('/'));

  it('follows links that stay inside: to a file, to a folder, by any way', async () => {
    tree.write('set/real/file', 10);
    link('real/file', 'set/by-relation');
    link(tree.path('set/real'), 'set/by-name');
    link('by-name', 'set/twice');
    const listed = await list();
    expect(paths(listed)).to.deep.equal([
      'set/by-name/file',
      'set/by-relation',
      'set/real/file',
      'set/twice/file',
    ]);
    expect(listed.followed).to.deep.equal([
      { path: 'set/by-name', target: 'set/real' },
      { path: 'set/by-relation', target: 'set/real/file' },
      { path: 'set/twice', target: 'set/real' },
    ]);
    expect(listed.skipped).to.deep.equal([]);
    expect(listed.files.every(({ lengthBytes }) => lengthBytes === 10)).to.equal(true);
  });

  it('leaves out links that lead outside or nowhere, and reports their targets', async () => {
    tree.write('set/file', 10);
    tree.write('out/side', 20);
    link('../out/side', 'set/out');
    link('nowhere', 'set/dangling');
    link('itself', 'set/itself');
    link('file/below', 'set/through-file');
    const nothing = 'a link that leads to nothing';
    expect((await list()).skipped).to.deep.equal([
      { path: 'set/dangling', reason: nothing },
      { path: 'set/itself', reason: nothing },
      {
        path: 'set/out',
        reason: `a link that leads out of the folder, to ${tree.path('out/side')}`,
      },
      { path: 'set/through-file', reason: nothing },
    ]);
    const all = await list('follow');
    expect(paths(all)).to.deep.equal(['set/file', 'set/out']);
    expect(all.followed).to.deep.equal([{ path: 'set/out', target: tree.path('out/side') }]);
    expect(all.skipped).to.have.length(3);
  });

  it('follows none by the rule skip', async () => {
    tree.write('set/file', 10);
    link('file', 'set/link');
    const listed = await list('skip');
    expect(paths(listed)).to.deep.equal(['set/file']);
    expect(listed.skipped).to.deep.equal([{ path: 'set/link', reason: 'a link' }]);
  });

  it('does not go in circles, by whatever rule', async () => {
    tree.write('set/a/file', 10);
    link('..', 'set/a/up');
    link('.', 'set/here');
    link('../b', 'set/a/across');
    mkdirSync(tree.path('set/b'));
    link('../a', 'set/b/back');
    const circle = 'a folder that holds it, reached by a link';
    const inside = await list();
    expect(paths(inside)).to.deep.equal(['set/a/file', 'set/b/back/file']);
    expect(inside.skipped).to.deep.equal([
      { path: 'set/a/across/back', reason: circle },
      { path: 'set/a/up', reason: circle },
      { path: 'set/b/back/across', reason: circle },
      { path: 'set/b/back/up', reason: circle },
      { path: 'set/here', reason: circle },
    ]);
    // Out to the folder around it, and back in by that folder's own entry.
    link('../..', 'set/a/out');
    const all = await list('follow');
    expect(paths(all)).to.deep.equal(['set/a/file', 'set/b/back/file']);
    expect(all.skipped.map(({ path }) => path)).to.include('set/a/out/set');
  });

  it('stops at eight links on one path', async () => {
    for (let at = 0; at < 12; at++) {
      tree.write(`set/d${at}/file`, 1);
      link(`../d${at + 1}`, `set/d${at}/next`);
    }
    mkdirSync(tree.path('set/d12'));
    const listed = await list();
    const deepest = Math.max(...paths(listed).map((path) => path.split('/').length));
    expect(deepest).to.equal(11); // set, d0, eight times next, file
    expect(listed.skipped).to.deep.include({
      path: `set/d0${'/next'.repeat(9)}`,
      reason: 'a link behind 8 others',
    });
  });

  it('leaves out special files and records of ours, at any depth', async () => {
    tree.write('set/file', 10);
    tree.write('set/sub/.Millrace/x', 10);
    execFileSync('mkfifo', [tree.path('set/pipe')]);
    link('pipe', 'set/to-pipe');
    link('/dev/null', 'set/device');
    const listed = await list('follow');
    expect(paths(listed)).to.deep.equal(['set/file']);
    expect(listed.skipped).to.deep.equal([
      { path: 'set/device', reason: 'a device' },
      { path: 'set/pipe', reason: 'a named pipe (FIFO)' },
      { path: 'set/sub/.Millrace', reason: 'the records of Millrace' },
      { path: 'set/to-pipe', reason: 'a named pipe (FIFO)' },
    ]);
    expect(listed.followed).to.deep.equal([]);
  });

  it('leaves out what clients take for padding, and refuses a source of that name', async () => {
    tree.write('set/file', 10);
    tree.write('set/sub/_____padding_file_0_if you see this file', 10);
    tree.write('set/old_____padding_file_1/inner', 10);
    const listed = await list();
    expect(paths(listed)).to.deep.equal(['set/file']);
    const reason = 'a name that clients take for padding, which nobody stores';
    expect(listed.skipped).to.deep.equal([
      { path: 'set/old_____padding_file_1', reason },
      { path: 'set/sub/_____padding_file_0_if you see this file', reason },
    ]);
    tree.write('_____padding_file_2', 10);
    const error = await refusal(listFiles(tree.path('_____padding_file_2'), 'inside'));
    expect(error.message).to.include(`it has ${reason}: rename it`);
  });

  it('reports what was there when nothing is left', async () => {
    mkdirSync(tree.path('set'));
    link('nowhere', 'set/a');
    link('nowhere', 'set/b');
    const error = await refusal(list());
    expect(error.code).to.equal('source-unreadable');
    expect(error.message).to.include(
      'it holds no file that can be taken: set/a is a link that leads to nothing, and 1 more',
    );
  });

  it('names a file whose name is no UTF-8, with the remedy', async () => {
    mkdirSync(tree.path('set/sub'), { recursive: true });
    const name = Buffer.concat([
      Buffer.from(tree.path('set/sub/')),
      Buffer.from([0xd6, 0xd0, 0x61]),
    ]);
    writeFileSync(name, 'x');
    const error = await refusal(list());
    expect(error.code).to.equal('source-unreadable');
    expect(error.message).to.include('set/sub/\\xd6\\xd0a is not UTF-8').and.include('rename it');
  });

  it('takes a source that is itself a link', async () => {
    tree.write('elsewhere/file', 10);
    link('elsewhere', 'set');
    link('file', 'elsewhere/inside');
    const listed = await list();
    expect(paths(listed)).to.deep.equal(['set/file', 'set/inside']);
    expect(listed.followed).to.deep.equal([{ path: 'set/inside', target: 'set/file' }]);
  });

  it('makes torrents of such folders that verify where they lie', async () => {
    tree.write('set/real/file', 40_000);
    tree.write('out/side', 20_000);
    link('real', 'set/inside');
    link('../out', 'set/outside');
    const made = await createTorrent(tree.path('set'), { threads: 1, links: 'follow' });
    expect(made.followed).to.have.length(2);
    expect(made.skipped).to.deep.equal([]);
    expect(made.metainfo.totalLengthBytes).to.equal(100_000);
    const report = await verifyTorrent(made.bytes, { data: tree.root, threads: 1 });
    expect(report.whole).to.equal(true);
  });

  it('refuses a rule that it does not know', async () => {
    const links = 'outside' as LinkRule;
    const error = await refusal(createTorrent(tree.write('f', 1), { links }));
    expect(error).to.include({
      code: 'bad-option',
      message: 'option links must be "inside", "skip" or "follow", not "outside"',
    });
  });
});
