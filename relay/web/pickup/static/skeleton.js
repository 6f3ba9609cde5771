// A mail without its large files, so that these need not be in memory while it is parsed.
//
// Long runs of base64 lines are replaced by a short word in base64, the same for a file's whole content; `ranges` says where
// they stand in the mail. Whether a word stands for a whole file shows when the rest has been parsed.
const LONG = 1 << 18; // octets of a run
const MOST_LINE = 1 << 10;
const [LF, CR, PAD] = [10, 13, 61];
const LETTERS = new Uint8Array(256);
for (const one of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") LETTERS[one.charCodeAt(0)] = 1;

export class Skeleton {
  ranges = [];
  #secret = crypto.randomUUID(); // no mail can have it
  #kept = new Growing();
  #rest = new Uint8Array();
  #within = false; // a line that has begun before `rest`
  #at = 0;
  #run;

  constructor() {
    this.#begin();
  }

  add(octets) {
    const all = joined(this.#rest, octets);
    let from = 0;
    for (let end; (end = all.indexOf(LF, from) + 1); from = end) this.#line(all.subarray(from, end));
    this.#rest = all.slice(from);
    if (this.#rest.length > MOST_LINE) {
      this.#other(this.#rest);
      this.#rest = new Uint8Array();
      this.#within = true;
    }
  }

  // Its octets; nothing can be added any more.
  end() {
    if (this.#rest.length) this.#line(this.#rest);
    this.#endRun();
    return this.#kept.octets;
  }

  // The range that this content stands for, if it does.
  rangeOf(content) {
    const word = content.length < 100 ? new TextDecoder().decode(content) : "";
    return this.ranges.find((_, number) => this.#word(number) === word);
  }

  #word(number) {
    return `${this.#secret}/${number}`;
  }

  #begin() {
    this.#run = { lines: [], octets: 0, letters: 0, padded: false };
  }

  #line(line) {
    const letters = this.#within ? 0 : lettersOf(line);
    if (!letters) return this.#other(line);
    if (this.#run.padded) this.#endRun();
    const run = this.#run;
    run.octets += line.length;
    run.letters += letters;
    run.padded = line.includes(PAD);
    if (run.octets < LONG) run.lines.push(line);
    else run.lines = [];
    this.#at += line.length;
  }

  #other(octets) {
    this.#endRun();
    this.#kept.add(octets);
    this.#at += octets.length;
    this.#within = false;
  }

  #endRun() {
    const { lines, octets, letters } = this.#run;
    if (octets >= LONG) {
      this.#kept.add(new TextEncoder().encode(`${btoa(this.#word(this.ranges.length))}\r\n`));
      this.ranges.push({ start: this.#at - octets, end: this.#at, size: Math.floor((letters * 3) / 4) });
    } else for (const line of lines) this.#kept.add(line);
    this.#begin();
  }
}

// How many letters of base64 a line has before its padding; 0: it has something else, or is too long.
function lettersOf(line) {
  let [at, end] = [0, line.length];
  if (line[end - 1] === LF) end -= 1;
  if (line[end - 1] === CR) end -= 1;
  if (end > MOST_LINE) return 0;
  while (LETTERS[line[at]] && at < end) at += 1;
  const letters = at;
  while (line[at] === PAD && at < end && at < letters + 2) at += 1;
  return at === end ? letters : 0;
}

function joined(first, second) {
  if (!first.length) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

class Growing {
  #all = new Uint8Array(1 << 16);
  #length = 0;

  add(octets) {
    const needed = this.#length + octets.length;
    if (needed > this.#all.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.octets);
      this.#all = larger;
    }
    this.#all.set(octets, this.#length);
    this.#length = needed;
  }

  get octets() {
    return this.#all.subarray(0, this.#length);
  }
}
