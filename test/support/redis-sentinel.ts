import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'
import { endWithThisProcess, findServer, freePort, type RedisServer, startRedis } from './redis-server.js'

/** A master and a replica that a Sentinel watches over. */
export interface RedisSentinel {
  /** The name of the master for Sentinel. */
  readonly name: string
  readonly sentinel: { readonly host: string; readonly port: number }
  readonly servers: readonly [RedisServer, RedisServer]
  /** The server that is the master now, by Sentinel's word. */
  master(): Promise<RedisServer>
  /** Has Sentinel make the replica the master, and waits until both servers are what they should be. */
  failOver(): Promise<void>
  /** Waits until the replica has all that the master has. */
  settle(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'main'

/** Starts two servers and a Sentinel that is ready for a failover. */
export async function startSentinel(): Promise<RedisSentinel> {
  const sync = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
  const first = await startRedis({ args: sync })
  const second = await startRedis({ args: [...sync, '--replicaof', '127.0.0.1', String(first.port)] })
  const sentinel = await startWatch(first)
  const servers = [first, second] as const
  const master = async (): Promise<RedisServer> => {
    const [, port] = (await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[]
    return servers.find((server) => String(server.port) === port) as RedisServer
  }
  const replica = async (): Promise<RedisServer> => ((await master()) === first ? second : first)
  const isReady = async (): Promise<boolean> => {
    const [replicas, now] = [await sentinel.command('SENTINEL', 'REPLICAS', NAME), await replica()]
    const seen = (replicas as string[][]).map((fields) => new Map(pairs(fields)))
    const one = seen.find((each) => each.get('port') === String(now.port))
    return (
      one?.get('flags') === 'slave' &&
      one.get('master-link-status') === 'ok' &&
      /role:slave/.test(await roleOf(now)) &&
      /role:master/.test(await roleOf(await master()))
    )
  }
  const settle = async (): Promise<void> => {
    // Not by WAIT, which waits for the writes of its own connection only.
    const due = offsetIn(await roleOf(await master()), 'master_repl_offset')
    const now = await replica()
    const has = async (): Promise<boolean> => offsetIn(await roleOf(now), 'slave_repl_offset') >= due
    await until(has, 'the replica has everything')
  }
  await until(isReady, 'Sentinel knows the replica')
  return {
    name: NAME,
    sentinel: { host: '127.0.0.1', port: sentinel.port },
    servers,
    master,
    settle,
    async failOver() {
      const before = await master()
      await until(async () => {
        const answer = await sentinel.command('SENTINEL', 'FAILOVER', NAME).catch((error: unknown) => error)
        return answer === 'OK'
      }, 'Sentinel agrees to a failover')
      await until(async () => (await master()) !== before, 'there is another master')
      await until(isReady, 'the former master is a replica')
    },
    async stop() {
      await sentinel.stop()
      for (const server of servers) await server.kill()
    },
  }
}

interface Watch {
  readonly port: number
  command(...args: string[]): Promise<unknown>
  stop(): Promise<void>
}

async function startWatch(master: RedisServer): Promise<Watch> {
  const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'latchkey-sentinel-'))]
  const path = join(dir, 'sentinel.conf')
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 1`]
  lines.push(`sentinel down-after-milliseconds ${NAME} 1000`, `sentinel failover-timeout ${NAME} 2000`)
  await writeFile(path, `${lines.join('\n')}\n`)
  const child = spawn(findServer(), [path, '--sentinel'], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const watcher = endWithThisProcess(child)
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 2 }).on('error', () => {})
  await client.connect()
  // A former master is told to follow after four of its publish periods, which are of two seconds each.
  await client.sendCommand(['SENTINEL', 'DEBUG', 'PUBLISH-PERIOD', '200', 'INFO-PERIOD', '500'])
  return {
    port,
    command: (...args) => client.sendCommand(args),
    async stop() {
      client.destroy()
      child.kill('SIGKILL')
      await ended
      watcher.kill('SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function roleOf(server: RedisServer): Promise<string> {
  return String(await server.command('INFO', 'replication').catch(() => ''))
}

function offsetIn(role: string, name: string): number {
  return Number(new RegExp(`${name}:(\\d+)`).exec(role)?.[1] ?? -1)
}

function pairs(flat: readonly string[]): [string, string][] {
  const entries: [string, string][] = []
  for (let at = 0; at < flat.length; at += 2) entries.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return entries
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 750; attempt++) {
    if (await isSo()) return
    await wait(20)
  }
  throw new Error(`Within 15 s it did not come about that ${what}`)
}
