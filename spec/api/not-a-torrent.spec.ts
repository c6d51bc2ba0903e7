// A web page, an archive, a link or nothing instead of a .torrent: one sentence from every function
// that reads one.

import { expect } from 'chai';
import fc from 'fast-check';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Coordinator } from '../../lib/api/coordinator';
import { diagnose } from '../../lib/api/diagnose';
import { readTorrent } from '../../lib/api/sources';
import { encode } from '../../lib/bencode/encode';
import { MillraceError } from '../../lib/errors/millrace-error';
import { fakeApi, millrace } from '../cli/fakes';
import { TempTree, refusal } from './temp-tree';

const PAGE = '<!DOCTYPE html><html><title>Log in</title>please log in</html>';
const KEY = 'sEcReT0123456789';

describe('api: not a torrent', () => {
  let tree: TempTree;
  let server: Server;
  let answer: (response: ServerResponse, url: string) => void;
  let site = '';
  before(async () => {
    tree = new TempTree();
    server = createServer((request, response) => answer(response, request.url ?? ''));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    tree.remove();
  });

  it('names a page that was saved as a file, and what to do', async () => {
    const path = tree.write('page.torrent', PAGE);
    const { code, message, details } = await refusal(readTorrent(path));
    expect(code).to.equal('bad-bencode');
    expect(details).to.include({ looksLike: 'html', source: path });
    expect(message).to.include(`not a .torrent ${path}: it is a web page (HTML) "Log in"; open it`);
    expect(message).to.include('log in').and.include('download link');
  });

  it('names a page from a URL with its type, and keeps the passkey', async () => {
    answer = (response) =>
      response.setHeader('content-type', 'text/html; charset=utf-8').end(`${PAGE} ${KEY}`);
    const url = `${site}/${KEY}/x.torrent?passkey=${KEY}`;
    const { message, details } = await refusal(readTorrent(new URL(url)));
    expect(message).to.include('sent as text/html; charset=utf-8;').and.include(`${site}/sEc…`);
    expect(details).to.include({ looksLike: 'html', contentType: 'text/html; charset=utf-8' });
    expect(message + JSON.stringify(details)).not.to.include(KEY);
  });

  it('reports the target of a redirect, and quotes it without the passkey', async () => {
    answer = (response, url) => {
      if (url === '/login') response.end(`unknown key ${KEY}`);
      else response.writeHead(302, { location: '/login' }).end();
    };
    const { message } = await refusal(readTorrent(`${site}/x.torrent?passkey=${KEY}`));
    expect(message).to.include(`the site sent us on to ${site}/login, and it is plain text`);
    expect(message).to.include('"unknown key sEc…"').and.not.include(KEY);
  });

  it('explains an HTTP status', async () => {
    answer = (response) => response.writeHead(403).end();
    const { code, message } = await refusal(readTorrent(`${site}/x.torrent`));
    expect(code).to.equal('torrent-http-status');
    expect(message).to.include('HTTP status 403: log in there with a browser');
  });

  it('names bytes by what they look like, and a damaged torrent by its rule', async () => {
    const empty = await refusal(readTorrent(new Uint8Array()));
    expect(empty.message).to.equal('not a .torrent: it is empty; download it again');
    const path = tree.write(
      'cut.torrent',
      encode({ announce: 'http://t.example/' }).subarray(0, 20),
    );
    const cut = await refusal(readTorrent(path));
    expect(cut).to.include({ code: 'bad-bencode' });
    expect(cut.message).to.include(`bad torrent ${path}: the bencode breaks at byte `);
    expect(cut.message).to.include('download it again');
    const nameless = await refusal(readTorrent(encode({ info: { pieces: '' } })));
    expect(nameless.message).to.equal('bad torrent: it has no "name"');
  });

  it('is refused alike by add, diagnose and the command line', async () => {
    const path = tree.write('door.torrent', PAGE);
    const engine = await Coordinator.start({ port: 0, peerThreads: 1 });
    try {
      const refused = [
        await refusal(engine.add(path, { output: tree.root })),
        await refusal(diagnose(path, { output: tree.root })),
      ];
      for (const { message } of refused) expect(message).to.include('web page (HTML)');
      expect(engine.torrents).to.have.lengthOf(0);
    } finally {
      await engine.close();
    }
    const { api } = fakeApi({ readTorrent });
    for (const command of ['info', 'download']) {
      const { exitCode, io } = await millrace([command, path], { api });
      expect(exitCode, command).to.equal(1);
      expect(io.err, command).to.include(`millrace: not a .torrent ${path}: it is a web page`);
    }
  });

  it('rejects any bytes with an error of ours, or reads them', async () => {
    const heads = ['', 'd4:infod', 'd14:failure reason', '<html>', 'magnet:?', '\x1f\x8b'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...heads), fc.uint8Array(), async (head, rest) => {
        const error: unknown = await readTorrent(
          Buffer.concat([Buffer.from(head, 'latin1'), rest]),
        ).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error === undefined) return;
        expect(error).to.be.instanceOf(MillraceError);
        expect((error as MillraceError).code).to.match(/^bad-(bencode|metainfo)$/);
      }),
      { numRuns: 500 },
    );
  });
});
