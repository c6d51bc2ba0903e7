// The tap of one connection: it gets the bytes of both directions, and writes them as packets of a
// capture file, as lines of text, or as both. Time and outlets are parameters.

import { hostPort, parseAddress } from '../address/text';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import type { TracedPeer } from '../messages/trace';
import { describeEnd, describeFact, describeSegment } from './describe';
import type { PacketBuffer } from './pcapng';
import { MessageSplitter } from './splitter';
import type { Segment } from './splitter';
import { TcpFlow } from './tcp-flow';
import type { Endpoint } from './tcp-flow';

/** Outputs of a tap, shared by the taps of a thread. */
export interface TraceOutlets {
  /** Undefined once no more packets are wanted. */
  readonly packets: PacketBuffer | undefined;
  /** Undefined if no lines are wanted. */
  readonly line: ((text: string) => void) | undefined;
  /** Milliseconds since 1970, with fractions. */
  readonly wallMs: () => number;
  /** Zero of the times in lines. */
  readonly startedMs: number;
  /** Whether the file gets blocks in full. */
  readonly payload: boolean;
}

export interface TappedConnection {
  /** Never used twice. */
  readonly connection: number;
  readonly host: string;
  readonly port: number;
  /** Whether we dialled. */
  readonly dialled: boolean;
}

/** One end of a socket, with Node's names. */
export interface SocketEnd {
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/**
 * Spreads the initial sequence numbers: connections between the same ports must not look like one.
 */
const SEQUENCE_STRIDE = 0x9e3779b1;

/**
 * Longest line: a peer may list 64 extensions with names of 64 characters to escape, 24 KiB of
 * useless text.
 */
const MAX_LINE_CHARACTERS = 1024;

const ARROW = { sent: '→', received: '←', decided: '·' } as const;

export class WireTap {
  private readonly outlets: TraceOutlets;
  private readonly about: TappedConnection;
  private readonly name: string;
  private readonly toPeer: MessageSplitter;
  private readonly fromPeer: MessageSplitter;
  private flow: TcpFlow | undefined;
  private nowMs = 0;

  constructor(outlets: TraceOutlets, about: TappedConnection) {
    this.outlets = outlets;
    this.about = about;
    this.name = hostPort(about.host, about.port);
    this.toPeer = new MessageSplitter(outlets.payload, (segment) => this.onSegment(segment, true));
    this.fromPeer = new MessageSplitter(outlets.payload, (segment) =>
      this.onSegment(segment, false),
    );
  }

  /** The connection is open. */
  opened(local: SocketEnd, remote: SocketEnd): void {
    const { packets, wallMs } = this.outlets;
    const { connection, dialled } = this.about;
    this.nowMs = wallMs();
    if (packets !== undefined) {
      const [ours, theirs] = endpoints(local, remote, this.about.port);
      this.flow = new TcpFlow(packets, ours, theirs, Math.imul(connection, SEQUENCE_STRIDE));
      this.flow.open(dialled, this.timeUs);
    }
    this.line(ARROW.decided, dialled ? 'connected dialled' : 'connected accepted');
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    if (this.idle) return;
    this.nowMs = this.outlets.wallMs();
    this.fromPeer.feed(bytes, start, end);
  }

  sent(bytes: Uint8Array): void {
    if (this.idle) return;
    this.nowMs = this.outlets.wallMs();
    this.toPeer.feed(bytes, 0, bytes.length);
  }

  /** A fact from our session to the coordinator. */
  fact(fact: PeerFact): void {
    if (this.outlets.line === undefined) return;
    const text = describeFact(fact);
    this.nowMs = this.outlets.wallMs();
    if (text !== undefined) this.line(ARROW.decided, text);
  }

  /** The connection ended, or a dial failed. */
  closed(reason: CloseReason, detail: string): void {
    this.nowMs = this.outlets.wallMs();
    this.toPeer.flush();
    this.fromPeer.flush();
    const text = describeEnd(reason, detail);
    if (this.outlets.packets !== undefined) {
      this.flow?.close(reason !== 'remote-closed', text, this.timeUs);
    }
    this.line(ARROW.decided, text);
  }

  private get idle(): boolean {
    return this.outlets.packets === undefined && this.outlets.line === undefined;
  }

  private get timeUs(): number {
    return Math.round(this.nowMs * 1000);
  }

  private onSegment(segment: Segment, isOurs: boolean): void {
    if (this.outlets.packets !== undefined) {
      const { bytes, keptBytes, cutBytes } = segment;
      this.flow?.data(isOurs, bytes, keptBytes, cutBytes, this.timeUs);
    }
    if (this.outlets.line === undefined) return;
    const text = describeSegment(segment);
    if (text !== undefined) this.line(isOurs ? ARROW.sent : ARROW.received, text);
  }

  private line(arrow: string, text: string): void {
    const seconds = ((this.nowMs - this.outlets.startedMs) / 1000).toFixed(6).padStart(11);
    const line = `${seconds} ${this.name} ${arrow} ${text}`;
    const fits = line.length <= MAX_LINE_CHARACTERS;
    this.outlets.line?.(fits ? line : `${line.slice(0, MAX_LINE_CHARACTERS - 1)}…`);
  }
}

/** Whether a connection's peer is traced; an empty list means all. */
export function isChosen(
  chosen: readonly TracedPeer[],
  { host, port }: { readonly host: string; readonly port: number },
): boolean {
  if (chosen.length === 0) return true;
  const key = hostKey(host);
  return chosen.some(
    (peer) => hostKey(peer.host) === key && (peer.port === undefined || peer.port === port),
  );
}

/** Maps different spellings of an address to one key. */
function hostKey(host: string): string {
  return pack(host)?.join('.') ?? host.toLowerCase();
}

function pack(host: string | undefined): Uint8Array | undefined {
  return host === undefined ? undefined : parseAddress(host.replace(/%.*$/, ''));
}

/** Both ends in one address family; an unknown end is all zeros. */
function endpoints(local: SocketEnd, remote: SocketEnd, port: number): [Endpoint, Endpoint] {
  const theirs = pack(remote.host);
  const ours = pack(local.host);
  const lengthBytes = theirs?.length ?? ours?.length ?? 4;
  const nobody = new Uint8Array(lengthBytes);
  return [
    { address: ours?.length === lengthBytes ? ours : nobody, port: local.port ?? 0 },
    { address: theirs ?? nobody, port: remote.port ?? port },
  ];
}
