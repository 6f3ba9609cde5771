// Decrypts, parses and encrypts apart from the page, so that it stays responsive. What comes and goes is a message each.
import * as openpgp from "./openpgp/openpgp.min.mjs";
import PostalMime from "./postal-mime/postal-mime.js";

const OURS = /^x-pickup-/i;

self.onmessage = async ({ data }) => {
  try {
    const made = await WORK[data.work](data);
    self.postMessage(made.message, made.moved);
  } catch (error) {
    self.postMessage({ failed: error instanceof Refused ? error.message : "broken" });
  }
};

class Refused extends Error {}

const WORK = { decrypt, read, seal };

async function decrypt({ ciphertext, code }) {
  const message = await openpgp.readMessage({ binaryMessage: new Uint8Array(ciphertext) });
  try {
    const { data: octets } = await openpgp.decrypt({ message, passwords: [code], format: "binary" });
    return { message: { octets }, moved: [octets.buffer] };
  } catch {
    return { message: { failed: "wrong", ciphertext }, moved: [ciphertext] }; // for the next try
  }
}

async function read({ octets }) {
  const mail = await PostalMime.parse(octets, { attachmentEncoding: "arraybuffer" });
  const field = (name) => mail.headers.find((one) => one.key === name)?.value ?? "";
  const attachments = mail.attachments.map((one) => ({
    name: one.filename ?? "",
    type: one.mimeType,
    id: (one.contentId ?? "").replace(/^<|>$/g, ""),
    inline: one.related === true || one.disposition === "inline",
    content: octetsOf(one.content),
  }));
  const eml = withoutOurs(octets);
  const found = {
    subject: mail.subject ?? "",
    from: addresses(mail.from ? [mail.from] : []),
    to: addresses([...(mail.to ?? []), ...(mail.cc ?? [])]),
    date: mail.date ?? "",
    messageId: mail.messageId ?? "",
    html: mail.html ?? "",
    text: mail.text ?? "",
    token: field("x-pickup-token"),
    answerKey: field("x-pickup-answer-key").toUpperCase(),
    answerCertificate: field("x-pickup-answer-certificate").replace(/\s+/g, ""),
    attachments,
    eml,
  };
  return { message: found, moved: [...new Set([eml.buffer, ...attachments.map((one) => one.content.buffer)])] };
}

function octetsOf(content) {
  return content instanceof Uint8Array ? content : typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
}

function addresses(list) {
  return list.flatMap((one) => (one.group ? one.group : [one])).map((one) => (one.name ? `${one.name} <${one.address}>` : one.address)).join(", ");
}

// The mail as it was sent: the fields at its beginning that the page was given are taken off.
function withoutOurs(octets) {
  let at = 0;
  for (let taken = true; taken; ) {
    let end = octets.indexOf(10, at) + 1;
    taken = end > 0 && OURS.test(String.fromCharCode(...octets.subarray(at, Math.min(end, at + 20))));
    while (taken && (octets[end] === 32 || octets[end] === 9)) end = octets.indexOf(10, end) + 1 || octets.length;
    if (taken) at = end;
  }
  return octets.subarray(at);
}

async function seal({ certificate, fingerprint, subject, text, files }) {
  let key;
  try {
    key = await openpgp.readKey({ binaryKey: Uint8Array.from(atob(certificate), (one) => one.charCodeAt(0)) });
  } catch {
    throw new Refused("badKey");
  }
  if (!fingerprint || key.getFingerprint().toUpperCase() !== fingerprint) throw new Refused("badKey");
  const message = await openpgp.createMessage({ binary: entity(subject, text, files), format: "mime" });
  let sealed;
  try {
    sealed = await openpgp.encrypt({ message, encryptionKeys: key, format: "binary" });
  } catch {
    throw new Refused("badKey");
  }
  return { message: { sealed }, moved: [sealed.buffer] };
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
