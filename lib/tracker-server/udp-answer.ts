// PURE. The UDP side of our tracker (BEP 15): a packet and its source in, the packet to send back out.

import { addressOfHost } from '../address/text';
import { NOT_LISTED } from './tracker';
import type { Tracker } from './tracker';
import {
  ACTION,
  ANNOUNCE_REQUEST_BYTES,
  REQUEST_HEADER_BYTES,
  decodeAnnounce,
  decodeScrape,
  encodeAnnounceReply,
  encodeConnectReply,
  encodeError,
  encodeScrapeReply,
  isConnect,
} from '../tracker/udp-codec';
import type { UdpCookies } from './udp-cookie';

/**
 * The reply, or undefined where silence is better: an answer to what is broken, or to a flood,
 * would only make us part of one. No reply to an unproven source is longer than its packet.
 */
export function answerPacket(
  packet: Buffer,
  source: string,
  {
    tracker,
    cookies,
    nowMs,
  }: {
    readonly tracker: Tracker;
    readonly cookies: UdpCookies;
    readonly nowMs: number;
  },
): Buffer | undefined {
  // Source port aside, the address is all that matters; IPv4 inside IPv6 is IPv4.
  const address = addressOfHost(source);
  if (address === undefined || packet.length < REQUEST_HEADER_BYTES) {
    tracker.malformed();
    return undefined;
  }
  const transactionId = packet.readUInt32BE(12);
  if (isConnect(packet)) {
    tracker.connected();
    return encodeConnectReply(transactionId, cookies.issue(address, nowMs));
  }
  if (!cookies.check(packet, address, nowMs)) {
    tracker.badConnectionId();
    // Told, because a client whose id went stale would otherwise wait; a shorter packet is no request.
    if (packet.length < ANNOUNCE_REQUEST_BYTES) return undefined;
    return encodeError(transactionId, 'connection id mismatch');
  }
  const action = packet.readUInt32BE(8);
  if (action === ACTION.announce) {
    const announce = decodeAnnounce(packet, address);
    if (announce === undefined || announce.port === 0) {
      tracker.malformed();
      return encodeError(transactionId, 'an announce has 98 bytes and a port from 1 to 65535');
    }
    const answer = tracker.announce('udp', announce, nowMs);
    if (answer === 'too-fast') return undefined;
    if (answer === 'not-listed') return encodeError(transactionId, NOT_LISTED);
    const peers = address.length === 4 ? answer.peers : answer.peers6;
    return encodeAnnounceReply(transactionId, tracker.intervalSec, answer, peers);
  }
  if (action === ACTION.scrape) {
    const hashes = decodeScrape(packet);
    if (hashes.length === 0) {
      tracker.malformed();
      return encodeError(transactionId, 'a scrape names at least one info hash');
    }
    const counts = tracker.scrape('udp', hashes, address, nowMs);
    return counts === 'too-fast' ? undefined : encodeScrapeReply(transactionId, counts);
  }
  tracker.malformed();
  return encodeError(transactionId, 'unknown action');
}
