import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisStore } from 'latchkey/stores/redis'
import { createClient } from 'redis'

/** How many commands are on their way at once while it is filled. */
const IN_FLIGHT = 500

/** A Redis with nothing of ours in it: the one given, or a server of its own. */
export async function startRedis(given) {
  const server = given === undefined ? await startServer() : undefined
  const client = createClient({ url: given ?? server.url })
  client.on('error', () => {})
  await client.connect()
  const store = new RedisStore({ client, prefix: `load-sessions-${randomUUID()}` })
  return {
    store,
    users: 0,
    /** One session of each user. */
    keys: [],
    load: (records) => inFlight(records, (record) => store.create(record)),
    async about() {
      const info = await client.info()
      return { 'redis-server': /redis_version:(\S+)/.exec(info)[1], bytes: Number(/used_memory:(\d+)/.exec(info)[1]) }
    },
    async close() {
      if (server) client.destroy()
      else {
        await inFlight(Array(this.users).keys(), (user) => store.revokeAll(String(user)))
        await client.close()
      }
      await server?.stop()
    },
  }
}

async function inFlight(items, call) {
  const iterator = items[Symbol.iterator]()
  const work = async () => {
    for (const item of iterator) await call(item)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
}

async function startServer() {
  const [dir, port] = [mkdtempSync(join(tmpdir(), 'latchkey-load-')), await freePort()]
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir]
  const child = spawn(process.env.REDIS_SERVER || 'redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  // Ends the server when this process has ended, however that was.
  const watcher = spawn('sh', ['-c', `read _; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('redis-server ended while it was starting.')))
    child.stdout.on('data', (text) => String(text).includes('Ready to accept connections') && resolve())
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL')
      await ended
      watcher.kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
