// Deadlines that pass when a spec says so.

/** Runs `work` while every `AbortSignal.timeout` is the one returned, of which a spec decides. */
export async function withDeadline(
  work: (deadline: AbortController) => Promise<void>,
): Promise<void> {
  const { timeout } = AbortSignal;
  const deadline = new AbortController();
  AbortSignal.timeout = () => deadline.signal;
  try {
    await work(deadline);
  } finally {
    AbortSignal.timeout = timeout;
  }
}
