// How the engine uses the network, the same for the coordinator and every peer thread. Each value
// is already checked.

export interface NetworkSettings {
  /** The buffer of an `IpFilter`, which all threads share; absent: no filter. */
  readonly ipFilter?: SharedArrayBuffer | undefined;
  /** Address or interface of ours that every socket is bound to; absent: the system chooses. */
  readonly bind?: string | undefined;
  /** Address or name that trackers are to hand out for us; absent: that from which they see us. */
  readonly announceAddress?: string | undefined;
  /** Port that trackers and peers get for us; absent: the one that we listen on. */
  readonly announcePort?: number | undefined;
  /** Marks what is sent to peers (RFC 2474), 0–63; absent: not marked. */
  readonly dscp?: number | undefined;
}
