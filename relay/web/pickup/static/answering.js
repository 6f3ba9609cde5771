// The reader's answer, encrypted to the sender's certificate.
import * as openpgp from "./openpgp/openpgp.min.mjs";
import { Failed } from "./failed.js";

export async function encrypted({ certificate, fingerprint, subject, text, files }) {
  let key;
  try {
    key = await openpgp.readKey({ binaryKey: Uint8Array.from(atob(certificate), (one) => one.charCodeAt(0)) });
  } catch {
    throw new Failed("badKey");
  }
  if (!fingerprint || key.getFingerprint().toUpperCase() !== fingerprint) throw new Failed("badKey");
  const message = await openpgp.createMessage({ binary: entity(subject, text, files), format: "mime" });
  try {
    return await openpgp.encrypt({ message, encryptionKeys: key, format: "binary" });
  } catch {
    throw new Failed("badKey");
  }
}

// A MIME entity (RFC 2045) whose subject is protected (RFC 9788), as octets.
function entity(subject, text, files) {
  const boundary = `=_${crypto.randomUUID()}`;
  const lines = [
    `Content-Type: multipart/mixed; boundary="${boundary}"; protected-headers="v1"; hp="cipher"`,
    `Subject: ${encodedWords(subject)}`,
    "",
    `--${boundary}`,
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    base64(new TextEncoder().encode(text.replace(/\r?\n/g, "\r\n"))),
  ];
  for (const file of files) {
    const name = encodeURIComponent(file.name).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
    lines.push(
      `--${boundary}`,
      `Content-Type: application/octet-stream`,
      `Content-Disposition: attachment; filename*=UTF-8''${name}`,
      "Content-Transfer-Encoding: base64",
      "",
      base64(new Uint8Array(file.content)),
    );
  }
  lines.push(`--${boundary}--`, "");
  return new TextEncoder().encode(lines.join("\r\n"));
}

function encodedWords(text) {
  const clean = text.replace(/[\x00-\x1f\x7f]/g, " ").slice(0, 500);
  if (/^[\x20-\x7e]*$/.test(clean) && !clean.includes("=?") && clean.length < 60) return clean;
  const words = [];
  let piece = "";
  for (const letter of clean) {
    if (new TextEncoder().encode(piece + letter).length > 42) {
      words.push(piece);
      piece = "";
    }
    piece += letter;
  }
  return [...words, piece].map((one) => `=?utf-8?B?${binary(new TextEncoder().encode(one))}?=`).join("\r\n ");
}

function base64(octets) {
  return binary(octets).replace(/.{76}/g, "$&\r\n");
}

function binary(octets) {
  let text = "";
  for (let at = 0; at < octets.length; at += 30000) text += btoa(String.fromCharCode(...octets.subarray(at, at + 30000)));
  return text;
}
