// An IP filter that changes while an engine runs.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { KIB, Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  nextEvent,
  untilEngine,
  within,
} from '../support/swarm';

describe('engine with an IP filter', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('refuses loopback only if it is listed, closes what a new filter refuses, and is lifted', async () => {
    const payload = new Payload({ name: 'file', lengthBytes: 256 * KIB });
    const seed = await swarm.seed(payload, { gateAfterBlocks: 4 });
    const folder = await swarm.folder();
    const list = join(folder, 'list.p2p');
    await writeFile(list, 'nobody:192.0.2.0-192.0.2.255\nnonsense\n');
    const warnings: object[] = [];
    const none = (): void => undefined;
    const logger = { trace: none, debug: none, info: none, error: none, fatal: none };
    const warn = (fields: object): void => void warnings.push(fields);
    const engine = await swarm.engine({
      ipFilter: { blockFiles: [list] },
      logger: { ...logger, warn, level: 'warn' },
    });
    expect(engine.ipFilter).to.deep.equal({
      ranges: 1,
      files: [{ path: list, validLines: 1, malformedLines: 1, firstMalformedLine: 2 }],
    });
    expect(warnings).to.have.length(1);
    const torrent = await engine.add(payload.torrent, { output: folder });
    const connected = nextEvent(torrent, 'peerConnected');
    await torrent.addPeer(seed.address);
    await connected;

    const closed = nextEvent<{ reason: string }>(torrent, 'peerClosed');
    expect(
      await engine.setIpFilter({ allow: ['192.0.2.0/24'], block: ['127.0.0.0/8'] }),
    ).to.include({
      ranges: 4,
    });
    expect((await closed).reason).to.equal('ip-filter');
    await torrent.addPeer(seed.address);
    const stats = await untilEngine(
      engine,
      'the address to be refused',
      ({ ipFilter }) => ipFilter?.addressesRefused === 1,
    );
    expect(stats.peersClosed).to.deep.equal({ 'ip-filter': 1 });
    await expectCode(engine.setIpFilter({ blockFiles: [join(folder, 'gone')] }), 'bad-ip-filter');
    expect(engine.ipFilter, 'the old one stays').to.deep.equal({ ranges: 4, files: [] });

    expect(await engine.setIpFilter()).to.equal(undefined);
    expect(engine.ipFilter).to.equal(undefined);
    seed.open();
    await torrent.addPeer(seed.address);
    await within(torrent.completed, 'the download');
  });

  it('does not start with a list that it cannot use', async () => {
    const folder = await swarm.folder();
    const list = join(folder, 'list');
    await writeFile(list, 'nonsense');
    await expectCode(swarm.engine({ ipFilter: { blockFiles: [list] } }), 'bad-ip-filter');
  });
});
