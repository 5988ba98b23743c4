import { connect } from 'node:net'
import { createClient } from 'redis'
import { median } from './figures.mjs'

/** How many of a kind make a measurement. */
const TIMES = 300

/** As long as a session's. */
export const RECORD = 'x'.repeat(200)

/**
 * What a PING to Redis takes over a socket of its own: the median, in milliseconds.
 *
 * @param {{ port: number }} where - on loopback
 */
export async function pingTime({ port }) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return await timeOf(async () => {
      const answered = new Promise((resolve, reject) => socket.once('data', resolve).once('close', reject))
      socket.write('*1\r\n$4\r\nPING\r\n')
      await answered
      socket.removeAllListeners('close')
    })
  } finally {
    socket.destroy()
  }
}

/**
 * What a GET of something as long as a session takes with the client of Redis, and nothing else: the median, in milliseconds.
 *
 * @param {{ port: number }} where - on loopback
 */
export async function getTime({ port }) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.set('record', RECORD)
    return await timeOf(() => client.get('record'))
  } finally {
    client.destroy()
  }
}

async function timeOf(work) {
  const times = []
  for (let count = 0; count < TIMES; count++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return median(times)
}
