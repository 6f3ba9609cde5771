// Decrypts a message with openpgp.js, whose place is the argument, and checks its signatures. Standard input is JSON: the armored
// message, the secret key in base64, the signer's armored certificate. Fails where a signature is not good.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const openpgp = await import(pathToFileURL(process.argv[2]));
const asked = JSON.parse(readFileSync(0, "utf8"));
const message = await openpgp.readMessage({ armoredMessage: asked.message });
const decryptionKeys = await openpgp.readPrivateKeys({ binaryKeys: new Uint8Array(Buffer.from(asked.secret, "base64")) });
const verificationKeys = asked.signer ? await openpgp.readKeys({ armoredKeys: asked.signer }) : [];
const { data, signatures } = await openpgp.decrypt({ message, decryptionKeys, verificationKeys, format: "binary" });
if (asked.signer) for (const signature of signatures) await signature.verified;
process.stdout.write(JSON.stringify({ signatures: signatures.length, data: Buffer.from(data).toString("base64") }));
