// PURE. The UDP side of our tracker (BEP 15): from a received packet and its source to the packet
// to send back.

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
 * The reply, or undefined where silence is better: replies to invalid packets, or to a flood, would
 * make us part of one. No reply to an unverified source is longer than its packet.
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
  // The source port does not matter; IPv4 inside IPv6 counts as IPv4.
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
    // An error, because a client with a stale id would otherwise wait. A shorter packet is not a
    // request.
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
