import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

const PACKAGES = [
  'express',
  'fastify',
  '@nestjs/core',
  'express-session',
  '@fastify/session',
  'nestjs-session',
  'iron-session',
  'connect-redis',
  'redis',
  'libsql',
  'undici',
]

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore: loadavg()[0],
  }
}

export async function versions(admin) {
  const info = await admin.info('server')
  return {
    latchkey: JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
    node: process.versions.node,
    'redis-server': /redis_version:(\S+)/.exec(info)[1],
    ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  }
}

/** Its package.json may not be among what it exports. */
function versionOf(name) {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version
    } catch {
      // Not in this folder.
    }
  }
  return 'unknown'
}
