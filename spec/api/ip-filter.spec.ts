// The option `ipFilter`: the files that it reads, and its errors for those that it cannot use.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { ipFilterOption, loadIpFilter } from '../../lib/api/ip-filter';
import type { IpFilterOptions, LoadedIpFilter } from '../../lib/api/ip-filter';
import { expectCode } from '../support/swarm';

describe('api: IP filter', () => {
  let folder = '';
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'millrace-filter-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const file = async (content: string | Uint8Array, name = 'list'): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const load = async (options: IpFilterOptions, signal?: AbortSignal): Promise<LoadedIpFilter> => {
    const checked = ipFilterOption('ipFilter', options);
    if (checked === undefined) throw new Error('no filter');
    return loadIpFilter(checked, signal);
  };

  it('is made of ranges and of files, plain or compressed, in every format', async () => {
    const p2p = await file('somebody:192.0.2.0-192.0.2.255\nnot a range\n', 'p2p');
    const members = ['198.51.100.0 - 198.51.100.9 , 000 , a\n', '2001:db8::/32\n'].map((text) =>
      gzipSync(text),
    );
    const dat = await file(Buffer.concat(members), 'dat.gz');
    const { filter, report } = await load({ block: ['203.0.113.7'], blockFiles: [p2p, dat] });
    const hosts = ['203.0.113.7', '192.0.2.9', '198.51.100.9', '2001:db8::9'];
    expect(hosts.filter((host) => filter.refuses(host))).to.deep.equal(hosts);
    expect(filter.refuses('198.51.100.10')).to.equal(false);
    expect(report).to.deep.equal({
      ranges: 4,
      files: [
        { path: p2p, validLines: 1, malformedLines: 1, firstMalformedLine: 2 },
        { path: dat, validLines: 2, malformedLines: 0, firstMalformedLine: undefined },
      ],
    });
  });

  it('accepts only allowed addresses, and none if the allow list is empty', async () => {
    const allowed = await file('192.0.2.0/24');
    const { filter } = await load({ allow: ['2001:db8::1'], allowFiles: [allowed] });
    expect(['192.0.2.1', '2001:db8::1'].some((host) => filter.refuses(host))).to.equal(false);
    expect(['192.0.3.1', '2001:db8::2'].every((host) => filter.refuses(host))).to.equal(true);
    expect((await load({ allow: [] })).filter.refuses('192.0.2.1')).to.equal(true);
    expect((await load({})).filter.ranges).to.equal(0);
  });

  it('names the file that it cannot use, and why', async () => {
    await mkdir(join(folder, 'folder'));
    const cut = gzipSync('192.0.2.0/24\n').subarray(0, 20);
    const zip = Buffer.from('PK\u0003\u0004\n\n');
    for (const [path, why] of [
      [join(folder, 'missing'), /no such file/],
      [join(folder, 'folder'), /folder/],
      [await file('', 'empty'), /it is empty/],
      [await file('# only a remark\n', 'remark'), /it is empty/],
      [await file('one\ntwo\n', 'words'), /none of its 2 lines is a range/],
      [await file(zip, 'zip'), /ZIP archive/],
      [await file(cut, 'cut'), /unexpected end of file/],
      [await file(Buffer.of(0x1f, 0x8b, 1, 2, 3), 'not-gzip'), /unknown compression method|header/],
    ] as const) {
      const error = await expectCode(load({ blockFiles: [path] }), 'bad-ip-filter');
      expect(error.message).to.match(why).and.include(path);
      expect(error.details).to.deep.equal({ path });
    }
  });

  it('stops reading when its signal fires', async () => {
    const path = await file('192.0.2.0/24\n'.repeat(100_000));
    const stop = new AbortController();
    const loading = load({ blockFiles: [path] }, stop.signal);
    stop.abort(new Error('enough'));
    expect(await loading.catch((error: unknown) => error)).to.equal(stop.signal.reason);
  });

  it('says which ranges it cannot read', () => {
    for (const [options, allowed] of [
      [{ block: ['192.0.2.0/33'] }, /ipFilter\.block\[0\] must be a range.*"192\.0\.2\.0\/33"/],
      [{ allow: ['peer.example'] }, /ipFilter\.allow\[0\] must be a range/],
      [{ allow: ['# a remark'] }, /ipFilter\.allow\[0\] must be a range/],
      [{ block: '192.0.2.0/24' }, /ipFilter\.block must be a list of ranges/],
      [{ blockFiles: [''] }, /ipFilter\.blockFiles\[0\] must be the path of a file/],
      ['list.p2p', /ipFilter must be an object/],
    ] as const) {
      expect(() => ipFilterOption('ipFilter', options)).to.throw(allowed);
    }
    expect(ipFilterOption('ipFilter', undefined)).to.equal(undefined);
  });
});
