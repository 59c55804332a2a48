// An echo server: Bun, whose server is uWebSockets.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("", { status: 400 });
  },
  websocket: {
    idleTimeout: 0,
    perMessageDeflate: false,
    maxPayloadLength: 16 << 20,
    backpressureLimit: 64 << 20,
    message(socket, message) {
      socket.send(message);
    },
  },
});
console.log(server.port);
// Memory is not counted here: an empty answer to each question.
process.stdin.on("data", () => console.log(""));
process.stdin.on("end", () => process.exit(0));
