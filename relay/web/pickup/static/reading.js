// What stands in a mail: its fields, its text, and its files as Blobs.
import PostalMime from "./postal-mime/postal-mime.js";
import { decodeBase64 } from "./postal-mime/decode-strings.js";
import { AT_ONCE, Pieces } from "./pieces.js";
import { Skeleton } from "./skeleton.js";

const OURS = /^x-pickup-/i;
const IMAGE = /^image\/(?:png|jpeg|gif|webp)$/i;

// Takes the mail in pieces. What `letter` returns can be shown while the content of its files is made.
export class Reading {
  #skeleton = new Skeleton();
  #pieces = new Pieces();
  #mail;
  #contents;
  #sent;

  add(octets) {
    this.#skeleton.add(octets);
    this.#pieces.add(octets);
  }

  async letter() {
    const octets = this.#skeleton.end();
    const { mail, ranges } = await this.#parsed(octets);
    this.#contents = mail.attachments.map((one, number) => ranges[number] ?? octetsOf(one.content));
    this.#sent = endOfOurs(octets);
    const attachments = mail.attachments.map((one, number) => described(one, this.#contents[number]));
    for (const [number, one] of attachments.entries()) if (mail.html && one.id && IMAGE.test(one.type)) one.address = await this.#address(number, one.type);
    const field = (name) => mail.headers.find((one) => one.key === name)?.value ?? "";
    return {
      subject: mail.subject ?? "",
      from: addresses(mail.from ? [mail.from] : []),
      to: addresses([...(mail.to ?? []), ...(mail.cc ?? [])]),
      date: mail.date ?? "",
      html: mail.html ?? "",
      text: mail.text ?? "",
      token: field("x-pickup-token"),
      answerKey: field("x-pickup-answer-key").toUpperCase(),
      answerCertificate: field("x-pickup-answer-certificate").replace(/\s+/g, ""),
      attachments,
    };
  }

  // The mail as it was sent, and then what stands in each file, by its number.
  async *files() {
    yield { content: this.#whole.slice(this.#sent) };
    for (const number of this.#contents.keys()) yield { number, content: await this.#content(number) };
  }

  get #whole() {
    return (this.#mail ??= this.#pieces.blob());
  }

  // By its skeleton, and which range each file is; in one piece where a long run of base64 was no whole file.
  async #parsed(octets) {
    const mail = await parse(octets);
    const ranges = mail.attachments.map((one) => this.#skeleton.rangeOf(octetsOf(one.content)));
    if (ranges.filter(Boolean).length === this.#skeleton.ranges.length) return { mail, ranges };
    return { mail: await parse(new Uint8Array(await this.#whole.arrayBuffer())), ranges: [] };
  }

  async #address(number, type) {
    const content = await this.#content(number);
    return new FileReaderSync().readAsDataURL(content.slice(0, content.size, type.toLowerCase()));
  }

  async #content(number) {
    const content = this.#contents[number];
    return content instanceof Uint8Array ? new Blob([content]) : this.#decoded(content);
  }

  async #decoded({ start, end }) {
    const pieces = new Pieces();
    let rest = "";
    for (let at = start; at < end; at += AT_ONCE) {
      const octets = await this.#whole.slice(at, Math.min(at + AT_ONCE, end)).arrayBuffer();
      const letters = rest + new TextDecoder().decode(octets).replace(/[\r\n=]+/g, "");
      const whole = letters.length - (letters.length % 4);
      pieces.add(new Uint8Array(decodeBase64(letters.slice(0, whole))));
      rest = letters.slice(whole);
    }
    pieces.add(new Uint8Array(decodeBase64(rest)));
    return pieces.blob();
  }
}

function parse(octets) {
  return PostalMime.parse(octets, { attachmentEncoding: "arraybuffer" });
}

function described(attachment, content) {
  return {
    name: attachment.filename ?? "",
    type: attachment.mimeType,
    id: (attachment.contentId ?? "").replace(/^<|>$/g, ""),
    size: content.length ?? content.size,
  };
}

function octetsOf(content) {
  return typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
}

function addresses(list) {
  return list.flatMap((one) => (one.group ? one.group : [one])).map(({ name, address }) => ({ name: name ?? "", address: address ?? "" }));
}

// Where the mail begins as it was sent: behind the fields that the page was given.
function endOfOurs(octets) {
  let at = 0;
  for (let taken = true; taken; ) {
    let end = octets.indexOf(10, at) + 1;
    taken = end > 0 && OURS.test(String.fromCharCode(...octets.subarray(at, Math.min(end, at + 20))));
    while (taken && (octets[end] === 32 || octets[end] === 9)) end = octets.indexOf(10, end) + 1 || octets.length;
    if (taken) at = end;
  }
  return at;
}
