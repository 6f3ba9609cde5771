// The ciphertext, from the link.
import { BUSY, Failed } from "./failed.js";
import { Pieces, octetsOf } from "./pieces.js";

// `tell` is told which part is there, 0 to 1, where that is known.
export async function fetched(address, tell) {
  try {
    const response = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer" });
    if (response.status === 404 || response.status === 410) throw new Failed("gone");
    if (BUSY.includes(response.status)) throw new Failed("later");
    if (response.ok) return await received(response, tell);
  } catch (error) {
    if (error instanceof Failed) throw error;
  }
  throw new Failed("network");
}

async function received(response, tell) {
  const size = Number(response.headers.get("Content-Length")) || 0;
  const pieces = new Pieces();
  let got = 0;
  for await (const piece of octetsOf(response.body)) {
    pieces.add(piece);
    got += piece.length;
    tell(size ? got / size : undefined);
  }
  return pieces.blob();
}
