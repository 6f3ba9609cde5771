// The page of a pick-up: has the ciphertext fetched and decrypted in a worker, and shows it. Nothing readable leaves the browser
// but the answer, encrypted.
import { BUSY } from "./failed.js";
import { TEXTS } from "./texts.js";

const MOST_ENCLOSED = 20 * 1000 * 1000;
const WORDS = 6;
const [MOST_PEOPLE, FIRST_PEOPLE] = [6, 3];
const { DOMPurify } = window;
const here = (id) => document.getElementById(id);
const place = location.pathname.replace(/\/+$/, "");
const message = new URL(`${place}/message`, location.href).href;
const trusted = trustedTypes();
let language = navigator.languages?.some((one) => /^fr/i.test(one)) || !navigator.languages?.length ? "fr" : "en";
if (/^en/i.test(navigator.languages?.[0] ?? "")) language = "en";
let texts = TEXTS[language];
const organisation = document.title;
let opener;
let letter;

// --- language ---------------------------------------------------------------------------------------------------------------

function speak(chosen) {
  language = chosen;
  texts = TEXTS[language];
  document.documentElement.lang = language;
  document.title = `${texts.page} – ${organisation}`; // never the subject: a browser's history keeps it
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = texts[one.dataset.t];
  const button = here("language");
  button.textContent = texts.other;
  button.lang = language === "fr" ? "en" : "fr";
  if (letter) showFacts();
  right();
}

here("language").addEventListener("click", () => speak(language === "fr" ? "en" : "fr"));

// --- opening ----------------------------------------------------------------------------------------------------------------

here("code").addEventListener("input", prepared);

here("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = normalised(here("code").value);
  const count = code ? code.split("-").length : 0;
  if (count !== WORDS) return wrong(count ? texts.words(count) : texts.empty);
  right();
  busy(true);
  progress(undefined, texts.opening);
  prepared().postMessage({ work: "open", address: message, code });
});

// The worker that opens the mail; from the first letter of the code on it loads what that needs.
function prepared() {
  if (opener) return opener;
  opener = started(({ data }) => {
    if (data.doing) return progress(data.part, texts[data.doing]);
    if (data.letter) return show(data.letter);
    if (data.file) return complete(data.file);
    if (data.end) return stopped();
    busy(false);
    if (data.failed === "gone") return gone();
    if (data.failed === "broken") stopped();
    wrong(texts[data.failed]);
  });
  opener.postMessage({ work: "prepare", address: message });
  return opener;
}

function stopped() {
  opener.terminate();
  opener = undefined;
}

// Any case, accents, blanks or hyphens.
function normalised(typed) {
  return (typed.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[a-z]+/g) ?? []).join("-");
}

function started(take) {
  const worker = new Worker(trusted.createScriptURL("/static/worker.js"), { type: "module" });
  worker.onmessage = take;
  worker.onerror = () => take({ data: { failed: "broken" } });
  return worker;
}

function busy(is) {
  here("open").disabled = is;
  here("progress").hidden = !is;
}

function progress(part, doing) {
  const bar = here("bar");
  bar.hidden = part === undefined;
  if (part !== undefined) bar.value = part;
  bar.setAttribute("aria-label", doing);
  if (here("doing").textContent !== doing) here("doing").textContent = doing;
}

function right() {
  here("problem").textContent = "";
  here("code").removeAttribute("aria-invalid");
}

function wrong(sentence) {
  here("problem").textContent = sentence;
  here("code").setAttribute("aria-invalid", "true");
  here("code").focus();
}

function gone() {
  here("locked").hidden = true;
  here("gone").hidden = false;
  here("gone-title").focus();
}

// Whether the page itself came with 404; browsers that do not tell have the code typed first.
function isGone() {
  return performance.getEntriesByType("navigation")[0]?.responseStatus === 404;
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
  here("letter").hidden = false;
  showFacts();
  showBody();
  setTimeout(showRest); // once the text is drawn
}

function showRest() {
  busy(false);
  here("code").value = "";
  showFiles();
  here("reply").hidden = !(letter.answerKey && letter.answerCertificate);
  here("subject").focus();
  prove(letter.token);
}

function showFacts() {
  here("subject").textContent = letter.subject || texts.untitled;
  here("from").replaceChildren(...people(letter.from));
  here("to").replaceChildren(...people(letter.to));
  const date = new Date(letter.date);
  const when = Number.isNaN(date.getTime()) ? "" : date.toLocaleString(locale(), { dateStyle: "long", timeStyle: "short" });
  here("date").textContent = language === "fr" ? when.replace(/^1(?=\s)/, "1er") : when;
  here("answer-hint").textContent = texts.answerHint(letter.from.map(({ name, address }) => (name ? `${name} <${address}>` : address)).join(", "));
}

// A line each; of many, most behind a line that says how many.
function people(list) {
  const lines = list.map(person);
  if (lines.length <= MOST_PEOPLE) return lines;
  const [more, summary] = [document.createElement("details"), document.createElement("summary")];
  summary.textContent = texts.others(lines.length - FIRST_PEOPLE);
  more.append(summary, ...lines.slice(FIRST_PEOPLE));
  return [...lines.slice(0, FIRST_PEOPLE), more];
}

// A long address goes on in the next line behind its signs; a name from the right turns nothing else round.
function person({ name, address }) {
  const [line, called, box] = ["div", "bdi", "bdi"].map((tag) => document.createElement(tag));
  called.textContent = name;
  box.className = "box";
  box.append(...(address.match(/[^@.]*[@.]|[^@.]+/g) ?? []).flatMap((part) => [part, document.createElement("wbr")]));
  line.append(...(name ? [called, " "] : []), box);
  return line;
}

// The visitor’s own kind of the language: dates in English differ from country to country.
function locale() {
  return navigator.languages?.find((one) => one.toLowerCase().startsWith(language)) ?? (language === "en" ? "en-GB" : language);
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
// Nor are sizes that follow the frame's height taken: other units than these, and words for all the room there is.
const OF_FRAME = /\d(?!(?:px|pt|pc|in|cm|mm|q|r?em|ex|ch)\b)[a-z]|stretch|available/i;
const IMPORTANT = /!\s*important$/i;
const COLOURS = /#[\da-f]+\b/gi;

function settle(frame) {
  const [inside, around] = [frame.contentDocument, here("body")];
  inside.documentElement.style.fontSize = getComputedStyle(document.documentElement).fontSize;
  for (const one of inside.querySelectorAll("[data-style]")) {
    for (const { name, value, priority } of declarations(one.dataset.style)) {
      if (STYLES.test(name) && !OF_FRAME.test(value.replace(COLOURS, "")) && !/[\\(@]/.test(value.replace(/rgba?\(/gi, ""))) one.style.setProperty(name, value, priority);
    }
  }
  // Measured in a frame of the least height, so that nothing in it makes it grow without end. The page around it stays as it is.
  const fit = () => {
    around.style.minHeight = `${around.offsetHeight}px`;
    frame.style.height = 0;
    const height = inside.documentElement.scrollHeight;
    frame.style.height = `${height}px`;
    frame.style.height = `${height + frame.clientHeight - inside.documentElement.clientHeight}px`; // a scroll bar stands below a wide mail
    around.style.minHeight = "";
  };
  fit();
  for (const image of inside.images) image.addEventListener("load", fit);
  new ResizeObserver(fit).observe(inside.body);
}

// Of a style. Important ones come last, for a later one takes the place of an earlier one.
function declarations(style) {
  const all = style.split(";").map((declaration) => {
    const at = declaration.indexOf(":");
    const [name, given] = [declaration.slice(0, at).trim().toLowerCase(), declaration.slice(at + 1).trim()];
    const value = given.replace(IMPORTANT, "");
    return { name, value, priority: value === given ? "" : "important" };
  });
  return [...all.filter(({ priority }) => !priority), ...all.filter(({ priority }) => priority)];
}

function clean(html) {
  const images = new Map(letter.attachments.filter((one) => one.id).map((one) => [one.id, one]));
  DOMPurify.addHook("uponSanitizeAttribute", (node, data) => {
    if (data.attrName === "style") {
      node.setAttribute("data-style", data.attrValue);
      data.keepAttr = false;
    } else if (data.attrName === "src") {
      const image = /^cid:/i.test(data.attrValue) ? images.get(decoded(data.attrValue.slice(4))) : undefined;
      if (image?.address) {
        data.attrValue = image.address;
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
  const quiet = withoutStyles(html).replace(/(<[a-z][^<>]*?\s)style(\s*=)/gi, "$1data-style$2"); // the policy would complain of each
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

// In one pass: an expression would look for the end behind each of very many that have none.
function withoutStyles(html) {
  const kept = [];
  const end = /<\/style\s*>/gi;
  let at = 0;
  for (const { index } of html.matchAll(/<style\b/gi)) {
    if (index < at) continue;
    end.lastIndex = index;
    if (!end.test(html)) break;
    kept.push(html.slice(at, index));
    at = end.lastIndex;
  }
  return kept.join("") + html.slice(at);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showFiles() {
  const files = letter.attachments.filter((one) => !one.shown);
  here("files").hidden = !files.length;
  here("attachments").replaceChildren(...files.map((one) => (one.item = listed(one))));
}

function listed(file) {
  const item = document.createElement("li");
  item.append(entry(file));
  return item;
}

// A link, once its content is there.
function entry(file) {
  const [name, size] = [document.createElement("span"), document.createElement("span")];
  const made = document.createElement(file.content ? "a" : "div");
  name.textContent = fileName(file.name);
  size.textContent = sizeOf(file.size);
  name.className = "name";
  size.className = "size";
  made.className = "file";
  made.append(name, size);
  if (file.content) {
    made.href = saved(file.content);
    made.download = fileName(file.name);
  }
  return made;
}

// The content of a file; that without a number is the mail itself.
function complete({ number, content }) {
  if (number === undefined) return (here("eml").href = saved(content));
  const file = letter.attachments[number];
  file.content = content;
  file.item?.replaceChildren(entry(file));
}

// A download and never a page: whatever it is, its type says octets.
function saved(blob) {
  return URL.createObjectURL(blob.slice(0, blob.size, "application/octet-stream"));
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

// Recipients behind a line that says how many are printed like the others.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll(".facts details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
});

// --- answering --------------------------------------------------------------------------------------------------------------

here("answer").addEventListener("input", () => (here("answer-problem").textContent = ""));

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
    const made = await answered({ certificate: letter.answerCertificate, fingerprint: letter.answerKey, subject, text, files });
    if (made.failed) return problem(texts[made.failed]);
    const response = await fetch(`${place}/answer`, {
      method: "POST",
      body: made.answer,
      headers: { "Content-Type": "application/octet-stream", "Pickup-Proof": letter.token },
      credentials: "omit",
    });
    if (BUSY.includes(response.status)) return problem(texts.answerLater);
    if (!response.ok) throw new Error("not sent");
    here("copy").href = saved(new Blob([`${subject}\r\n\r\n${text}\r\n`]));
    here("answering").hidden = true;
    here("sent").hidden = false;
    here("sent-text").focus();
  } catch {
    problem(texts.notSent);
  } finally {
    here("send").disabled = false;
  }
});

// Encrypted, in a worker of its own.
function answered(answer) {
  return new Promise((resolve) => {
    const worker = started(({ data }) => (worker.terminate(), resolve(data)));
    const moved = answer.files.map((one) => one.content);
    worker.postMessage({ work: "answer", answer }, moved);
  });
}

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
if (isGone()) gone();
else {
  here("locked").hidden = false;
  here("code").focus();
}
