import { execFileSync } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { startChild, type Child } from './child.js'
import { debianPostgresFolders, findCommand } from './commands.js'
import { freePort } from './ports.js'

/** A PostgreSQL server of a test's own. */
export interface PostgresServer {
  /** Makes a fresh database and answers its URL. */
  createDatabase(): Promise<string>
  /** Ends it, with the connections it has, and waits until it is gone. Twice is not an error. */
  stop(): Promise<void>
}

/** Starts the server in the folder `POSTGRES_BIN`, on the PATH, or where Debian has it, on a free port of 127.0.0.1. */
export async function startPostgres(): Promise<PostgresServer> {
  const named = process.env['POSTGRES_BIN']
  const find = (name: string): string => findCommand([name], named ? [named] : debianPostgresFolders())
  const data = await mkdtemp(join(tmpdir(), 'latchkey-postgres-'))
  const user = otherThanRoot()
  if (user) await chown(data, user.uid, user.gid)
  const how = { ...user, cwd: data }
  const setup = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  execFileSync(find('initdb'), setup, { ...how, stdio: 'pipe' })

  const { server, port } = await startOnFreePort((port) => {
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off']
    return startChild(find('postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], how)
  })

  let count = 0
  return {
    async createDatabase() {
      const url = `postgres://postgres@127.0.0.1:${port}`
      const name = `portal_${++count}`
      const client = new Client({ connectionString: `${url}/postgres` })
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      return `${url}/${name}`
    },
    async stop() {
      await server.end('SIGINT')
      await rm(data, { recursive: true, force: true })
    },
  }
}

/** Somebody else may take the port meanwhile. */
async function startOnFreePort(start: (port: number) => Child): Promise<{ server: Child; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const server = start(port)
    try {
      await server.says(/database system is ready to accept connections/)
      return { server, port }
    } catch (error) {
      await server.end('SIGKILL')
      if (attempt === 3) throw error
    }
  }
}

/** PostgreSQL refuses to run as root; Debian's package has made a user for it. */
function otherThanRoot(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const number = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: number('-u'), gid: number('-g') }
}
