// The page of a pick-up: fetches the ciphertext, has it decrypted in a worker, and shows it. Nothing readable leaves the browser but
// the answer, encrypted.
import { TEXTS } from "./texts.js";

const MOST_ENCLOSED = 20 * 1000 * 1000;
const WORDS = 6;
const { DOMPurify } = window;
const here = (id) => document.getElementById(id);
const place = location.pathname.replace(/\/+$/, "");
const trusted = trustedTypes();
let language = navigator.languages?.some((one) => /^fr/i.test(one)) || !navigator.languages?.length ? "fr" : "en";
if (/^en/i.test(navigator.languages?.[0] ?? "")) language = "en";
let texts = TEXTS[language];
let ciphertext;
let letter;

// --- language ---------------------------------------------------------------------------------------------------------------

function speak(chosen) {
  language = chosen;
  texts = TEXTS[language];
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = texts[one.dataset.t];
  const button = here("language");
  button.textContent = texts.other;
  button.lang = language === "fr" ? "en" : "fr";
  if (letter) showFacts();
  here("problem").textContent = "";
}

here("language").addEventListener("click", () => speak(language === "fr" ? "en" : "fr"));

// --- opening ----------------------------------------------------------------------------------------------------------------

here("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  const code = normalised(here("code").value);
  const count = code ? code.split("-").length : 0;
  if (count !== WORDS) return wrong(count ? texts.words(count) : texts.empty);
  here("problem").textContent = "";
  busy(true);
  try {
    ciphertext ??= await fetched();
    progress(undefined, texts.opening);
    const found = await opened(code);
    if (found.failed) return wrong(texts[found.failed]);
    show(found);
    prove(found.token);
  } catch (error) {
    if (error instanceof Gone) return gone();
    wrong(texts.network);
  } finally {
    busy(false);
  }
});

class Gone extends Error {}

// Any case, accents, blanks or hyphens.
function normalised(typed) {
  return (typed.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[a-z]+/g) ?? []).join("-");
}

async function fetched() {
  progress(0, texts.fetching);
  const response = await fetch(`${place}/message`, { credentials: "omit", referrerPolicy: "no-referrer" });
  if (response.status === 404 || response.status === 410) throw new Gone();
  if (!response.ok) throw new Error("not loaded");
  const size = Number(response.headers.get("Content-Length")) || 0;
  const pieces = [];
  let got = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    got += value.length;
    progress(size ? got / size : undefined, texts.fetching);
  }
  return new Blob(pieces).arrayBuffer();
}

function work(asked, moved = []) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(trusted.createScriptURL("/static/worker.js"), { type: "module" });
    worker.onmessage = ({ data }) => (worker.terminate(), resolve(data));
    worker.onerror = () => (worker.terminate(), resolve({ failed: "broken" }));
    try {
      worker.postMessage(asked, moved);
    } catch (error) {
      reject(error);
    }
  });
}

function busy(is) {
  here("open").disabled = is;
  here("progress").hidden = !is;
}

function progress(part, doing) {
  const bar = here("bar");
  if (part === undefined) bar.removeAttribute("value");
  else bar.value = part;
  bar.setAttribute("aria-label", doing);
  if (here("doing").textContent !== doing) here("doing").textContent = doing;
}

function wrong(sentence) {
  here("problem").textContent = sentence;
  here("code").setAttribute("aria-invalid", "true");
  here("code").focus();
}

function gone() {
  here("locked").hidden = true;
  here("gone").hidden = false;
}

// In two workers, one after the other: what the first one needed is free before the second begins.
async function opened(code) {
  const sent = ciphertext;
  ciphertext = undefined;
  const clear = await work({ work: "decrypt", ciphertext: sent, code }, [sent]);
  ciphertext = clear.ciphertext;
  return clear.failed ? clear : work({ work: "read", octets: clear.octets }, [clear.octets.buffer]);
}

function prove(token) {
  if (token) {
    const body = new URLSearchParams({ proof: token });
    fetch(`${place}/opened`, { method: "POST", body, credentials: "omit", keepalive: true }).catch(() => undefined);
  }
}

// --- showing ----------------------------------------------------------------------------------------------------------------

function show(found) {
  letter = found;
  here("locked").hidden = true;
  here("code").value = "";
  here("letter").hidden = false;
  showFacts();
  showBody();
  showFiles();
  here("eml").href = saved([letter.eml]);
  here("reply").hidden = !(letter.answerKey && letter.answerCertificate);
  here("subject").focus();
}

function showFacts() {
  here("subject").textContent = letter.subject || texts.untitled;
  document.title = letter.subject || texts.untitled;
  here("from").textContent = letter.from;
  here("to").textContent = letter.to;
  const date = new Date(letter.date);
  here("date").textContent = Number.isNaN(date.getTime()) ? "" : date.toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
  here("answer-hint").textContent = texts.answerHint(letter.from);
}

function showBody() {
  const body = here("body");
  if (!letter.html) {
    const plain = document.createElement("p");
    plain.className = "plain";
    plain.textContent = letter.text;
    body.replaceChildren(plain);
    return;
  }
  const frame = document.createElement("iframe");
  frame.title = letter.subject || texts.untitled;
  frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  frame.referrerPolicy = "no-referrer";
  frame.addEventListener("load", () => settle(frame));
  frame.srcdoc = trusted.createHTML(
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><link rel="stylesheet" href="/static/mail.css"></head><body>${clean(letter.html)}</body></html>`,
  );
  body.replaceChildren(frame);
}

// Styles as the mail has them, by an allow list; nothing in it loads anything.
const STYLES = /^(?:color|background-color|font(?:-(?:family|size|style|weight))?|text-(?:align|decoration|indent|transform)|line-height|letter-spacing|white-space|vertical-align|(?:max-|min-)?(?:width|height)|(?:margin|padding|border)(?:-[a-z-]+)?|list-style-type|display)$/;

function settle(frame) {
  const inside = frame.contentDocument;
  for (const one of inside.querySelectorAll("[data-style]")) {
    for (const declaration of one.dataset.style.split(";")) {
      const at = declaration.indexOf(":");
      const [name, value] = [declaration.slice(0, at).trim().toLowerCase(), declaration.slice(at + 1).trim()];
      if (STYLES.test(name) && !/[\\(@]/.test(value.replace(/rgba?\(/gi, ""))) one.style.setProperty(name, value);
    }
  }
  const fit = () => (frame.style.height = `${inside.documentElement.scrollHeight}px`);
  fit();
  for (const image of inside.images) image.addEventListener("load", fit);
  new ResizeObserver(fit).observe(inside.body);
}

function clean(html) {
  const images = new Map(letter.attachments.filter((one) => one.id).map((one) => [one.id, one]));
  DOMPurify.addHook("uponSanitizeAttribute", (node, data) => {
    if (data.attrName === "style") {
      node.setAttribute("data-style", data.attrValue);
      data.keepAttr = false;
    } else if (data.attrName === "src") {
      const image = /^cid:/i.test(data.attrValue) ? images.get(decoded(data.attrValue.slice(4))) : undefined;
      if (image && /^image\/(?:png|jpeg|gif|webp)$/i.test(image.type)) {
        data.attrValue = dataUrl(image);
        image.shown = true;
      } else data.keepAttr = false;
    } else if (data.attrName === "href" && !/^(?:https?:|mailto:|tel:|#)/i.test(data.attrValue)) data.keepAttr = false;
  });
  DOMPurify.addHook("afterSanitizeAttributes", (node) => {
    if (node.nodeName === "A" && node.hasAttribute("href")) {
      node.setAttribute("target", "_blank");
      node.setAttribute("rel", "noopener noreferrer nofollow");
    }
  });
  const quiet = html.replace(/<style\b[\s\S]*?<\/style\s*>/gi, "").replace(/(<[a-z][^<>]*?\s)style(\s*=)/gi, "$1data-style$2"); // the policy would complain of each
  const made = DOMPurify.sanitize(quiet, {
    USE_PROFILES: { html: true },
    ADD_DATA_URI_TAGS: ["img"],
    ADD_ATTR: ["data-style", "target"],
    FORBID_TAGS: ["form", "input", "button", "textarea", "select", "option", "label", "style", "link", "meta", "base", "video", "audio", "source", "track", "picture", "map", "area", "dialog", "details", "template"],
    FORBID_ATTR: ["id", "name", "class", "srcset", "background", "ping", "poster", "usemap", "autofocus", "tabindex", "contenteditable", "popover", "popovertarget"],
    ADD_URI_SAFE_ATTR: ["data-style"],
    ALLOW_DATA_ATTR: false,
    RETURN_TRUSTED_TYPE: false,
  });
  DOMPurify.removeAllHooks();
  return made;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function dataUrl(image) {
  let text = "";
  for (let at = 0; at < image.content.length; at += 30000) text += btoa(String.fromCharCode(...image.content.subarray(at, at + 30000)));
  return `data:${image.type.toLowerCase()};base64,${text}`;
}

function showFiles() {
  const files = letter.attachments.filter((one) => !one.shown);
  here("files").hidden = !files.length;
  here("attachments").replaceChildren(
    ...files.map((one) => {
      const [item, link, name, size] = ["li", "a", "span", "span"].map((kind) => document.createElement(kind));
      name.textContent = fileName(one.name);
      size.textContent = sizeOf(one.content.length);
      name.className = "name";
      size.className = "size";
      link.append(name, size);
      link.href = saved([one.content]);
      link.download = fileName(one.name);
      item.append(link);
      return item;
    }),
  );
}

// A download and never a page: whatever it is, its type says octets.
function saved(pieces) {
  return URL.createObjectURL(new Blob(pieces, { type: "application/octet-stream" }));
}

function fileName(name) {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, "_").slice(0, 150) || texts.attachment;
}

function sizeOf(octets) {
  const [small, kilo, mega] = texts.units;
  const [number, unit] = octets < 1000 ? [octets, small] : octets < 1e6 ? [octets / 1000, kilo] : [octets / 1e6, mega];
  return `${number.toLocaleString(language, { maximumFractionDigits: number < 10 && unit === mega ? 1 : 0 })}\u00a0${unit}`;
}

here("print").addEventListener("click", () => print());

// --- answering --------------------------------------------------------------------------------------------------------------

here("answering").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = here("answer").value;
  const chosen = [...here("enclosed").files];
  const problem = (sentence) => (here("answer-problem").textContent = sentence);
  if (!text.trim() && !chosen.length) return problem(texts.nothing);
  if (chosen.reduce((sum, one) => sum + one.size, 0) > MOST_ENCLOSED) return problem(texts.tooLarge);
  problem("");
  here("send").disabled = true;
  try {
    const files = await Promise.all(chosen.map(async (one) => ({ name: one.name, content: await one.arrayBuffer() })));
    const subject = /^re\s*:/i.test(letter.subject) ? letter.subject : `Re: ${letter.subject}`;
    const made = await work({ work: "seal", certificate: letter.answerCertificate, fingerprint: letter.answerKey, subject, text, files });
    if (made.failed) return problem(texts[made.failed]);
    const response = await fetch(`${place}/answer`, {
      method: "POST",
      body: made.sealed,
      headers: { "Content-Type": "application/octet-stream", "Pickup-Proof": letter.token },
      credentials: "omit",
    });
    if (!response.ok) throw new Error("not sent");
    here("copy").href = saved([`${subject}\r\n\r\n${text}\r\n`]);
    here("answering").hidden = true;
    here("sent").hidden = false;
    here("sent-text").focus();
  } catch {
    problem(texts.notSent);
  } finally {
    here("send").disabled = false;
  }
});

here("again").addEventListener("click", () => {
  here("answer").value = "";
  here("enclosed").value = "";
  here("sent").hidden = true;
  here("answering").hidden = false;
  here("answer").focus();
});

// --- beginning --------------------------------------------------------------------------------------------------------------

function trustedTypes() {
  const same = (text) => text;
  return window.trustedTypes?.createPolicy("pickup", { createHTML: same, createScriptURL: same }) ?? { createHTML: same, createScriptURL: same };
}

speak(language);
here("language").hidden = false;
here("locked").hidden = false;
here("code").focus();
