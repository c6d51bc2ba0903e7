// A connection before the end of its handshake: its step and the step's deadline, which handshakes
// it accepts, and how an earlier end is reported.

import { toHex } from '../bytes/hex';
import { isLackOfOurs, systemAdvice, systemReason } from '../errors/system-error';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import { ADDRESS_REFUSED, isWithoutOwnAddress } from '../transport/dial-errors';
import type { EndPoint } from '../transport/stream';
import { HandshakeDecoder } from '../wire/handshake';
import type { Handshake } from '../wire/messages';
import type { ConnectionContext } from './connection-context';
import type { OpenTorrent } from './open-torrent';

export interface Ending {
  readonly reason: CloseReason;
  readonly detail: string;
}

export class Opening {
  /** The number of our dial; undefined for an incoming connection. */
  readonly dial: number | undefined;
  readonly decoder = new HandshakeDecoder();
  /** Bytes that arrived after the handshake in the same read, while the connection waits. */
  early: Uint8Array = new Uint8Array();
  private readonly context: ConnectionContext;
  private step: 'dialling' | 'handshaking';
  private deadlineMs: number;

  constructor(context: ConnectionContext, dial: number | undefined) {
    const { dialTimeoutMs, handshakeTimeoutMs } = context.limits;
    this.context = context;
    this.dial = dial;
    this.step = dial === undefined ? 'handshaking' : 'dialling';
    const stepMs = this.step === 'dialling' ? dialTimeoutMs : handshakeTimeoutMs;
    this.deadlineMs = context.nowMs() + stepMs;
  }

  /** The origin, as in the fact `connected`. */
  get origin(): { readonly dial?: number } {
    return this.dial === undefined ? {} : { dial: this.dial };
  }

  /** Our dial was accepted. */
  connected(): void {
    this.step = 'handshaking';
    this.deadlineMs = this.context.nowMs() + this.context.limits.handshakeTimeoutMs;
  }

  /** The peer accepted our dial and got our handshake, and has sent nothing. */
  get refusesPlain(): boolean {
    return this.dial !== undefined && this.step === 'handshaking' && this.decoder.isEmpty;
  }

  /** How the connection ends if the present step has timed out. */
  late(nowMs: number): Ending | undefined {
    if (nowMs < this.deadlineMs) return undefined;
    const { dialTimeoutMs, handshakeTimeoutMs } = this.context.limits;
    if (this.step === 'dialling')
      return { reason: 'dial-timeout', detail: `no answer in ${dialTimeoutMs} ms` };
    const detail = `no whole handshake in ${handshakeTimeoutMs} ms`;
    return { reason: 'handshake-timeout', detail };
  }

  /** The torrent of the peer's handshake: the one that we dialled for, or an open one. */
  torrentOf(theirs: Handshake, dialled: OpenTorrent | undefined): OpenTorrent | Ending {
    const known = dialled ?? this.context.findTorrent(theirs.infoHash);
    if (known !== undefined && !known.closed && equal(known.infoHash, theirs.infoHash))
      return known;
    const hash = toHex(theirs.infoHash);
    return { reason: 'wrong-info-hash', detail: `the peer handshook with info hash ${hash}` };
  }

  isOurself(theirs: Handshake): boolean {
    return equal(theirs.peerId, this.context.peerId);
  }

  /** How the connection ends after an error of its stream. `early`: the stream was not open yet. */
  endingBy(error: Error, early: boolean): Ending {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const dialling = early && this.step === 'dialling';
    if (dialling && isLackOfOurs(error))
      return { reason: 'local-limit', detail: systemReason(error) + systemAdvice(code) };
    if (isWithoutOwnAddress(error)) return { reason: 'no-address', detail: error.message };
    if (code === ADDRESS_REFUSED) return { reason: 'ip-filter', detail: error.message };
    const reason = dialling ? 'dial-failed' : 'connection-error';
    return { reason, detail: `${code}: ${error.message}` };
  }

  /** The fact that reports an end before the handshake. */
  endFact(peer: EndPoint, reason: CloseReason, detail: string): PeerFact {
    const { dial } = this;
    if (dial !== undefined) return { type: 'dial-failed', dial, reason, detail };
    return { type: 'rejected', host: peer.host, port: peer.port, reason, detail };
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
