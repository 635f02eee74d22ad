// face-api's networks on raw pictures: node judge_net.js JUDGES SIDE PICTURES WHAT > JSON lines.
// JUDGES: the folder with node_modules; PICTURES: a file of bytes, N x SIDE x SIDE x RGB; WHAT: "points" or "expressions".
const fs = require("fs");
const path = require("path");
const [judges, side, pictures, what] = process.argv.slice(2);
const modules = path.resolve(judges, "node_modules");
const load = (name) => require(path.join(modules, name));
const tf = load("@tensorflow/tfjs");
const wasm = load("@tensorflow/tfjs-backend-wasm");
wasm.setWasmPaths(path.join(modules, "@tensorflow/tfjs-backend-wasm/dist/"));
const faceapi = load("@vladmandic/face-api/dist/face-api.node-wasm.js");

async function main() {
  await tf.setBackend("wasm");
  await tf.ready();
  const net = what === "points" ? faceapi.nets.faceLandmark68Net : faceapi.nets.faceExpressionNet;
  await net.loadFromDisk(path.join(modules, "@vladmandic/face-api/model"));
  const bytes = fs.readFileSync(pictures);
  const one = side * side * 3;
  for (let at = 0; at < bytes.length; at += one) {
    const shape = [Number(side), Number(side), 3];
    const picture = tf.tensor3d(Int32Array.from(bytes.subarray(at, at + one)), shape, "int32");
    const input = await faceapi.toNetInput(picture);
    if (what === "points") {
      const found = await net.detectLandmarks(input);
      console.log(JSON.stringify(found.positions.map((p) => [p.x, p.y])));
    } else {
      const logits = tf.tidy(() => net.runNet(input)); // before the softmax
      console.log(JSON.stringify(Array.from(logits.dataSync())));
      logits.dispose();
    }
    picture.dispose();
  }
}

main();
