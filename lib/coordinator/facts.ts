// From each fact of a peer thread to its handler: one line per fact.

import { assertNever } from '../errors/millrace-error';
import type { PeerFact } from '../messages/peer-thread';
import { onRejected } from './endings';
import { onLoad } from './accounting';
import type { Engine } from './engine';
import { onReadFailed } from './lost-data';
import * as peer from './on-peer';

export function onFact(engine: Engine, thread: number, fact: PeerFact): void {
  switch (fact.type) {
    case 'connected':
      return peer.onConnected(engine, fact);
    case 'dial-failed':
      return peer.onDialFailed(engine, fact);
    case 'closed':
      return peer.onClosed(engine, fact);
    case 'rejected':
      return onRejected(engine, fact);
    case 'peer-bitfield':
      return peer.onBitfield(engine, fact);
    case 'peer-have':
      return peer.onHave(engine, fact);
    case 'peer-choke':
      return peer.onPeerChoke(engine, fact);
    case 'peer-interest':
      return peer.onInterest(engine, fact);
    case 'upload-stalled':
      return peer.onUploadStalled(engine, fact);
    case 'extended-handshake':
      return peer.onExtendedHandshake(engine, fact);
    case 'appetite':
      return peer.onAppetite(engine, fact);
    case 'lease-done':
    case 'lease-returned':
      return peer.onLeaseEnd(engine, fact);
    case 'traffic':
      return peer.onTraffic(engine, fact);
    case 'load':
      return onLoad(engine, thread, fact);
    case 'read-failed':
      return onReadFailed(engine, fact);
    case 'log':
      return engine.log(fact.level, fact.message, { thread, ...fact.fields });
    case 'trace':
      return engine.emit(fact);
    case 'torrent-closed':
      return;
    case 'ready':
    case 'stopped':
    case 'listening':
    case 'listen-failed':
      return; // The peer-thread supervisor acted on these.
    default:
      return assertNever(fact);
  }
}
