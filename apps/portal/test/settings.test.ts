import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keptSecret, makeDataFolder } from '../src/config/data-folder.js'
import { readSettings, SettingsError } from '../src/config/settings.js'
import { temporaryFolder } from './support/portal.js'

test('without any variable there is a portal for development', () => {
  expect(readSettings({})).toEqual({
    adapter: 'express',
    host: '0.0.0.0',
    port: 3000,
    sessionSecret: undefined,
    jwtSecret: undefined,
    redisUrl: undefined,
    databaseUrl: undefined,
    trustProxy: undefined,
    dataFolder: expect.stringMatching(/apps\/portal\/data$/) as string,
    throttle: { limit: 10, ttl: 60_000 },
  })
})

test('an empty variable is one that is not set', () => {
  const names = ['PORT', 'HOST', 'ADAPTER', 'NODE_ENV', 'REDIS_URL', 'DATABASE_URL', 'DATA_DIR']
  names.push('SESSION_SECRET', 'JWT_SECRET')
  expect(readSettings(Object.fromEntries(names.map((name) => [name, ' '])))).toEqual(readSettings({}))
})

test('every variable is read', () => {
  const environment = {
    ADAPTER: 'Fastify',
    HOST: '127.0.0.1',
    PORT: '8080',
    NODE_ENV: 'production',
    SESSION_SECRET: 'new,old',
    JWT_SECRET: 'j'.repeat(32),
    REDIS_URL: 'rediss://user:secret@redis.example.com:6380/1',
    DATABASE_URL: 'postgresql://user:secret@db.example.com/portal',
    TRUST_PROXY: 'loopback, 10.0.0.0/8,fd00::/8,192.168.1.1',
    DATA_DIR: '/var/lib/portal',
  }
  expect(readSettings(environment)).toMatchObject({
    adapter: 'fastify',
    host: '127.0.0.1',
    port: 8080,
    sessionSecret: 'new,old',
    jwtSecret: environment.JWT_SECRET,
    redisUrl: environment.REDIS_URL,
    databaseUrl: environment.DATABASE_URL,
    trustProxy: 'loopback,10.0.0.0/8,fd00::/8,192.168.1.1',
    dataFolder: '/var/lib/portal',
  })
})

test('.env.example has every variable, with its default', async () => {
  const example = await readFile(new URL('../../../.env.example', import.meta.url), 'utf8')
  const names = new Set<string>()
  readSettings(new Proxy({}, { get: (_target, name) => void names.add(String(name)) }))
  expect(Object.keys(parseEnv(example)).toSorted()).toEqual([...names].toSorted())
  expect(readSettings(parseEnv(example))).toEqual(readSettings({}))
})

test.each([
  [{ PORT: 'http' }, 'PORT is "http". Give a number from 0 to 65535; 0 takes a free port.'],
  [{ PORT: '65536' }, 'PORT is "65536". Give a number from 0 to 65535; 0 takes a free port.'],
  [{ PORT: '-1' }, 'PORT is "-1". Give a number from 0 to 65535; 0 takes a free port.'],
  [{ PORT: '3e3' }, 'PORT is "3e3". Give a number from 0 to 65535; 0 takes a free port.'],
  [{ ADAPTER: 'koa' }, 'ADAPTER is "koa". Give one of: express, fastify.'],
  [{ NODE_ENV: 'prod' }, 'NODE_ENV is "prod". Give one of: development, production, test.'],
  [{ NODE_ENV: 'production' }, /^SESSION_SECRET is not set\. In production it must be: `openssl rand -base64 32`/],
  [{ SESSION_SECRET: 'new, old', JWT_SECRET: 'old' }, /^JWT_SECRET is a secret of SESSION_SECRET\. Give it one of its/],
  [
    { NODE_ENV: 'production', SESSION_SECRET: 'x', JWT_SECRET: 'short' },
    /^JWT_SECRET has 5 characters\. In production it must have at least 32\. Give it one of its own: `openssl rand/,
  ],
  [{ REDIS_URL: 'localhost' }, /^REDIS_URL is no URL\. Write redis:\/\//],
  [{ REDIS_URL: 'http://localhost' }, /^REDIS_URL begins with http:\. Write redis:\/\//],
  [{ DATABASE_URL: 'mysql://localhost/portal' }, /^DATABASE_URL begins with mysql:\. Write postgres:\/\//],
  [{ DATABASE_URL: 'postgres:///portal' }, /^DATABASE_URL names no host\. Write postgres:\/\//],
  [{ TRUST_PROXY: 'true' }, /^TRUST_PROXY holds "true"\. Give addresses/],
  [{ TRUST_PROXY: '1' }, /^TRUST_PROXY holds "1"\. Give addresses/],
  [{ TRUST_PROXY: 'loopback,10.0.0.0/33' }, /^TRUST_PROXY holds "10\.0\.0\.0\/33"\. Give addresses/],
])('%j is refused', (environment, message) => {
  expect(() => readSettings(environment)).toThrow(SettingsError)
  expect(() => readSettings(environment)).toThrow(message)
})

test('a refused URL is not shown: it may hold a password', () => {
  for (const url of ['mysql://user:hunter2@localhost', '//user:hunter2@', 'postgres://:hunter2@/x']) {
    for (const name of ['DATABASE_URL', 'REDIS_URL']) {
      expect(() => readSettings({ [name]: url }), url).toThrow(/^(?!.*hunter2)/)
    }
  }
})

describe('the secret of a data folder', () => {
  let folder: string

  beforeEach(async () => {
    folder = await temporaryFolder()
  })

  afterEach(async () => {
    await chmod(folder, 0o700)
    await rm(folder, { recursive: true, force: true })
  })

  test('is made once and kept, for its owner alone', async () => {
    const secret = keptSecret(folder)
    expect(secret).toMatch(/^[\w-]{43}$/)
    expect(keptSecret(folder)).toBe(secret)
    const path = join(folder, 'session-secret')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await readFile(path, 'utf8')).trim()).toBe(secret)
    expect(await readdir(folder)).toEqual(['session-secret'])
  })

  test('is another one in another folder', async () => {
    const other = join(folder, 'other')
    makeDataFolder(other)
    expect((await stat(other)).mode & 0o777).toBe(0o700)
    expect(keptSecret(other)).not.toBe(keptSecret(folder))
  })

  test('is never half of one', async () => {
    await writeFile(join(folder, 'session-secret'), 'half')
    expect(() => keptSecret(folder)).toThrow(/session-secret: it holds less than 32 characters\. Remove the file/)
  })

  test('needs a folder', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    expect(() => makeDataFolder(join(file, 'data'))).toThrow(/^The data folder .* can't be made: .*Set DATA_DIR/)
    expect(() => keptSecret(join(folder, 'missing'))).toThrow(/can't be kept in .*set SESSION_SECRET/)
  })
})
