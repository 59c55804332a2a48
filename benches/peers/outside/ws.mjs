// An echo server: `ws` of npm, with its native helper `bufferutil`.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
// Memory is not counted here: an empty answer to each question.
process.stdin.on("data", () => console.log(""));
process.stdin.on("end", () => process.exit(0));
