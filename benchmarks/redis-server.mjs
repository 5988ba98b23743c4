import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CORES, pin } from './compare/cores.mjs'

/** Starts a Redis without persistence on a free port of loopback. It ends with this process, however that ends. */
export async function startServer() {
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
  pin(child.pid, CORES.others)
  return {
    port,
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
