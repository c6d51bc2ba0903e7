// Dispatches each fact of a peer thread to its handler.

import { assertNever } from '../errors/millrace-error';
import type { PeerFact } from '../messages/peer-thread';
import { onBitfield, onHave, onLost } from './pieces/availability';
import { onInterest, onUploadOnly, onUploadStalled } from './swarm/choking';
import * as connections from './swarm/connections';
import { onAllowedFast, onAppetite, onLeaseEnd, onPeerChoke, onSuggested } from './pieces/credit';
import type { Engine } from './engine';
import { onReadFailed } from './files/lost-data';
import { onMetadataOffer, onMetadataPiece, onMetadataRefused } from './metadata/fetching';
import { onPeerExchange } from './swarm/exchange';
import { onRates } from './swarm/granting';
import { onLoad, onTraffic } from './swarm/traffic';

export function onFact(engine: Engine, thread: number, fact: PeerFact): void {
  switch (fact.type) {
    case 'connected':
      return connections.onConnected(engine, fact);
    case 'dial-failed':
      return connections.onDialFailed(engine, fact);
    case 'closed':
      return connections.onClosed(engine, fact);
    case 'rejected':
      return connections.onRejected(engine, fact);
    case 'peer-bitfield':
      return onBitfield(engine, fact);
    case 'peer-have':
      return onHave(engine, fact);
    case 'peer-choke':
      return onPeerChoke(engine, fact);
    case 'peer-interest':
      return onInterest(engine, fact);
    case 'peer-lost':
      return onLost(engine, fact);
    case 'upload-only':
      return onUploadOnly(engine, fact);
    case 'upload-stalled':
      return onUploadStalled(engine, fact);
    case 'extended-handshake':
      return connections.onExtendedHandshake(engine, fact);
    case 'peer-exchange':
      return onPeerExchange(engine, fact);
    case 'allowed-fast':
      return onAllowedFast(engine, fact);
    case 'suggested':
      return onSuggested(engine, fact);
    case 'metadata-offer':
      return onMetadataOffer(engine, fact);
    case 'metadata-piece':
      return onMetadataPiece(engine, fact);
    case 'metadata-refused':
      return onMetadataRefused(engine, fact);
    case 'appetite':
      return onAppetite(engine, fact);
    case 'lease-done':
    case 'lease-returned':
      return onLeaseEnd(engine, fact);
    case 'traffic':
      return onTraffic(engine, fact);
    case 'load':
      return onLoad(engine, thread, fact);
    case 'rates':
      return onRates(engine, thread, fact);
    case 'read-failed':
      return onReadFailed(engine, fact);
    case 'log':
      return engine.log(fact.level, fact.message, { component: 'peers', thread, ...fact.fields });
    case 'trace':
      return engine.emit(fact);
    case 'torrent-closed':
      return;
    case 'ready':
    case 'stopped':
    case 'listening':
    case 'listen-failed':
      return; // Handled by the peer-thread supervisor.
    default:
      return assertNever(fact);
  }
}
