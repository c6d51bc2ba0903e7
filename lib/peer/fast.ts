// Handles the messages of the fast extension (BEP 6), and checks that the peer has announced it.

import { MillraceError } from '../errors/millrace-error';
import type { WireMessage } from '../wire/messages';
import type { Download } from './download';
import type { MessageBudget } from './message-budget';
import type { TheirHints } from './their-hints';
import type { TheirPieces } from './their-pieces';

type FastMessage = Extract<
  WireMessage,
  { readonly type: 'have-all' | 'have-none' | 'suggest' | 'reject' | 'allowed-fast' }
>;

export class Fast {
  private readonly negotiated: boolean;
  private readonly budget: MessageBudget;
  private readonly download: Download;
  private readonly theirPieces: TheirPieces;
  private readonly theirHints: TheirHints;

  /** `negotiated`: both sides announced the extension. */
  constructor(
    negotiated: boolean,
    budget: MessageBudget,
    download: Download,
    theirPieces: TheirPieces,
    theirHints: TheirHints,
  ) {
    this.negotiated = negotiated;
    this.budget = budget;
    this.download = download;
    this.theirPieces = theirPieces;
    this.theirHints = theirHints;
  }

  /**
   * `first`: the message is the first one, where a bitfield is allowed. Throws `fast-not-announced`,
   * `unrequested-reject` or `bad-piece-index`.
   */
  onMessage(message: FastMessage, first: boolean, nowMs: number): void {
    if (!this.negotiated) {
      throw new MillraceError(
        'fast-not-announced',
        `a ${message.type} message, but its handshake did not announce the fast extension (BEP 6)`,
      );
    }
    switch (message.type) {
      case 'have-all':
        return this.theirPieces.onHaveAll(first);
      case 'have-none':
        return this.theirPieces.onHaveNone(first);
      case 'reject':
        return this.onReject(message.piece, message.begin, nowMs);
      case 'suggest':
        return this.theirHints.onSuggestion(message.piece);
      case 'allowed-fast':
        return this.theirHints.onAllowed(message.piece);
    }
  }

  private onReject(piece: number, begin: number, nowMs: number): void {
    const { budget, download, theirHints } = this;
    budget.charge();
    const refused = download.onReject(piece, begin, nowMs);
    if (!refused || !download.peerChokes || !theirHints.allowed.has(piece)) return;
    theirHints.onRefusal(piece);
    download.giveUp(piece);
  }
}
