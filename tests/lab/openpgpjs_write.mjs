// Encrypts and signs with openpgp.js, whose place is the argument. Standard input is JSON: content, the recipient's certificate and
// the signer's secret key in base64. Standard output is the binary message.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const openpgp = await import(pathToFileURL(process.argv[2]));
const asked = JSON.parse(readFileSync(0, "utf8"));
const octets = (text) => new Uint8Array(Buffer.from(text, "base64"));
const message = await openpgp.createMessage({ binary: octets(asked.content) });
const encryptionKeys = await openpgp.readKeys({ binaryKeys: octets(asked.certificate) });
const signingKeys = await openpgp.readPrivateKeys({ binaryKeys: octets(asked.secret) });
process.stdout.write(await openpgp.encrypt({ message, encryptionKeys, signingKeys, format: "binary" }));
