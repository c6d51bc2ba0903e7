// Lists of buffers that are filled one after the other, as by `readv`.

/** Splits a list of buffers after `lengthBytes`, or at its end. Copies no bytes. */
export function cutPlaces(
  places: readonly Uint8Array[],
  lengthBytes: number,
): { head: readonly Uint8Array[]; tail: readonly Uint8Array[]; headBytes: number } {
  let headBytes = 0;
  for (const [index, place] of places.entries()) {
    const room = lengthBytes - headBytes;
    if (place.length > room) {
      const head = places.slice(0, index);
      if (room > 0) head.push(place.subarray(0, room));
      return {
        head,
        tail: [place.subarray(room), ...places.slice(index + 1)],
        headBytes: lengthBytes,
      };
    }
    headBytes += place.length;
  }
  return { head: places, tail: [], headBytes };
}
