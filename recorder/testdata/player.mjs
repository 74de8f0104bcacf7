// What asciinema-player makes of a cast: player.mjs PLAYER/dist FILE prints, as
// JSON, the size it begins with, how long it is, and all that was put out.
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [dist, file] = process.argv.slice(2).map((p) => resolve(p));
const core = readdirSync(dist).find((name) => /^core-.*\.js$/.test(name));
const { C: Core } = await import(pathToFileURL(`${dist}/${core}`));
const quiet = new Proxy({}, { get: () => () => {} });
const seen = { output: "", resizes: [], markers: [] };
const player = new Core({ data: readFileSync(file, "utf8") }, { logger: quiet, preload: true });
player.addEventListener("metadata", (m) => Object.assign(seen, { duration: m.duration, markers: m.markers }));
player.addEventListener("reset", (r) => Object.assign(seen, { size: r.size ?? r }));
player.addEventListener("output", (o) => (seen.output += [o].flat().join("")));
player.addEventListener("resize", (r) => seen.resizes.push(r));
player.addEventListener("error", (e) => { throw e; });
player.terminalReady();
await player.init();
await player.seek("100%");
console.log(JSON.stringify(seen));
process.exit(0);
