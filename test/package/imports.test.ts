import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { trespasses } from './support/imports.js'
import { root } from './support/root.js'

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('src', name))

test('imports run one way: core ← http ← nest, core ← stores, testing → core, observe → core', () => {
  expect(files.length).toBeGreaterThan(50)
  expect(files.flatMap((file) => trespasses(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
})

test.each([
  ['core reads a file', 'src/core/a.ts', "import { readFile } from 'node:fs/promises'"],
  ['core imports a package', 'src/core/a.ts', "import type { Type } from '@nestjs/common'"],
  ['core imports http', 'src/core/a.ts', "import { Door } from '../http/door.js'"],
  ['core names devices', 'src/core/a.ts', "import Bowser from 'bowser'"],
  ['core names a store in a type', 'src/core/a.ts', "export type A = import('../stores/memory.js').MemoryStore"],
  ['http imports nest', 'src/http/a.ts', "export { SessionModule } from '../nest/session.module.js'"],
  ['http loads a platform', 'src/http/a.ts', "import { fastify } from 'fastify'"],
  ['nest imports a store', 'src/nest/a.ts', "import '../stores/memory.js'"],
  ['nest imports testing later', 'src/nest/a.ts', "export const a = () => import('../testing/index.js')"],
  ['a store imports http', 'src/stores/a.ts', "import { Door } from '../http/door.js'"],
  ['the drop-in imports a store of ours', 'src/express-session/a.ts', "import '../stores/redis.js'"],
  ['http imports the drop-in', 'src/http/a.ts', "import '../express-session/index.js'"],
  ['a store imports another', 'src/stores/sqlite/a.ts', "import { MemoryStore } from '../memory.js'"],
  ['what is common to stores imports one', 'src/stores/keyed/a.ts', "import { fromExpressStore } from '../express.js'"],
  ['a store loads a client', 'src/stores/redis/a.ts', "import { createClient } from 'redis'"],
  ['a store requires a client', 'src/stores/redis/a.ts', "export const a = require('redis')"],
  ['what is required shows at run time', 'src/stores/redis/a.ts', 'export const a = (b: string) => import(b)'],
  ['what observes imports http', 'src/observe/a.ts', "import { Door } from '../http/door.js'"],
  ['nest imports what observes', 'src/nest/a.ts', "import '../observe/opentelemetry.js'"],
  ['core imports OpenTelemetry', 'src/core/a.ts', "import { metrics } from '@opentelemetry/api'"],
  ['testing imports a store', 'src/testing/a.ts', "import { MemoryStore } from '../stores/memory.js'"],
  ['the index exports a store', 'src/index.ts', "export { MemoryStore } from './stores/memory.js'"],
  ['somebody imports the library by its name', 'src/http/a.ts', "import { SessionError } from 'latchkey/core'"],
  ['a new folder has no rules', 'src/util/a.ts', 'export {}'],
])('it would be seen when %s', (_, file, text) => {
  expect(trespasses(file, text)).toHaveLength(1)
})

test.each([
  ['http names the types of a platform', 'src/http/a.ts', "import type { FastifyInstance } from 'fastify'"],
  ['a store loads a client when its time has come', 'src/stores/redis/a.ts', "export const a = () => import('redis')"],
  ['a store imports what is common to several', 'src/stores/express.ts', "import { a } from './keyed/keyed-store.js'"],
  ['a store imports its own folder', 'src/stores/redis.ts', "import { read } from './redis/client.js'"],
])('and it is right when %s', (_, file, text) => {
  expect(trespasses(file, text)).toEqual([])
})
