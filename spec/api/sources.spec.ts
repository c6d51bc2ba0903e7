import { execFileSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { createTorrent } from '../../lib/api/create-torrent';
import { readTorrent } from '../../lib/api/sources';
import { MAX_METAINFO_BYTES } from '../../lib/metainfo/limits';
import { TempTree, refusal } from './temp-tree';

describe('api/sources', () => {
  let tree: TempTree;
  let bytes: Uint8Array;
  before(async () => {
    tree = new TempTree();
    ({ bytes } = await createTorrent(tree.write('data.bin', 100), { threads: 1 }));
    tree.write('good.torrent', bytes);
  });
  after(() => tree.remove());

  it('reads a path, a file URL, bytes, and what it returned before', async () => {
    const metainfo = await readTorrent(tree.path('good.torrent'));
    expect(metainfo.name).to.equal('data.bin');
    expect(await readTorrent(pathToFileURL(tree.path('good.torrent')))).to.deep.equal(metainfo);
    expect(await readTorrent(bytes)).to.deep.equal(metainfo);
    expect(await readTorrent(metainfo)).to.equal(metainfo);
  });

  it('names what is wrong with a record that it did not return', async () => {
    const metainfo = await readTorrent(bytes);
    const files = [new Array(3)] as unknown as (typeof metainfo)['files'];
    const error = await refusal(readTorrent({ ...metainfo, files }));
    expect(error.code).to.equal('bad-option');
    expect(error.message).to.include('files').and.to.include('path');
  });

  it('takes no info dictionary of another torrent, and none is needed', async () => {
    const { infoBytes, ...metainfo } = await readTorrent(bytes);
    expect(await readTorrent(metainfo)).to.equal(metainfo);
    const changed = Uint8Array.from(infoBytes ?? []);
    changed[changed.length - 2] = 0;
    const error = await refusal(readTorrent({ ...metainfo, infoBytes: changed }));
    expect(error.code).to.equal('bad-option');
    expect(error.message).to.include('infoBytes of another infoHash');
  });

  it('shares no memory with the bytes it was given', async () => {
    const copy = Uint8Array.from(bytes);
    const metainfo = await readTorrent(copy);
    const hashes = Uint8Array.from(metainfo.pieceHashes);
    copy.fill(0);
    expect(metainfo.pieceHashes).to.deep.equal(hashes);
  });

  it('reports that a file is missing, or is a folder', async () => {
    const missing = await refusal(readTorrent(tree.path('no.torrent')));
    expect(missing.code).to.equal('torrent-unreadable');
    expect(missing.message).to.include('no such file').and.include('no.torrent');
    const folder = await refusal(readTorrent(tree.root));
    expect(folder.code).to.equal('torrent-unreadable');
    expect(folder.message).to.include('it is a folder');
  });

  it('does not wait for a FIFO', async function () {
    if (process.platform === 'win32') this.skip(); // it has no FIFOs among its files
    execFileSync('mkfifo', [tree.path('pipe.torrent')]);
    const error = await refusal(readTorrent(tree.path('pipe.torrent')));
    expect(error.code).to.equal('torrent-unreadable');
    expect(error.message).to.include(`${tree.path('pipe.torrent')}: it is a named pipe`);
  });

  it('reads a file URL as text, and the pipe of a shell', async function () {
    const url = pathToFileURL(tree.path('good.torrent')).href;
    expect((await readTorrent(url)).name).to.equal('data.bin');
    const elsewhere = await refusal(readTorrent('file://elsewhere.example/x.torrent'));
    expect(elsewhere.code).to.equal('torrent-unreadable');
    expect(elsewhere.message).to.include('file:///PATH');
    if (process.platform !== 'linux') this.skip(); // /dev/fd differs
    const script = `const { readTorrent } = require('./lib/index.ts');
      readTorrent('/dev/stdin').then(({ name }) => console.log(name));`;
    const output = execFileSync(
      'sh',
      [
        '-c',
        'cat "$1" | "$2" -r ./spec/register.cjs -e "$3"',
        'sh',
        tree.path('good.torrent'),
        process.execPath,
        script,
      ],
      { encoding: 'utf8' },
    );
    expect(output.trim()).to.equal('data.bin');
  });

  it('reports what is missing where only an info hash is given, or another kind of URL', async () => {
    for (const hash of [
      '0123456789abcdef0123456789ABCDEF01234567',
      'abcdefghijklmnopqrstuvwxyz234567',
    ]) {
      const error = await refusal(readTorrent(hash));
      expect(error.code).to.equal('torrent-unreadable');
      expect(error.message)
        .to.include('an info hash alone')
        .and.include('.torrent file or its URL');
    }
    const ftp = await refusal(readTorrent('ftp://example.org/x.torrent'));
    expect(ftp.message).to.include('must begin with http://, https:// or file://');
    const nothing = await refusal(readTorrent(' '));
    expect(nothing.message).to.include('named by nothing');
  });

  it('reads no file that is longer than a torrent may be', async () => {
    const file = tree.write('huge.torrent', '');
    truncateSync(file, MAX_METAINFO_BYTES + 1);
    const error = await refusal(readTorrent(file));
    expect(error.code).to.equal('torrent-unreadable');
    expect(error.message).to.include(String(MAX_METAINFO_BYTES));
  });

  it('names the rule that content breaks', async () => {
    const page = await refusal(readTorrent(tree.write('page.torrent', '<!doctype html>')));
    expect(page.code).to.equal('bad-bencode');
    const empty = await refusal(readTorrent(tree.write('empty.torrent', '')));
    expect(empty.code).to.equal('bad-bencode');
    const list = await refusal(readTorrent(Buffer.from('le')));
    expect(list.code).to.equal('bad-metainfo');
    const cut = await refusal(readTorrent(bytes.subarray(0, bytes.length - 10)));
    expect(cut.code).to.equal('bad-bencode');
  });

  it('fetches over http, and reports what went wrong there', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/good.torrent') response.end(bytes);
      else response.writeHead(404).end('no');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    try {
      const metainfo = await readTorrent(`http://127.0.0.1:${port}/good.torrent`);
      expect(metainfo.name).to.equal('data.bin');
      const error = await refusal(readTorrent(new URL(`http://127.0.0.1:${port}/other`)));
      expect(error.code).to.equal('torrent-http-status');
      expect(error.message).to.include('404');
    } finally {
      server.closeAllConnections();
      server.close();
    }
    const gone = await refusal(readTorrent(`http://127.0.0.1:${port}/good.torrent`));
    expect(gone.code).to.equal('torrent-unreachable');
  });
});
