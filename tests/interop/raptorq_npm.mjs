// The other side of the RaptorQ interoperability test: the npm package `raptorq`.
//   node raptorq_npm.mjs PACKAGE encode OBJECT PACKETS MTU
//   node raptorq_npm.mjs PACKAGE decode PACKETS OBJECT MTU BYTES
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [pkg, verb, input, output, mtu, bytes] = process.argv.slice(2);
const { initSync, Encoder, Decoder } = await import(pathToFileURL(path.join(pkg, 'raptorq.js')));
initSync(fs.readFileSync(path.join(pkg, 'raptorq_bg.wasm')));
const data = fs.readFileSync(input);
const symbol = Number(mtu) - (Number(mtu) % 8);
if (verb === 'encode') {
	const most = Math.ceil(data.length / symbol);
	const packets = Encoder.with_defaults(data, Number(mtu)).encode(Math.ceil(most * 0.5) + 20);
	let seed = 7;
	const heard = packets.filter(() => {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		return (seed >> 8) % 100 < 72;
	});
	fs.writeFileSync(output, Buffer.concat(heard.map((p) => Buffer.from(p))));
} else {
	const decoder = Decoder.with_defaults(BigInt(bytes), Number(mtu));
	let result;
	for (let at = 0; at < data.length && result === undefined; at += symbol + 4)
		result = decoder.decode(data.subarray(at, at + symbol + 4));
	if (result === undefined) {
		console.error('the package needs more packets');
		process.exit(1);
	}
	fs.writeFileSync(output, result);
}
