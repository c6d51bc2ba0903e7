// Network settings of an engine, the same for the coordinator and all peer threads. All values are
// checked.

export interface NetworkSettings {
  /** The buffer of an `IpFilter`, which all threads share; absent: no filter. */
  readonly ipFilter?: SharedArrayBuffer | undefined;
  /** Address or interface of ours that every socket is bound to; absent: the system chooses. */
  readonly bind?: string | undefined;
  /** Address or name that trackers should give to peers for us; absent: the source of the announce. */
  readonly announceAddress?: string | undefined;
  /** Port that is announced to trackers and peers; absent: the listening port. */
  readonly announcePort?: number | undefined;
  /** DSCP of packets that are sent to peers (RFC 2474), 0–63; absent: not marked. */
  readonly dscp?: number | undefined;
}
