// Octets that come in pieces, as one Blob: the browser keeps that outside the page's process.
export const AT_ONCE = 1 << 21;

export class Pieces {
  #blobs = [];
  #waiting = [];
  #octets = 0;

  add(octets) {
    this.#waiting.push(octets);
    this.#octets += octets.length;
    if (this.#octets < AT_ONCE) return;
    this.#blobs.push(new Blob(this.#waiting));
    this.#waiting = [];
    this.#octets = 0;
  }

  blob() {
    return new Blob([...this.#blobs, ...this.#waiting]);
  }
}

export async function* octetsOf(stream) {
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
