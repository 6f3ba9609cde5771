// Works apart from the page, so that it stays responsive. Each message says what is to be done; what that needs is loaded then.
import { Failed } from "./failed.js";
import { fetched } from "./fetching.js";

let ciphertext;

self.onmessage = async ({ data }) => {
  try {
    await WORK[data.work](data);
  } catch (error) {
    self.postMessage({ failed: error instanceof Failed ? error.message : "broken" });
  }
};

const WORK = { prepare, open, answer };

// While the code is typed: the ciphertext, and all that opening it needs.
async function prepare({ address }) {
  const encrypted = message(address).catch(() => undefined); // whoever opens it is told
  const [opening] = await Promise.all([import("./opening.js"), import("./reading.js")]);
  opening.prepare((await encrypted)?.size);
}

// Tells the letter, then the content of its files, then the end. A wrong code can be followed by another one.
async function open({ address, code }) {
  const encrypted = await message(address);
  const [{ decrypt }, { Reading }] = await Promise.all([import("./opening.js"), import("./reading.js")]);
  const reading = new Reading();
  let done = 0;
  tell("opening", undefined);
  await decrypt(encrypted, code, (piece) => {
    reading.add(piece);
    done += piece.length;
    tell("opening", done / encrypted.size);
  });
  ciphertext = undefined;
  self.postMessage({ letter: await reading.letter() });
  for await (const file of reading.files()) self.postMessage({ file });
  self.postMessage({ end: true });
}

async function answer({ answer }) {
  const { encrypted } = await import("./answering.js");
  const octets = await encrypted(answer);
  self.postMessage({ answer: octets }, [octets.buffer]);
}

function message(address) {
  ciphertext ??= fetched(address, (part) => tell("fetching", part)).catch((error) => {
    ciphertext = undefined; // for the next try
    throw error;
  });
  return ciphertext;
}

function tell(doing, part) {
  self.postMessage({ doing, part });
}
