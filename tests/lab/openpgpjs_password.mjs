// Opens a message with a password in openpgp.js, whose place is the argument. Standard input is JSON with the message in base64 and
// the password; standard output has what was in it, in base64.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const openpgp = await import(pathToFileURL(process.argv[2]));
const asked = JSON.parse(readFileSync(0, "utf8"));
const message = await openpgp.readMessage({ binaryMessage: new Uint8Array(Buffer.from(asked.message, "base64")) });
const { data } = await openpgp.decrypt({ message, passwords: [asked.password], format: "binary" });
process.stdout.write(Buffer.from(data).toString("base64"));
