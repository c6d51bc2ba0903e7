// Which peers seem to speak only encrypted connections, from the events of a transfer.

import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import type { Coordinator, Torrent } from '../../../lib/index';
import { watchEncryption } from '../../../lib/cli/transfer/encrypted-peers';
import { encryptedOnlyLine } from '../../../lib/cli/output/lines';

interface Scene {
  readonly watch: ReturnType<typeof watchEncryption>;
  refusesPlain(host: string, port?: number): void;
  opensEncrypted(host: string): void;
  connects(host: string, incoming: boolean, port?: number): void;
}

function scene(): Scene {
  const torrent = new EventEmitter();
  const coordinator = new EventEmitter();
  const watch = watchEncryption(
    torrent as unknown as Torrent,
    coordinator as unknown as Coordinator,
  );
  return {
    watch,
    refusesPlain: (host, port = 6881) =>
      void torrent.emit('peerClosed', { host, port, reason: 'plain-refused' }),
    opensEncrypted: (host) =>
      void coordinator.emit('peerRejected', { host, port: 50_001, reason: 'encrypted-handshake' }),
    connects: (host, incoming, port = 6881) =>
      void torrent.emit('peerConnected', { host, port, incoming }),
  };
}

describe('cli/encrypted-peers', () => {
  it('names those that refuse a plain handshake, and those that open with an encrypted one', () => {
    const it = scene();
    it.refusesPlain('10.0.0.1');
    it.refusesPlain('10.0.0.1');
    it.refusesPlain('2001:db8::1');
    it.opensEncrypted('10.0.0.3');
    it.connects('10.0.0.4', false);
    it.connects('10.0.0.5', true);
    expect(it.watch.found()).to.deep.equal({
      peers: ['10.0.0.1:6881', '[2001:db8::1]:6881', '10.0.0.3'],
      reached: 5,
    });
  });

  it('not those that come back in plain text, or did before', () => {
    const it = scene();
    it.opensEncrypted('10.0.0.1');
    it.connects('10.0.0.1', true, 50_002);
    it.connects('10.0.0.2', false);
    it.refusesPlain('10.0.0.2'); // full, this time
    expect(it.watch.found()).to.deep.equal({ peers: [], reached: 2 });
  });

  it('counts a peer that was dialled and dials us once', () => {
    const it = scene();
    it.refusesPlain('10.0.0.1');
    it.opensEncrypted('10.0.0.1');
    expect(it.watch.found()).to.deep.equal({ peers: ['10.0.0.1:6881'], reached: 1 });
  });

  it('keeps 5,000 at the most, and none after its end', () => {
    const it = scene();
    for (let n = 0; n < 6_000; n++) it.opensEncrypted(`10.${n >> 8}.${n & 255}.1`);
    expect(it.watch.found().reached).to.equal(5_000);
    it.watch.stop();
    it.refusesPlain('10.0.0.1');
    expect(it.watch.found().reached).to.equal(5_000);
  });

  it('becomes a line that names five', () => {
    const peers = [1, 2, 3, 4, 5, 6, 7].map((n) => `10.0.0.${n}:1`);
    expect(encryptedOnlyLine({ peers: [], reached: 4 })).to.equal(undefined);
    expect(encryptedOnlyLine({ peers: peers.slice(0, 3), reached: 5 })).to.equal(
      '3 of 5 peers seem to speak only encrypted connections, which Millrace does not do yet: 10.0.0.1:1, 10.0.0.2:1, 10.0.0.3:1',
    );
    expect(encryptedOnlyLine({ peers, reached: 9 })).to.match(/10\.0\.0\.5:1 and 2 more$/);
    expect(encryptedOnlyLine({ peers: ['a'], reached: 1 })).to.match(/^1 of 1 peer seems to /);
  });
});
