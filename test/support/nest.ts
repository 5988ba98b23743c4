import type { Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Test } from '@nestjs/testing'

/** What these tests use of a Nest application; that of Nest 11 and that of Nest 12 both fit. */
export interface NestApp {
  use(...handlers: unknown[]): unknown
  init(): Promise<unknown>
  listen(port: number, host: string): Promise<unknown>
  getUrl(): Promise<string>
  get<T>(token: unknown): T
  setGlobalPrefix(prefix: string): unknown
  useGlobalInterceptors(...interceptors: unknown[]): unknown
  enableShutdownHooks(): unknown
  close(): Promise<void>
}

export interface Adapter {
  readonly name: 'express' | 'fastify'
  readonly trustProxy: string
  make(): unknown
}

export const adapters: readonly Adapter[] = [
  { name: 'express', trustProxy: "app.set('trust proxy', 1)", make: () => new ExpressAdapter() },
  { name: 'fastify', trustProxy: 'new FastifyAdapter({ trustProxy: true })', make: () => new FastifyAdapter() },
]

/** The two ways to make an application: as `main.ts` does, and as a test does. The library mounts itself in both. */
export const factories: readonly { readonly name: string; make(module: Type, adapter: Adapter): Promise<NestApp> }[] = [
  {
    name: 'NestFactory',
    make: async (module, adapter) =>
      (await NestFactory.create(module, adapter.make() as never, { logger: false, abortOnError: false })) as never,
  },
  {
    name: 'a testing module',
    make: async (module, adapter) => {
      const compiled = await Test.createTestingModule({ imports: [module] }).compile()
      return compiled.createNestApplication(adapter.make() as never, { logger: false }) as never
    },
  },
]
