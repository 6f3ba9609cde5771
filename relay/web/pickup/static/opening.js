// The ciphertext, and how a code decrypts it.
import * as openpgp from "./openpgp/openpgp.min.mjs";
import { Failed } from "./failed.js";
import { octetsOf } from "./pieces.js";
import { digestOfRepeated } from "./sha256.js";

const SMALL = 1 << 20; // octets that are decrypted in one step: faster, and its digest is native
const LARGE = 8 << 20; // octets; above, the code is hashed in pieces: native hashing takes 130 MB, and a second less

// What is decrypted goes to `take` piece by piece, and is sound only when this returns: the digest stands at the end.
export async function decrypt(ciphertext, code, take) {
  try {
    const binaryMessage = ciphertext.size > SMALL ? ciphertext.stream() : new Uint8Array(await ciphertext.arrayBuffer());
    const message = await openpgp.readMessage({ binaryMessage });
    message.packets.filterByTag(openpgp.enums.packet.symEncryptedSessionKey).forEach(ciphertext.size > LARGE ? hashInPieces : hashNatively);
    const { data } = await openpgp.decrypt({ message, passwords: [code], format: "binary", config: { allowUnauthenticatedStream: true } });
    if (data instanceof Uint8Array) take(data);
    else for await (const piece of octetsOf(data)) take(piece);
  } catch {
    throw new Failed("wrong");
  }
}

// --- the key from the code ---------------------------------------------------------------------------------------------------

const COUNT = 65_011_712; // octets that are hashed for a key
const KEY = 32;
const NATIVE = { [openpgp.enums.hash.sha256]: "SHA-256", [openpgp.enums.hash.sha512]: "SHA-512" };
let prepared;

// Memory for what is hashed, written once: the system hands it out only then, which takes longer than filling it again.
export function prepare(size) {
  if (size <= LARGE) prepared ??= new Uint8Array(COUNT).fill(1);
}

// openpgp.js derives the same key, in memory that it takes only now.
function hashNatively({ s2k }) {
  if (s2k.type !== "iterated" || s2k.getCount() !== COUNT || !NATIVE[s2k.algorithm]) return;
  s2k.produceKey = async (code, size) => {
    if (size > KEY) throw new Error("a longer key than one digest");
    const hash = crypto.subtle.digest(NATIVE[s2k.algorithm], repeated(s2k.salt, new TextEncoder().encode(code)));
    release();
    return new Uint8Array(await hash).subarray(0, size);
  };
}

function hashInPieces({ s2k }) {
  if (s2k.type !== "iterated" || s2k.getCount() !== COUNT || s2k.algorithm !== openpgp.enums.hash.sha256) return;
  s2k.produceKey = async (code, size) => {
    if (size > KEY) throw new Error("a longer key than one digest");
    return digestOfRepeated(Uint8Array.of(...s2k.salt, ...new TextEncoder().encode(code)), COUNT).subarray(0, size);
  };
}

// Salt and code again and again (RFC 9580 section 3.7.1.3).
function repeated(salt, code) {
  prepare(0);
  prepared.set(salt);
  prepared.set(code, salt.length);
  for (let filled = salt.length + code.length; filled < COUNT; filled *= 2) prepared.copyWithin(filled, 0, filled);
  return prepared;
}

// Now, and not when the browser collects it: what a closed port was sent is thrown away.
function release() {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(prepared.buffer, [prepared.buffer]);
  port1.close();
  port2.close();
  prepared = undefined;
}
