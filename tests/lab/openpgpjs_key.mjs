// Makes a key with openpgp.js, whose place is the argument. Standard input is JSON: the options of `generateKey`, and settings.
// Standard output is JSON: the certificate, armored as with these settings.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const openpgp = await import(pathToFileURL(process.argv[2]));
const asked = JSON.parse(readFileSync(0, "utf8"));
Object.assign(openpgp.config, asked.config);
const { publicKey } = await openpgp.generateKey({ ...asked.options, format: "armored" });
process.stdout.write(JSON.stringify({ armored: publicKey }));
