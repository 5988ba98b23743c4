// A network to Redis, in a process of its own: counts what goes through, and delays it.
//
// The delay of a round trip is divided between the two ways. A timer of Node is a millisecond late now and then, so while
// something is on its way this looks at the clock again and again.
import { connect, createServer } from 'node:net'
import { answers } from './child.mjs'
import { RespCounter } from './resp-counter.mjs'

let sent = 0
let received = 0
let commands = 0
/** One way, in milliseconds. */
let delay = 0
/** @type {{ due: number, socket: import('node:net').Socket, chunk: Buffer }[]} in the order in which they came */
const underway = []

answers({
  open: ({ port }) => open(port),
  /** What has gone through since it was asked last. */
  count() {
    const counted = { sent, received, commands }
    sent = received = commands = 0
    return counted
  },
  delay({ roundTrip }) {
    delay = roundTrip / 2
  },
})

function open(port) {
  const server = createServer((client) => {
    const redis = connect({ port, host: '127.0.0.1', noDelay: true })
    const counter = new RespCounter()
    client.setNoDelay(true)
    client.on('data', (/** @type {Buffer} */ chunk) => {
      const before = counter.commands
      counter.take(chunk)
      commands += counter.commands - before
      sent += chunk.length
      pass(redis, chunk)
    })
    redis.on('data', (/** @type {Buffer} */ chunk) => {
      received += chunk.length
      pass(client, chunk)
    })
    const end = () => {
      client.destroy()
      redis.destroy()
    }
    for (const socket of [client, redis]) socket.on('error', end).on('close', end)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address())
      resolve(address.port)
    })
  })
}

function pass(socket, chunk) {
  if (delay === 0 && underway.length === 0) {
    socket.write(chunk)
    return
  }
  underway.push({ due: performance.now() + delay, socket, chunk })
  if (underway.length === 1) setImmediate(deliver)
}

function deliver() {
  const now = performance.now()
  while (underway.length > 0 && underway[0].due <= now) {
    const { socket, chunk } = underway[0]
    underway.shift()
    if (!socket.destroyed) socket.write(chunk)
  }
  if (underway.length > 0) setImmediate(deliver)
}
