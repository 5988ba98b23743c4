import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'
import { median } from './figures.mjs'

/** How many of a kind make a measurement. */
const TIMES = 100

/** As long as a session's. */
const RECORD = 'x'.repeat(200)

/** @typedef {{ port: number, every: number }} Where - the port of Redis on loopback, and the milliseconds from one to the next */

/**
 * What a PING to Redis takes over a socket of its own: the median, in milliseconds.
 *
 * @param {Where} where
 */
export async function pingTime({ port, every }) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return await timeOf(every, async () => {
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
 * @param {Where} where
 */
export async function getTime({ port, every }) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.set('record', RECORD)
    return await timeOf(every, () => client.get('record'))
  } finally {
    client.destroy()
  }
}

async function timeOf(every, work) {
  const times = []
  for (let count = 0; count < TIMES; count++) {
    const rested = wait(every)
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
    await rested
  }
  return median(times)
}
